import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack, type Attack } from "./scene-attack.ts";
import { scopeOf } from "./start-peer.ts";

const year = 365 * 86_400_000;
const lifetime = 600;

/** What the daemon takes for the time of day is that, put forward by as much as a file says; the file is read at the start and at each SIGUSR2. */
const preload = (file: string): string =>
  `import { readFileSync } from "node:fs";
const now = Date.now.bind(Date);
let ahead = 0;
const read = () => { ahead = Number(readFileSync(${JSON.stringify(file)}, "utf8")); };
Date.now = () => now() + ahead;
process.on("SIGUSR2", read);
read();
`;

async function holds({ daemon, peer, get }: Scene, attack: Attack, ahead: number): Promise<void> {
  await attack.stops(500);
  const [mitigation] = await daemon.json("list") as MitigationView[];
  assert.equal(mitigation?.state, "active");
  const left = Date.parse(mitigation.expires_at ?? "") - (Date.now() + ahead);
  assert.ok(left > 0 && left <= lifetime * 1000, `${left} ms are left`);
  const its = scopeOf(await get(1));
  assert.equal(its.status, 2);
  assert.ok((its.lifetime ?? 0) > 0 && (its.lifetime ?? 0) <= lifetime, `${its.lifetime} s are left for the upstream`);
  assert.equal((await peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");
  const { upstreams: [upstream], uptime_seconds: uptime } = await daemon.json("status") as StatusView;
  assert.equal(upstream?.state, "connected");
  assert.ok(uptime >= 0);
}

describe("the router's clock is put by years", { timeout: suiteLimit }, () => {
  it("forward and back while a device is blocked, and before a start: the block and the session go on, and the end comes when it is due", () =>
    playScene({ without: ["daemon"], globals: { terminating_period: "1" } }, async (scene) => {
      const { files } = scene.lab;
      const [clock, code] = [`${files.folder}/clock`, `${files.folder}/clock.mjs`];
      writeFileSync(code, preload(clock));
      writeFileSync(clock, "0");
      const start = (): void => {
        scene.startDaemon({ node: ["--import", code] });
      };
      start();
      await scene.daemon.logged(/: session with/);
      const attack = await startAttack(scene.lab, { rate: 300 });
      assert.equal((await scene.put(1, await attack.reported({ lifetime }))).code, "2.01");
      await scene.observe(1);
      await scene.notified(1, ({ status }) => status === 2);
      for (const [ahead, says] of [[12 * year, /the clock jumped forward by/], [-12 * year, /the clock jumped back by/]] as const) {
        writeFileSync(clock, String(ahead));
        process.kill(scene.daemon.pid, "SIGUSR2");
        await scene.daemon.logged(says);
        await holds(scene, attack, ahead);
      }
      assert.equal(scene.daemon.log.filter((line) => line.includes(": session with")).length, 1, "the session went on");

      scene.daemon.signal("SIGKILL");
      await scene.daemon.ended;
      writeFileSync(clock, String(-24 * year));
      const from = scene.peer.events.length;
      start();
      await scene.daemon.logged(/: session with/);
      await scene.peer.until("the new session", ({ event, is }) => event === "session" && is === "up", { from });
      const [mitigation] = await scene.daemon.json("list") as MitigationView[];
      assert.equal(mitigation?.state, "active", "what lies in the future is taken up");
      await attack.stops(500);
      assert.equal((await scene.delete(1)).code, "2.02");
      await attack.arrives();
      await attack.end();
    }));
});
