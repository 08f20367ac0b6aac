import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { it } from "node:test";
import { noticePort } from "../../src/enforcer/quarantine-chains.ts";
import { routerFlags } from "../bench/router-flags.ts";
import { suiteLimit } from "../patience.ts";
import { labAddresses } from "./lab.ts";
import { startAttack } from "./scene-attack.ts";
import { dotsPorts, inject, pseudoRandom } from "./scene-inject.ts";
import { playScene, type Scene } from "./scene.ts";

/** `make soak`: an hour. */
const minutes = Number(process.env["MINUTES"] ?? "1");
/**
 * What the last sample may have beyond the second, which is taken once all has been used. V8 lets some 40 MB of garbage gather, and then goes back to where it was;
 * in an hour, of a thousand rounds and more, what each leaves for ever comes to more than that.
 */
const mostGrowth = { megabytes: 60, descriptors: 15 } as const;
const rounds = 4; // at the least, however slow the machine is
const random = pseudoRandom(4647);

/** In the router's namespace: a broker that sends what it must not, and a receiver of webhooks that hangs, or answers without end. */
const strangers = `const { createServer } = require("node:net");
const pour = (s, piece) => { const more = () => { while (s.writable && s.write(piece)); }; s.on("drain", more); more(); };
createServer((s) => s.on("error", () => 0).once("data", () => { s.write(Buffer.from([0x20, 2, 0, 0])); setTimeout(pour, 500, s, Buffer.alloc(65536, 0x34)); })).listen(1883, "127.0.0.1");
let turn = 0;
createServer((s) => s.on("error", () => 0).once("data", () => { if (turn++ % 2) pour(s, "HTTP/1.1 200 OK\\r\\nX: " + "x".repeat(65536)); })).listen(8080, "127.0.0.1", () => console.log("ready"));`;
const receivers =
  "config notify 'home'\n\toption type 'mqtt'\n\toption url 'mqtt://127.0.0.1:1883'\n\toption commands '1'\nconfig notify 'hook'\n\toption type 'webhook'\n\toption url 'http://127.0.0.1:8080/'\n";
/** What a DHCP client may call itself. */
const names = ["\u001b[2J", "<img/src=x/onerror=alert(1)>", "{{states}}", "a".repeat(255), "../../etc/passwd", "\u202egnp.exe", "';reboot;'"];

interface Sample {
  readonly megabytes: number;
  readonly descriptors: number;
  readonly children: number;
}

function measure(pid: number): Sample {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter((child) => child !== "");
  return { megabytes: Number(rss) / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length, children: children.length };
}

function describe({ megabytes, descriptors, children }: Sample): string {
  return `${megabytes.toFixed(0)} MB, ${descriptors} descriptors, ${children} processes`;
}

/** What strangers do, all at once. Whether each comes about is of no interest here, only what it leaves. */
async function abuse(scene: Scene, leases: string, round: number): Promise<void> {
  const { lab, daemon } = scene;
  const first = 1_000 + round * 10;
  writeFileSync(lab.files.leases, `${leases}9999999999 02:00:00:00:99:0${round % 10} 192.168.1.20${round % 10} ${names[round % names.length] ?? ""} *\n`);
  const junk = Array.from({ length: 5 }, (_, at) => ({
    "target-prefix": [`198.51.100.${100 + (random(1)[0] ?? 0) % 100}/32`],
    "target-port-range": Array.from({ length: 8 }, (_port, port) => ({ "lower-port": 1 + port * 10, "upper-port": 5 + port * 10 })),
    "source-prefix": [`${labAddresses.wan.v4}/32`],
    "source-port-range": [{ "lower-port": 1 + at, "upper-port": 2 + at }],
    lifetime: 60,
  }));
  const visits =
    `for (let i = 0; i < 40; i++) require("node:net").connect(${noticePort}, "${labAddresses.lan.v4}").on("error", () => 0); setTimeout(() => process.exit(), 1500)`;
  await Promise.allSettled([
    ...junk.map((scope, at) => scene.put(first + at, scope)),
    ...(await dotsPorts(scene)).map((port) => inject(scene, port, Array.from({ length: 50 }, (_, at) => random(1 + at * 20)))),
    daemon.cli("status"),
    daemon.cli("list"),
    daemon.cli("devices"),
    daemon.cli("history"),
    daemon.cli("lookup", "--source", labAddresses.wan.v4, "--target", labAddresses.target.v4),
    lab.laptop.run(process.execPath, ["-e", visits]),
    lab.camera.run(process.execPath, ["-e", visits]),
  ]);
  if (round % 3 === 0) daemon.signal("SIGHUP");
  await Promise.allSettled(junk.map((_, at) => scene.delete(first + at)));
}

it(`${minutes} minutes of mixed abuse leave memory, descriptors and processes as they were`, { timeout: suiteLimit + minutes * 60_000 },
  () =>
    playScene({ without: ["daemon"], globals: { action: "quarantine", terminating_period: "1", log_level: "warn" }, more: receivers, node: routerFlags() },
      async (scene) => {
        const { lab } = scene;
        const played = lab.router.spawn(process.execPath, ["-e", strangers], { stdio: ["ignore", "pipe", "inherit"] });
        await new Promise((resolve) => played.stdout?.once("data", resolve));
        const daemon = scene.startDaemon();
        await scene.peer.until("a session", ({ event, is }) => event === "session" && is === "up");
        const leases = readFileSync(lab.files.leases, "utf8");
        const attack = await startAttack(lab, { rate: 300, seconds: minutes * 60 + 600 });
        const reported = await attack.reported();
        const samples: Sample[] = [];
        const end = performance.now() + minutes * 60_000;
        for (let round = 0; round < rounds || performance.now() < end; round++) {
          await scene.put(1, reported);
          await abuse(scene, leases, round);
          if (round % 2 === 1) await scene.delete(1);
          const sample = measure(daemon.pid);
          samples.push(sample);
          if (round % 50 === 1) console.log(`# round ${round + 1}: ${describe(sample)}`);
        }
        const [, second, last] = [samples[0], samples[1], samples.at(-1)];
        assert.ok(second && last);
        console.log(`# ${samples.length} rounds: ${describe(second)} after the second, ${describe(last)} after the last`);
        assert.ok(last.megabytes - second.megabytes < mostGrowth.megabytes, samples.map(describe).join("; "));
        assert.ok(last.descriptors - second.descriptors < mostGrowth.descriptors, samples.map(describe).join("; "));
        assert.ok(last.children < mostGrowth.descriptors);
        // What counts goes on.
        assert.equal((await daemon.cli("status")).code, 0);
        assert.match(String((await scene.put(9_999, reported)).code), /^2\.0[14]$/);
        assert.doesNotMatch(daemon.log.join("\n"), /internal:/);
        daemon.signal("SIGTERM");
        assert.equal(await daemon.ended, 0);
        await attack.end();
      }));
