import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import type { MitigationView } from "../../../src/operator/describe-mitigation.ts";
import { labAddresses } from "../../lab/lab.ts";
import { startAttack } from "../../lab/scene-attack.ts";
import { playScene, type Scene } from "../../lab/scene.ts";
import { watchLines } from "../../lab/watch-lines.ts";
import { suiteLimit } from "../../patience.ts";

const mosquitto = existsSync("/usr/sbin/mosquitto");

interface Told { readonly event: string; readonly title: string; readonly mitigation?: { readonly id: number; readonly state: string } }

/** A receiver of webhooks inside the router's namespace; it prints what it hears. */
const receiver = `require("node:http").createServer((q, r) => { let b = ""; q.on("data", (d) => b += d).on("end", () => { console.log(b); r.end(); }); }).listen(8080, "127.0.0.1", () => console.error("listening"))`;
/** A phone inside the router's namespace that approves each question by MQTT. */
const phone = `const c = require("mqtt").connect("mqtt://127.0.0.1:1883"); c.on("connect", () => c.subscribe("dots-callhome/#")); c.on("message", (t, p) => {
  console.log(JSON.stringify({ topic: t, payload: p.toString() }));
  if (t === "dots-callhome/event" && JSON.parse(p).asks) c.publish("dots-callhome/mitigation/" + JSON.parse(p).about.id + "/set", "approve", { qos: 1 }); });`;

function run<Line>({ lab }: Scene, code: string): ReturnType<typeof watchLines<Line>> {
  const child = lab.router.spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = watchLines<Line>();
  if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => { lines.add(JSON.parse(line) as Line); });
  return lines;
}

describe("messages of the running daemon", { timeout: suiteLimit }, () => {
  it("tell of a question, of the block and of the end, each once, to a webhook", () =>
    playScene({ globals: { consent: "ask", terminating_period: "1" }, more: "config notify 'hook'\n\toption type 'webhook'\n\toption url 'http://127.0.0.1:8080/'\n" }, async (scene) => {
      const heard = run<Told>(scene, receiver);
      const attack = await startAttack(scene.lab, { rate: 300 });
      assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
      const question = await heard.until("the question", ({ event }) => event === "request");
      assert.equal(question.title, `${labAddresses.camera.name} is attacking a stranger`);
      await scene.daemon.cli("approve", "1");
      await heard.until("the block", ({ event }) => event === "blocked");
      await scene.delete(1);
      await heard.until("the end", ({ event }) => event === "ended");
      assert.deepEqual(heard.all.map(({ event }) => event), ["request", "blocked", "ended"]);
      await attack.end();
    }));

  it("obey an answer that comes by MQTT", { skip: mosquitto ? false : "mosquitto is not installed" }, () =>
    playScene({ without: ["daemon"], globals: { consent: "ask" }, more: "config notify 'home'\n\toption type 'mqtt'\n\toption url 'mqtt://127.0.0.1:1883'\n\toption commands '1'\n" }, async (scene) => {
      scene.lab.router.spawn("/usr/sbin/mosquitto", ["-p", "1883"], { stdio: "ignore" });
      const heard = run<{ topic: string; payload: string }>(scene, phone);
      const daemon = scene.startDaemon();
      await daemon.logged(/notify home: connected/);
      await daemon.logged(/: session with/);
      const attack = await startAttack(scene.lab, { rate: 300 });
      assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
      await heard.until("the mitigation to be active", ({ topic, payload }) => topic === "dots-callhome/mitigation/1" && (JSON.parse(payload) as MitigationView).state === "active");
      await attack.stops(500);
      await daemon.logged(/approve 1 by home, over MQTT/);
      const memory = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
      console.log(`# memory of the daemon with MQTT: ${Math.round(Number(memory) / 1024)} MB`);
      daemon.signal("SIGTERM");
      await heard.until("offline", ({ topic, payload }) => topic === "dots-callhome/availability" && payload === "offline");
      await attack.end();
    }));
});
