import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { milliseconds, seconds } from "../../src/model/time.ts";
import { settle } from "../fake-clock.ts";
import { askPolicy, requested } from "../policy/samples.ts";
import { attack, cameraMac, drops, fakeHome, laptopAddress, type FakeHome } from "./fake-home.ts";

/** All that a pipeline changes, or has others hear of. */
function changed(home: FakeHome): unknown {
  return { memory: home.store.snapshot(), begun: home.begun, told: home.told(), owner: [...home.owner], log: [...home.log] };
}

/** Of promises; nothing of a pipeline under test waits for anything else. */
async function turnsPass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}
/** More than what follows in the background takes. */
const enoughTurns = 60;

/** What is under way when it stops: how it comes to that, and what begins it. */
const steps: readonly (readonly [
  what: string,
  policy: Parameters<typeof fakeHome>[0],
  before: (home: FakeHome) => Promise<unknown>,
  begin: (home: FakeHome) => Promise<unknown>,
])[] = [
  ["a request", {}, () => Promise.resolve(), (home) => home.pipeline.request({ asked: requested(), lifetime: seconds(3600), attackStatus: null }, false)],
  ["a request that is a question", askPolicy, () => Promise.resolve(),
    (home) => home.pipeline.request({ asked: requested(), lifetime: seconds(3600), attackStatus: null }, false)],
  ["a request that replaces another", {}, (home) => home.ask({ fromPorts: "40000" }),
    (home) => home.pipeline.request({ asked: requested({ mid: 99, fromPorts: "40000-40100" }), lifetime: seconds(3600), attackStatus: null }, false)],
  ["a refresh", {}, (home) => home.ask(), (home) => home.pipeline.request({ asked: requested(), lifetime: seconds(600), attackStatus: 1 }, false)],
  ["the packets show another sender", {}, async (home) => {
    home.witnessed = [{ mac: cameraMac, address: laptopAddress, packets: 9, bytes: 540 }];
    await home.ask();
  }, async (home) => {
    home.counts.set(1, drops(9));
    home.clock.skip(300);
    await turnsPass(enoughTurns);
  }],
  ["an approval", askPolicy, (home) => home.ask(), (home) => home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null })],
  ["a denial", askPolicy, (home) => home.ask(), (home) => home.pipeline.decideByOwner(1, { is: "denied" })],
  ["a release", {}, (home) => home.ask(), (home) => home.pipeline.decideByOwner(1, { is: "released" })],
  ["a withdrawal", {}, (home) => home.ask(), (home) => {
    home.pipeline.withdraw("isp", requested().cuid, 56);
    return turnsPass(enoughTurns);
  }],
  ["a reload", {}, (home) => home.ask(),
    (home) => home.pipeline.reload({ ...home.pipeline.settings(), policy: { ...home.pipeline.settings().policy, limitRate: 3 } })],
  ["a clock that jumps", {}, (home) => home.ask(), (home) => {
    home.clock.jump(7_200_000);
    home.pipeline.clockJumped(milliseconds(1));
    return turnsPass(enoughTurns);
  }],
];

/** More turns than any of them takes. */
const mostTurns = 400;

describe("a pipeline that has stopped", () => {
  for (const [what, policy, before, begin] of steps)
    it(`${what}: wherever it is, nothing changes any more and nobody hears of anything`, async () => {
      const work = { isOver: false };
      let turns = 0;
      for (; !work.isOver; turns += 1) {
        assert.ok(turns < mostTurns);
        const home = fakeHome(policy, { flows: [attack(laptopAddress)], proven: false });
        await before(home);
        await settle();
        const end = begin(home).catch(() => undefined).finally(() => {
          work.isOver = true;
        });
        await turnsPass(turns);
        home.pipeline.stop();
        const then = changed(home);
        const { isOver } = work;
        await end;
        work.isOver = isOver;
        await home.clock.advance(3_600_000);
        assert.deepEqual(changed(home), { ...then as object, told: [] }, `after ${turns} turns`);
        assert.equal(home.clock.waiting(), 0);
      }
      assert.ok(turns > 1, "some of it was under way");
    });

  it("says so to the owner, whose decision was not taken; one that was stays one", async () => {
    const home = fakeHome(askPolicy);
    await home.ask();
    const denial = home.pipeline.decideByOwner(1, { is: "denied" });
    await settle();
    home.pipeline.stop();
    assert.equal((await denial)?.outcome, "denied");
    assert.equal(home.store.nos().length, 1);
    const late = fakeHome(askPolicy);
    await late.ask();
    late.pipeline.stop();
    await assert.rejects(late.pipeline.decideByOwner(1, { is: "denied" }), /the daemon is stopping/);
    assert.deepEqual([late.only().state, late.store.nos()], ["pending", []]);
  });
});
