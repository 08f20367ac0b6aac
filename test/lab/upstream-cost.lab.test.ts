import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { routerFlags } from "../bench/router-flags.ts";
import { suiteLimit } from "../patience.ts";
import { eventually } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { labPsk } from "./start-daemon.ts";
import { scopeOf, startPeer, type Peer } from "./start-peer.ts";

/** Of both upstreams together: the hostile one may hold 256. */
const maxMitigations = 512;
/** The daemon and all that it runs, resident, MB. What two of them share (libraries, Node has none to share with) counts twice: it is no less than this. */
const mostMegabytes = 120;
/** Of a core once all is laid down. The goal is 2 %; another machine's clock ticks may be coarser. */
const mostIdle = 0.05;
const idleFor = 10_000; // milliseconds
/** Milliseconds on a machine at rest, or as many times what the same command took before there was anything to hold. */
const longest = { status: 500, release: 1_000, times: 4 } as const;

const { wan, isp } = labAddresses;
const share = maxMitigations / 2;
const text = (at: number, letter: string): string => `${String(at).padStart(5, letter)}${`.${letter}`.repeat(120)}`;

const requests = {
  /** All of an upstream's entries and bytes; they overlap in their targets, so that the kernel has to compare a packet with each of them. */
  [`${share} of many ranges, with targets in common`]: Array.from({ length: share }, (_, at) => ({
    "source-prefix": [`${wan.v4}/32`],
    "source-port-range": Array.from({ length: 6 },
      (_range, range) => ({ "lower-port": 1024 + (at * 6 + range) * 4, "upper-port": 1026 + (at * 6 + range) * 4 })),
    "target-prefix": ["192.0.2.0/24", ...[1, 2, 3, 4, 5].map((host) => `198.51.100.${100 + host}/32`)],
    "target-port-range": [1, 2, 3].map((port) => ({ "lower-port": port * 100 + at % 50, "upper-port": port * 100 + 50 })),
    "target-fqdn": [text(at, "x"), text(at, "y")],
    lifetime: 3600,
  })),
  /** 830 bytes each, in one message: whoever sends there. */
  "57 of 48 targets, without ports": Array.from({ length: 57 }, (_, at) => ({
    "source-prefix": [`${wan.v4}/32`],
    "target-prefix": Array.from({ length: 48 }, (_target, host) => `198.18.${at * 2 + (host >> 5)}.${(host & 31) * 8 + 1}/32`),
    lifetime: 3600,
  })),
};

interface Cost {
  readonly megabytes: number;
  readonly seconds: number;
  readonly parts: string;
}

/** Of the process and all below it; what has ended is in its parent's account. */
function costOf(pid: number): Cost {
  const pids = [pid];
  for (const each of pids)
    pids.push(...readFileSync(`/proc/${each}/task/${each}/children`, "utf8").split(" ").filter((child) => child.trim() !== "").map(Number));
  const each = pids.map((one) => {
    const megabytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${one}/status`, "utf8"))?.[1]) / 1024;
    const ticks = readFileSync(`/proc/${one}/stat`, "utf8").replace(/^.*\) /s, "").split(" ").slice(11, 15).map(Number);
    return {
      name: readFileSync(`/proc/${one}/cmdline`, "utf8").split("\0").slice(0, 2).join(" "),
      megabytes,
      seconds: ticks.reduce((sum, ofKind) => sum + ofKind, 0) / 100,
    };
  });
  const sum = (of: "megabytes" | "seconds"): number => each.reduce((all, one) => all + one[of], 0);
  return { megabytes: sum("megabytes"), seconds: sum("seconds"), parts: each.map(({ name, megabytes }) => `${name} ${megabytes.toFixed(0)}`).join(", ") };
}

/** A tool that ends while it is looked at is no reason to fail. */
const cost = (pid: number): Promise<Cost> =>
  eventually("what it costs", () => {
    try {
      return costOf(pid);
    } catch {
      return undefined;
    }
  });

async function startHostile({ lab }: Scene): Promise<Peer> {
  return startPeer(lab.isp, { library: "openssl", listen: `${isp.v4}:4648`, arguments: ["--psk", `${labPsk.identity}:${labPsk.key}`, "--cuid", "hostile"] });
}

function hostileSection(folder: string): string {
  const options = { host: isp.v4, port: "4648", transport: "udp", auth: "psk", psk_identity: labPsk.identity, psk_file: `${folder}/isp.psk` };
  return `config upstream 'hostile'\n${Object.entries(options).map(([name, value]) => `\toption ${name} '${value}'\n`).join("")}`;
}

/** One after the other, without waiting for answers; each is taken. */
async function askAll(peer: Peer, scopes: readonly object[]): Promise<void> {
  const from = peer.events.length;
  for (const [at, scope] of scopes.entries()) {
    peer.send({ do: "put", mid: 1 + at, scope, wait: false, timeout: 200, repeat: 5 });
    await delay(25);
  }
  const answers = (): Peer["events"] => peer.events.slice(from).filter(({ event }) => event === "answer" || event === "failed");
  await peer.until("all answers", () => answers().length >= scopes.length, { timeoutMs: 200_000 });
  assert.deepEqual(answers().filter(({ code }) => code !== "2.01"), []);
}

async function timed({ daemon }: Scene, ...words: readonly string[]): Promise<number> {
  const began = performance.now();
  const { code, stderr } = await daemon.cli(...words);
  assert.equal(code, 0, stderr);
  return performance.now() - began;
}

// One after the other: each measures how long the owner waits.
describe("an upstream that asks for the most that it may", { timeout: suiteLimit }, () => {
  for (const [what, scopes] of Object.entries(requests))
    for (const consent of ["auto", "ask"]) {
      it(`consent '${consent}', ${what}: memory, the owner's commands and the other upstream's requests are as ever, and it costs next to nothing at rest`, (t) =>
        playScene({
          without: ["daemon"],
          globals: { consent, max_mitigations: String(maxMitigations), request_rate: "200", log_level: "info" },
          node: routerFlags(),
        }, async (scene) => {
          const hostile = await startHostile(scene);
          const daemon = scene.startDaemon({ more: hostileSection(scene.lab.files.folder) });
          for (const peer of [scene.peer, hostile]) await peer.until("a session", ({ event, is }) => event === "session" && is === "up");
          const floor = Math.max(await timed(scene, "status"), await timed(scene, "status"));
          await askAll(hostile, scopes);

          const attack = await startAttack(scene.lab);
          const scope = await attack.reported();
          const asked = performance.now();
          assert.equal((await scene.put(1, scope)).code, "2.01");
          const answered = performance.now() - asked;
          const status = Math.min(await timed(scene, "status"), await timed(scene, "status"));
          const id = String((await daemon.json("list") as MitigationView[]).find(({ upstream }) => upstream === "isp")?.id);
          if (consent === "ask") await timed(scene, "approve", id);
          await attack.stops(500);
          await eventually("the upstream is told that it is stopped", async () => (scopeOf(await scene.get(1)).status === 2 ? true : undefined));
          const released = await timed(scene, "release", id);
          await attack.arrives();
          await attack.end();

          const took = [answered, status, released].map((milliseconds) => milliseconds.toFixed(0));
          t.diagnostic(`PUT answered after ${took[0]} ms, status after ${took[1]} ms, release after ${took[2]} ms; status before: ${floor.toFixed(0)} ms`);
          assert.ok(status < Math.max(longest.status, longest.times * floor), `status took ${took[1]} ms, before ${floor.toFixed(0)} ms`);
          assert.ok(released < Math.max(longest.release, 2 * longest.times * floor), `release took ${took[2]} ms, status before ${floor.toFixed(0)} ms`);

          // What has grown is ended a second later, and one process relieves another within five.
          const settled = await eventually("memory", async () => {
            const now = await cost(daemon.pid);
            return now.megabytes < mostMegabytes && /nft monitor/.exec(now.parts)?.length === 1 ? now : undefined;
          }).catch(async () => cost(daemon.pid));
          assert.ok(settled.megabytes < mostMegabytes, settled.parts);
          await delay(15_000); // soon after a change the counters are read more often
          const before = await cost(daemon.pid);
          await delay(idleFor);
          const after = await cost(daemon.pid);
          const idle = (after.seconds - before.seconds) * 1000 / idleFor;
          t.diagnostic(`${after.megabytes.toFixed(0)} MB (${after.parts}); ${(idle * 100).toFixed(1)} % of a core at rest`);
          assert.ok(after.megabytes < mostMegabytes, after.parts);
          assert.ok(idle < mostIdle, `${(idle * 100).toFixed(1)} % of a core at rest`);
        }));
    }
});
