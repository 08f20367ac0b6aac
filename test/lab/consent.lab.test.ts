import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { until } from "../until.ts";
import { suiteLimit } from "../patience.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { scopeOf, type PeerEvent } from "./start-peer.ts";

const { camera } = labAddresses;
const legitimateTraffic = 4; // RFC 9066 §5.3.1, conflict-cause

describe("the owner decides", { timeout: suiteLimit, concurrency: 3 }, () => {
  for (const library of ["openssl", "gnutls"] as const) {
    it(`with ${library}: asks, touches nothing meanwhile, stops it when the owner approves, and lets it go on release`, () =>
      playScene({ library, globals: { consent: "ask" } }, async (scene) => {
        const { daemon } = scene;
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported();
        assert.equal((await scene.put(7, scope)).code, "2.01");
        assert.equal(scopeOf(await scene.observe(7)).status, 1);
        const pending = await mitigationOf(scene);
        assert.deepEqual([pending.state, pending.status, pending.outcome, pending.dropped.packets], ["pending", 1, null, 0]);
        assert.deepEqual(pending.devices.map(({ name }) => name), [camera.name]);
        assert.deepEqual((await daemon.json("pending") as MitigationView[]).map(({ id }) => id), [1]);
        assert.match((await daemon.cli("pending")).stdout, /Kitchen-camera.*\n[^]*approve 1/);
        const pass = Date.now();
        await attack.sends(300);
        assert.ok(attack.since(pass) > 150, "all of it still arrives");
        assert.doesNotMatch(await scene.ruleset(), /drop|reject/, "it is looked at, and passes");
        const early = await daemon.cli("release", "1");
        assert.equal(early.code, 1);
        assert.match(early.stderr, /mitigation 1 is pending/);

        const approved = await daemon.cli("approve", "1");
        assert.equal(approved.code, 0, approved.stderr);
        assert.match(approved.stdout, /Blocked: Kitchen-camera/);
        await scene.notified(7, ({ status }) => status === 2);
        await attack.stops(500);
        const again = await daemon.cli("approve", "1");
        assert.equal(again.code, 1);
        assert.match(again.stderr, /mitigation 1 is active/);

        const released = await daemon.cli("release", "1");
        assert.equal(released.code, 0, released.stderr);
        const told = await scene.notified(7, ({ status }) => status === 7);
        assert.equal(told["conflict-information"]?.["conflict-cause"], legitimateTraffic);
        await attack.arrives();
        assertTurnedDown(await scene.put(7, scope));
        assertTurnedDown(await scene.put(8, scope));
        assert.equal((await daemon.json("history") as { event: string }[]).filter(({ event }) => event === "approved" || event === "released").length, 2);
        await attack.end();
      }));

    it(`with ${library}: tells the upstream that the owner denies, and turns the same request down afterwards`, () =>
      playScene({ library, globals: { consent: "ask" } }, async (scene) => {
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported();
        assert.equal((await scene.put(7, scope)).code, "2.01");
        await scene.observe(7);
        const denied = await scene.daemon.cli("deny", "1");
        assert.equal(denied.code, 0, denied.stderr);
        const told = await scene.notified(7, (about) => about["conflict-information"] !== undefined);
        assert.equal(told["conflict-information"]?.["conflict-cause"], legitimateTraffic);
        assertTurnedDown(await scene.put(7, scope));
        assertTurnedDown(await scene.put(9, scope));
        const { state, outcome, dropped } = await mitigationOf(scene);
        assert.deepEqual([state, outcome, dropped.packets], ["ended", "denied", 0]);
        await attack.arrives();
        // As it was asked for again: for half a minute the kernel records whose packets they are.
        assert.doesNotMatch(await scene.ruleset(), /\b(drop|reject|limit)\b/);
        await until("nothing is left of that", async () => await scene.ruleset() === "");
        await attack.arrives();
        await attack.end();
      }));
  }
});

describe("the owner's rules", { timeout: suiteLimit, concurrency: 2 }, () => {
  const protections = {
    "a device whose policy is never": { more: `config device\n\toption mac '${camera.mac}'\n\toption name 'Front door'\n\toption policy 'never'\n` },
    "an address that is never to be blocked": { globals: { never_block: camera.v4 } },
    "a MAC address that is never to be blocked": { globals: { never_block: camera.mac } },
  };
  for (const [who, configuration] of Object.entries(protections))
    it(`turns down what would touch ${who}`, () =>
      playScene(configuration, async (scene) => {
        const attack = await startAttack(scene.lab);
        assertTurnedDown(await scene.put(7, await attack.reported()));
        await attack.arrives();
        assert.equal(await scene.ruleset(), "");
        const { state, outcome } = await mitigationOf(scene);
        assert.deepEqual([state, outcome], ["ended", "rejected"]);
        await attack.end();
      }));

  it("asks about one device though consent is automatic, and names it as the owner does", () =>
    playScene({ more: `config device\n\toption mac '${camera.mac}'\n\toption name 'Front door'\n\toption policy 'ask'\n` }, async (scene) => {
      const attack = await startAttack(scene.lab);
      assert.equal((await scene.put(7, await attack.reported())).code, "2.01");
      const { state, devices } = await mitigationOf(scene);
      assert.deepEqual([state, devices[0]?.name], ["pending", "Front door"]);
      await attack.arrives();
      await attack.end();
    }));

  it("asks no more about a device that the owner has said 'auto' or 'never' of by a command", () =>
    playScene({ globals: { consent: "ask" } }, async (scene) => {
      const { daemon } = scene;
      const attack = await startAttack(scene.lab);
      const scope = await attack.reported();
      await scene.put(7, scope);
      const changed = await daemon.cli("policy", camera.mac, "auto");
      assert.equal(changed.code, 0, changed.stderr);
      assert.equal((await mitigationOf(scene)).state, "pending", "what was asked already stays a question");
      await scene.delete(7);
      const elsewhere = { ...scope, "target-port-range": [{ "lower-port": 443, "upper-port": 444 }] };
      assert.equal((await scene.put(8, elsewhere)).code, "2.01");
      await attack.stops(500);
      assert.equal((await mitigationOf(scene)).state, "active");
      await daemon.cli("policy", camera.mac, "never");
      await attack.arrives();
      assert.deepEqual(await mitigationOf(scene).then(({ state, outcome }) => [state, outcome]), ["ended", "rejected"], "let go at once");
      assertTurnedDown(await scene.put(9, { ...await attack.reported(), "target-port-range": [{ "lower-port": 443, "upper-port": 445 }] }));
      assert.equal((await daemon.json("devices") as { policy: string }[])[0]?.policy, "never");
      await attack.end();
    }));

  it("blocks for as long as the owner said, then releases", () =>
    playScene({ globals: { consent: "ask" } }, async (scene) => {
      const attack = await startAttack(scene.lab);
      await scene.put(7, await attack.reported());
      await scene.observe(7);
      assert.equal((await scene.daemon.cli("approve", "1", "--for", "5")).code, 0);
      await scene.notified(7, ({ status }) => status === 2);
      assert.equal((await scene.notified(7, ({ status }) => status === 7))["conflict-information"]?.["conflict-cause"], legitimateTraffic);
      await attack.arrives();
      const { state, outcome } = await mitigationOf(scene);
      assert.deepEqual([state, outcome], ["ended", "released"]);
      await attack.end();
    }));

  it("only watches with consent 'observe'", () =>
    playScene({ globals: { consent: "observe" } }, async (scene) => {
      const attack = await startAttack(scene.lab);
      assert.equal((await scene.put(7, await attack.reported())).code, "2.01");
      const { state, action, devices } = await mitigationOf(scene);
      assert.deepEqual([state, action, devices[0]?.mac], ["active", "observe", camera.mac]);
      await scene.observe(7);
      await scene.notified(7, ({ status }) => status === 4);
      await attack.arrives();
      assert.doesNotMatch(await scene.ruleset(), /\bdrop\b/, "counted and named, no more");
      await attack.end();
    }));

  it("slows down where the action is 'limit', and stops nothing", () =>
    playScene({ globals: { action: "limit", limit_rate: "50" } }, async (scene) => {
      const attack = await startAttack(scene.lab);
      assert.equal((await scene.put(7, await attack.reported())).code, "2.01");
      await scene.observe(7);
      await scene.notified(7, ({ status }) => status === 2);
      const from = Date.now();
      await attack.sends(1_500);
      const perSecond = attack.since(from) / (Date.now() - from) * 1000;
      assert.ok(perSecond > 20 && perSecond < 120, `${perSecond} packets a second arrive, 50 are allowed`);
      await attack.end();
    }));
});

async function mitigationOf({ daemon }: Scene): Promise<MitigationView> {
  const [newest] = await daemon.json("list") as MitigationView[];
  assert.ok(newest, "a mitigation");
  return newest;
}

function assertTurnedDown(answer: PeerEvent): void {
  assert.equal(answer.code, "4.09", JSON.stringify(answer));
  assert.equal(scopeOf(answer)["conflict-information"]?.["conflict-cause"], legitimateTraffic);
}
