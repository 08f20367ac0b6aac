import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { eventually } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { scopeOf } from "./start-peer.ts";

const { camera } = labAddresses;

describe("a daemon that is killed while it blocks", { timeout: suiteLimit, concurrency: 3 }, () => {
  for (const library of ["openssl", "gnutls"] as const) {
    it(`with ${library}: leaves a block that ends by itself`, () =>
      playScene({ library }, async (scene) => {
        const attack = await startAttack(scene.lab);
        const asked = Date.now();
        assert.equal((await scene.put(1, await attack.reported({ lifetime: 14 }))).code, "2.01");
        await attack.stops(300);
        const stopped = Date.now();
        await kill(scene);
        await attack.stops(500);
        assert.equal(attack.since(stopped), 0, "it holds without the daemon");
        await attack.arrives();
        const lasted = (Date.now() - asked) / 1000;
        assert.ok(lasted > 13, `${lasted} s`);
        // The sets seen<ID> record senders, for 10 minutes, and enforce nothing.
        const enforcing = (await scene.ruleset()).replace(/\tset seen\w+ \{.*?\n\t\}\n/gs, "");
        assert.doesNotMatch(enforcing, /02:1d:c0/, "the element is gone");

        // The next one finds what is over, says so, and leaves nothing behind.
        const daemon = scene.startDaemon();
        await daemon.logged(/: session with/);
        const [mitigation] = await daemon.json("list") as MitigationView[];
        assert.deepEqual([mitigation?.id, mitigation?.state, mitigation?.outcome], [1, "ended", "expired"]);
        await attack.arrives();
        assert.equal(await scene.ruleset(), "");
        await attack.end();
      }));

    it(`with ${library}: is followed by one that goes on where it was`, () =>
      playScene({ library, globals: { terminating_period: "1" } }, async (scene) => {
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported();
        assert.equal((await scene.put(1, scope)).code, "2.01");
        await scene.observe(1);
        await scene.notified(1, ({ status }) => status === 2);
        await attack.stops(300);
        const stopped = Date.now();
        const before = await mitigationOf(scene);
        assert.deepEqual([before.id, before.state, before.status], [1, "active", 2]);

        await kill(scene);
        const daemon = scene.startDaemon();
        await daemon.logged(/runs with 1 upstream/);
        const after = await mitigationOf(scene);
        const { dropped, status } = before;
        // Counters of the device's flows are read in the background, and not written down for their own sake.
        const known = ({ devices, ...rest }: MitigationView): object => ({
          ...rest,
          dropped,
          status,
          devices: devices.map((device) => ({ ...device, evidence: { ...device.evidence, packets: 0, bytes: 0 } })),
        });
        assert.deepEqual(known(after), known(before), "the same mitigation");
        await scene.peer.until("a second session", ({ event, is, session }) => event === "session" && is === "up" && session === 2);
        assert.equal((await scene.observe(1)).code, "2.05");
        await attack.stops(500);
        await eventually("counting goes on", async () => {
          const told = scopeOf(await scene.get(1));
          assert.equal(told.status, 2);
          return (told["pkts-dropped"] ?? 0) > dropped.packets ? true : undefined;
        });
        const later = await mitigationOf(scene);
        assert.ok(later.dropped.packets > dropped.packets, `${later.dropped.packets} and ${dropped.packets}: counting goes on`);
        assert.equal((await scene.put(1, { ...scope, lifetime: 900 })).code, "2.04", "a refresh, not a new one");
        assert.equal(attack.since(stopped), 0, "not a packet got through");

        // Another one, of which the old daemon knew nothing: with a number of its own.
        assert.equal((await scene.put(2, { ...scope, "target-prefix": ["198.51.100.10/32"] })).code, "2.01");
        const [newest, oldest] = await daemon.json("list") as MitigationView[];
        assert.deepEqual([newest?.mid, oldest?.mid, oldest?.id], [2, 1, 1]);
        assert.ok((newest?.id ?? 0) > 1, "numbers may be left out, never used twice");
        assert.equal((await scene.delete(1)).code, "2.02");
        await scene.notified(1, ({ status }) => status === 6);
        await attack.arrives();
        assert.doesNotMatch(await scene.ruleset(), /198\.51\.100\.9 /);
        await attack.end();
      }));

    it(`with ${library}: still asks the owner what the former one had asked`, () =>
      playScene({ library, globals: { consent: "ask" } }, async (scene) => {
        const attack = await startAttack(scene.lab);
        assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
        await kill(scene);
        const daemon = scene.startDaemon();
        await daemon.logged(/runs with 1 upstream/);
        const [pending] = await daemon.json("pending") as MitigationView[];
        assert.deepEqual([pending?.id, pending?.devices[0]?.mac], [1, camera.mac]);
        assert.equal((await daemon.cli("approve", "1")).code, 0);
        await attack.stops(300);
        await attack.end();
      }));
  }
});

describe("what the former daemon left", { timeout: suiteLimit }, () => {
  it("is told with the status and the count that it had, from the first answer on", () =>
    playScene({}, async (scene) => {
      const attack = await startAttack(scene.lab);
      assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
      await scene.observe(1);
      const counted = await scene.notified(1, ({ status }) => status === 2);
      await kill(scene);
      await scene.startDaemon().logged(/runs with 1 upstream/);
      const { status, dropped } = await mitigationOf(scene);
      await attack.end();
      assert.equal(status, 2);
      assert.ok(dropped.packets >= (counted["pkts-dropped"] ?? 0), `${dropped.packets} packets`);
    }));

  it("is no obstacle where its memory is lost: a new daemon uses no number twice", () =>
    playScene({}, async (scene) => {
      const attack = await startAttack(scene.lab);
      assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
      await attack.stops(300);
      await kill(scene);
      await scene.lab.router.run("sh", ["-c", 'rm -r "$0"/*', scene.daemon.stateFolder]);
      const daemon = scene.startDaemon();
      await scene.peer.until("a second session", ({ event, is, session }) => event === "session" && is === "up" && session === 2);
      assert.deepEqual(await daemon.json("list"), []);
      const other = await startAttack(scene.lab, { port: 444 });
      assert.equal((await scene.put(2, await other.reported())).code, "2.01");
      await other.stops(300);
      const [mitigation] = await daemon.json("list") as MitigationView[];
      assert.ok((mitigation?.id ?? 0) > 1, `${mitigation?.id ?? 0}`);
      await attack.end();
      await other.end();
    }));

  it("is set aside where it is damaged, and said", () =>
    playScene({}, async (scene) => {
      const attack = await startAttack(scene.lab);
      assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
      await kill(scene);
      await scene.lab.router.run("sh", ["-c", 'for f in "$0"/*; do head -c 100 "$f" > "$f.half" && mv "$f.half" "$f"; done', scene.daemon.stateFolder]);
      const daemon = scene.startDaemon();
      await daemon.logged(/warn: .*is kept as/);
      const { warnings } = await daemon.json("status") as StatusView;
      assert.match(warnings.join(), /is kept as/);
      await attack.end();
    }));
});

async function kill({ daemon }: Scene): Promise<void> {
  daemon.signal("SIGKILL");
  await daemon.ended;
}

async function mitigationOf({ daemon }: Scene): Promise<MitigationView> {
  const mitigation = (await daemon.json("list") as MitigationView[]).find(({ mid }) => mid === 1);
  assert.ok(mitigation);
  return mitigation;
}
