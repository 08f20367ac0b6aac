import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import type { MitigationView } from "../../../src/operator/describe-mitigation.ts";
import { labAddresses } from "../../lab/lab.ts";
import { startAttack } from "../../lab/scene-attack.ts";
import { playScene, type Scene } from "../../lab/scene.ts";
import { watchLines } from "../../lab/watch-lines.ts";
import { suiteLimit } from "../../patience.ts";
import { until } from "../../until.ts";

const mosquitto = existsSync("/usr/sbin/mosquitto");

/** Requests, each withdrawn at once. They gave 286 messages before there was a limit: three questions a device and hour, each with its end. */
const pairs = 119;
const mostMessages = 8;

interface Told {
  readonly event: string;
  readonly title: string;
  readonly mitigation?: { readonly id: number; readonly state: string };
}

/** A receiver of webhooks inside the router's namespace; it prints what it hears. */
const receiver =
  `require("node:http").createServer((q, r) => { let b = ""; q.on("data", (d) => b += d).on("end", () => { console.log(b); r.end(); }); }).listen(8080, "127.0.0.1", () => console.error("listening"))`;
/** It hears all that is said, and nothing else. */
const listener =
  `const c = require("mqtt").connect("mqtt://127.0.0.1:1883"); c.on("connect", () => c.subscribe("#")); c.on("message", (t, p) => { console.log(JSON.stringify({ topic: t, payload: p.toString() })); });`;
/** A phone inside the router's namespace that approves each question by MQTT. */
const phone = `const c = require("mqtt").connect("mqtt://127.0.0.1:1883"); c.on("connect", () => c.subscribe("dots-callhome/#")); c.on("message", (t, p) => {
  console.log(JSON.stringify({ topic: t, payload: p.toString() }));
  if (t === "dots-callhome/event" && JSON.parse(p).asks) c.publish("dots-callhome/mitigation/" + JSON.parse(p).about.id + "/set", "approve", { qos: 1 }); });`;

function run<Line>({ lab }: Scene, code: string): ReturnType<typeof watchLines<Line>> {
  const child = lab.router.spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = watchLines<Line>();
  if (child.stdout)
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.add(JSON.parse(line) as Line);
    });
  return lines;
}

describe("messages of the running daemon", { timeout: suiteLimit }, () => {
  it("tell of a question, of the block and of the end, each once, to a webhook", () =>
    playScene({
      globals: { consent: "ask", terminating_period: "1" },
      more: "config notify 'hook'\n\toption type 'webhook'\n\toption url 'http://127.0.0.1:8080/'\n",
    }, async (scene) => {
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

  it("are few, however often an upstream asks and withdraws; after a kill -9 that took the memory along the broker keeps nothing old", {
    skip: mosquitto ? false : "mosquitto is not installed",
  }, () =>
    playScene({
      without: ["daemon"],
      globals: { consent: "ask", request_rate: "1000", terminating_period: "0" },
      more:
        "config notify 'hook'\n\toption type 'webhook'\n\toption url 'http://127.0.0.1:8080/'\n\nconfig notify 'home'\n\toption type 'mqtt'\n\toption url 'mqtt://127.0.0.1:1883'\n\toption commands '1'\n",
    }, async (scene) => {
      scene.lab.router.spawn("/usr/sbin/mosquitto", ["-p", "1883"], { stdio: "ignore" });
      const posted = run<Told>(scene, receiver);
      const heard = run<{ topic: string; payload: string }>(scene, listener);
      const daemon = scene.startDaemon();
      await daemon.logged(/notify home: connected/);
      await daemon.logged(/: session with/);
      await heard.until("availability", ({ topic }) => topic === "dots-callhome/availability");
      const attack = await startAttack(scene.lab, { rate: 300 });
      const scope = await attack.reported();
      for (let mid = 1; mid <= pairs; mid++) {
        const { code, diagnostic } = await scene.put(mid, scope);
        assert.equal(code, "2.01", diagnostic);
        assert.equal((await scene.delete(mid)).code, "2.02");
      }
      assert.equal((await scene.put(pairs + 1, scope)).code, "2.01");
      await heard.until("the last one", ({ topic, payload }) => topic === `dots-callhome/mitigation/${pairs + 1}` && payload.includes('"pending"'));
      await posted.until("a question", ({ event }) => event === "request");
      const events = (): number => heard.all.filter(({ topic }) => topic === "dots-callhome/event").length;
      await until("both to have heard the same", () => events() === posted.all.length);
      console.log(`# ${posted.all.length} messages of ${pairs} requests and their withdrawals`);
      assert.ok(posted.all.length <= mostMessages, JSON.stringify(posted.all.map(({ event, title }) => `${event}: ${title}`)));
      await heard.until("the buttons", ({ topic, payload }) => topic === `homeassistant/button/dots-callhome/${pairs + 1}_approve/config` && payload !== "");

      daemon.signal("SIGKILL");
      await daemon.ended;
      for (const name of readdirSync(daemon.stateFolder)) rmSync(`${daemon.stateFolder}/${name}`);
      const kept = (): string[] =>
        [...new Map(heard.all.map(({ topic, payload }) => [topic, payload]))].filter(([, payload]) => payload !== "").map(([topic]) => topic);
      const ofMitigations = (): string[] => kept().filter((topic) => /\/mitigation\/\d+$|\/button\//.test(topic));
      assert.ok(ofMitigations().length > 2, "an earlier run has left some");
      const next = scene.startDaemon();
      await next.logged(/notify home: connected/);
      await until("all of them to go", () => ofMitigations().length === 0);
      await attack.end();
    }));

  it("obey an answer that comes by MQTT", { skip: mosquitto ? false : "mosquitto is not installed" }, () =>
    playScene({
      without: ["daemon"],
      globals: { consent: "ask" },
      more: "config notify 'home'\n\toption type 'mqtt'\n\toption url 'mqtt://127.0.0.1:1883'\n\toption commands '1'\n",
    }, async (scene) => {
      scene.lab.router.spawn("/usr/sbin/mosquitto", ["-p", "1883"], { stdio: "ignore" });
      const heard = run<{ topic: string; payload: string }>(scene, phone);
      const daemon = scene.startDaemon();
      await daemon.logged(/notify home: connected/);
      await daemon.logged(/: session with/);
      const attack = await startAttack(scene.lab, { rate: 300 });
      assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
      await heard.until("the mitigation to be active",
        ({ topic, payload }) => topic === "dots-callhome/mitigation/1" && (JSON.parse(payload) as MitigationView).state === "active");
      await attack.stops(500);
      await daemon.logged(/approve 1 by home, over MQTT/);
      const memory = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
      console.log(`# memory of the daemon with MQTT: ${Math.round(Number(memory) / 1024)} MB`);
      daemon.signal("SIGTERM");
      await heard.until("offline", ({ topic, payload }) => topic === "dots-callhome/availability" && payload === "offline");
      await attack.end();
    }));
});
