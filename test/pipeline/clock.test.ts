import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nothingRemembered } from "../../src/memory/store.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { milliseconds, seconds } from "../../src/model/time.ts";
import { fakeClock, settle, start, startPlus } from "../fake-clock.ts";
import { active, askPolicy, camera, dropping, ended, pending, requested, terminating } from "../policy/samples.ts";
import { cameraMac, fakeHome, type FakeHome } from "./fake-home.ts";

const year = 365 * 86_400_000;
const lasts = 3_600_000; // each sample's, from the start
const jumps = [["forward", 12 * year], ["back", -40 * year]] as const;

/** Puts the clock, and has the daemon notice. */
function put(home: FakeHome, by: number): void {
  home.clock.jump(by);
  home.pipeline.clockJumped(milliseconds(by));
}

async function resumed(mitigations: readonly Mitigation[], at = start, policy = {}): Promise<FakeHome> {
  const home = fakeHome(policy, { from: { ...nothingRemembered, nextId: 50, mitigations }, clock: fakeClock(at) });
  await home.pipeline.resume();
  await settle();
  return home;
}

describe("a clock that jumps by years while the daemon runs", () => {
  for (const [where, by] of jumps) {
    it(`${where}: a block holds what remained of its time, not longer and not shorter`, async () => {
      const home = await resumed([dropping]);
      await home.clock.advance(1_000_000);
      put(home, by);
      assert.deepEqual(home.held(), [`17 block ${cameraMac} 1`]);
      await home.clock.advance(lasts - 1_001_000);
      assert.deepEqual([home.only().state, home.held().length], ["active", 1]);
      await home.clock.advance(2_000);
      assert.deepEqual([home.only().outcome, home.held()], ["expired", []]);
    });

    it(`${where}: a question waits what remained of its time, and then is answered as configured`, async () => {
      const home = await resumed([pending], start, askPolicy);
      await home.clock.advance(300_000);
      put(home, by);
      await home.clock.advance(599_000);
      assert.equal(home.only().state, "pending");
      await home.clock.advance(2_000);
      assert.equal(home.only().outcome, "denied");
    });

    it(`${where}: a terminating period lasts what remained of it`, async () => {
      const home = await resumed([terminating]);
      await home.clock.advance(60_000);
      put(home, by);
      await home.clock.advance(59_000);
      assert.equal(home.held().length, 1);
      await home.clock.advance(2_000);
      assert.deepEqual([home.only().outcome, home.held()], ["withdrawn", []]);
    });

    it(`${where}: what the owner allowed for ten minutes ends after ten minutes`, async () => {
      const home = await resumed([pending], start, askPolicy);
      await home.pipeline.decideByOwner(17, { is: "approved", action: null, seconds: seconds(600) });
      put(home, by);
      await home.clock.advance(599_000);
      assert.equal(home.held().length, 1);
      await home.clock.advance(2_000);
      assert.deepEqual([home.only().outcome, home.held()], ["released", []]);
    });

    it(`${where} and put right again: nothing has changed`, async () => {
      const home = await resumed([dropping]);
      put(home, by);
      await home.clock.advance(1_000);
      put(home, -by);
      assert.equal(home.only().expiresAt, dropping.expiresAt);
    });

    it(`${where}: a device that nobody could name yet is still named as soon as the packets show it`, async () => {
      const home = await resumed([{ ...active, devices: [] }], start);
      home.flows.length = 0;
      home.counts.set(17, { packets: 10, bytes: 600 });
      await home.clock.advance(10_000);
      put(home, by);
      home.witnessed = [{ mac: cameraMac, address: camera.addresses[0] ?? "", packets: 10, bytes: 600 }];
      home.counts.set(17, { packets: 20, bytes: 1_200 });
      await home.clock.advance(15_000);
      assert.deepEqual(home.only().devices.map(({ mac }) => mac), [cameraMac]);
    });
  }
});

describe("a state file of the future", () => {
  const ahead = 12 * year;
  const cases: readonly [what: string, mitigation: Mitigation, lasts: number, outcome: string][] = [
    ["a block", dropping, lasts, "expired"],
    ["one that the owner allowed for ten minutes", { ...dropping, allowedUntil: startPlus(600_000) }, 600_000, "released"],
    ["a question", pending, 900_000, "denied"],
    ["a terminating period", terminating, 120_000, "withdrawn"],
  ];
  for (const [what, mitigation, span, outcome] of cases)
    it(`${what}: is taken up, and lasts as long as if it had begun now, not for years`, async () => {
      const home = await resumed([mitigation], startPlus(-ahead), mitigation === pending ? askPolicy : {});
      assert.equal(home.only().state, mitigation.state);
      await home.clock.advance(span - 1_000);
      assert.equal(home.only().state, mitigation.state);
      await home.clock.advance(2_000);
      assert.deepEqual([home.only().outcome, home.held()], [outcome, []]);
    });

  it("and NTP puts the clock right a minute later: the dates in the file hold", async () => {
    const home = await resumed([dropping, { ...pending, id: 18, request: requested({ mid: 60 }) }, {
      ...dropping,
      id: 19,
      request: requested({ mid: 61 }),
      requestedAt: startPlus(-10_000_000),
      expiresAt: startPlus(-1),
    }], startPlus(-ahead), askPolicy);
    await home.clock.advance(60_000);
    put(home, ahead);
    await home.clock.advance(0);
    assert.deepEqual([17, 18, 19].map((id) => home.store.get(id)?.state), ["active", "pending", "ended"], "what was over before the restart is over");
    assert.equal(home.store.get(17)?.expiresAt, dropping.expiresAt);
    await home.clock.advance(lasts);
    assert.deepEqual([home.store.get(17)?.outcome, home.store.get(18)?.outcome], ["expired", "denied"]);
  });

  it("a refusal of the owner's and a no last as long as if they had been said now", async () => {
    const denied: Mitigation = { ...ended, outcome: "denied", decidedBy: "owner", endedAt: start };
    const no = {
      mac: cameraMac,
      addresses: [],
      target: { prefixes: denied.request.target.prefixes, ports: [], protocols: [] },
      saidAt: start,
      until: startPlus(lasts),
    };
    const home = fakeHome({}, { from: { ...nothingRemembered, nextId: 50, mitigations: [denied], nos: [no] }, clock: fakeClock(startPlus(-ahead)) });
    await home.pipeline.resume();
    assert.equal((await home.ask()).is, "refused");
    await home.clock.advance(lasts + 1_000);
    assert.equal((await home.ask({ mid: 57 })).is, "created");
    assert.deepEqual(home.store.nos(), []);
  });
});
