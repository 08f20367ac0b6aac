import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";

const nameless = 40;
const refreshesPerSecond = 20;
const seconds = 30;
/** File descriptors that the daemon may have; what it is to need at most. */
const [allowed, enough] = [256, 100];
/** From the PUT of a real attack to its answer, and to silence, milliseconds; or ten times what a PUT took before, where this machine is slow. */
const longest = 2_000;

/** A tool whose event mode does not work: the journal knows nothing, and each lookup has to read the connection table. */
const withoutEvents = `#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\ncase "$*" in *-E*) exit 1 ;; esac\nexec conntrack "$@"\n`;

describe("an upstream that refreshes 40 requests for which there is no device", { timeout: suiteLimit }, () => {
  it("costs neither descriptors nor the next request its answer", (t) =>
    playScene({}, (scene) =>
      refreshAll(scene, (text) => {
        t.diagnostic(text);
      })));
  it("nor where every lookup has to read the connection table", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "dch-shim-"));
    writeFileSync(join(folder, "conntrack"), withoutEvents);
    chmodSync(join(folder, "conntrack"), 0o755);
    return playScene({ path: folder }, (scene) =>
      refreshAll(scene, (text) => {
        t.diagnostic(text);
      }));
  });
});

async function refreshAll(scene: Scene, tell: (text: string) => void): Promise<void> {
  const { lab, peer, daemon } = scene;
  assert.equal((await lab.router.run("prlimit", ["--pid", String(daemon.pid), `--nofile=${allowed}:${allowed}`])).code, 0);
  const scopeOf = (mid: number): object => ({
    "source-prefix": [`${labAddresses.wan.v4}/32`],
    "source-port-range": [{ "lower-port": 1000 + mid }],
    "target-prefix": [`198.51.100.${100 + mid}/32`],
    "target-protocol": [17],
    lifetime: 3600,
  });
  const before = Date.now();
  assert.equal((await scene.put(99, scopeOf(99))).code, "2.01");
  const floor = Date.now() - before;
  let most = 0;
  const measure = (): void => {
    most = Math.max(most, readdirSync(`/proc/${daemon.pid}/fd`).length);
  };
  const began = Date.now();
  const from = peer.events.length;
  for (let sent = 0; Date.now() - began < seconds * 1000; sent += 1) {
    peer.send({ do: "put", mid: 1 + sent % nameless, scope: scopeOf(1 + sent % nameless) });
    await delay(1000 / refreshesPerSecond);
    measure();
  }
  const answers = peer.events.slice(from).filter(({ event }) => event === "answer");
  assert.ok(answers.filter(({ code }) => code === "2.01").length >= nameless && answers.some(({ code }) => code === "2.04"), "they are taken, and refreshed");

  // Still under way: the owner asks, and a real attack is reported.
  const attack = await startAttack(lab);
  const scope = await attack.reported();
  const refreshing = setInterval(() => {
    peer.send({ do: "put", mid: 1, scope: scopeOf(1) });
  }, 100);
  const asked = Date.now();
  let answered: number;
  try {
    const { code, diagnostic } = await scene.put(100, scope);
    answered = Date.now() - asked;
    assert.equal(code, "2.01", diagnostic);
    await attack.stops(500);
  } finally {
    clearInterval(refreshing);
  }
  const stopped = Math.max(0, ...attack.sink.reports.map(({ last_t }) => last_t ?? 0)) - asked;
  const bound = Math.max(longest, 10 * floor);
  measure();
  tell(`at most ${most} descriptors; a real attack was answered after ${answered} ms, and stopped after ${stopped} ms`);
  assert.ok(answered < bound && stopped < bound, `answered after ${answered} ms, stopped after ${stopped} ms; without all that answered after ${floor} ms`);
  assert.ok(most < enough, `${most} descriptors`);
  const status = await daemon.json("status") as StatusView;
  assert.deepEqual([status.upstreams[0]?.state, status.upstreams[0]?.sessions], ["connected", 1]);
  assert.deepEqual(daemon.log.filter((line) => /internal|EMFILE/.test(line)), []);
  await attack.end();
}
