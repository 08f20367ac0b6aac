import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dialDelay, orderedAtOnce, orderedDialFrom } from "../../src/callhome-server/backoff.ts";
import { between, later, milliseconds, steadyInstant, type SteadyInstant } from "../../src/model/time.ts";

const seconds = (history: Parameters<typeof dialDelay>[0]): [least: number, most: number] => [dialDelay(history, 0) / 1000, dialDelay(history, 1) / 1000];

const table: readonly [what: string, history: Parameters<typeof dialDelay>[0], least: number, most: number][] = [
  ["at the start, or when the WAN comes up", { failures: 0, hadSession: false }, 0, 0],
  ["then as seldom as every 60 s (RFC 9132 §4.7)", { failures: 1, hadSession: false }, 60, 90],
  ["", { failures: 4, hadSession: false }, 60, 90],
  ["and, once it takes longer, every 300 s", { failures: 5, hadSession: false }, 300, 360],
  ["", { failures: 1_000_000, hadSession: false }, 300, 360],
  ["nothing was sent, so that the peer was not asked", { failures: 0, unsent: 1, hadSession: false }, 1, 4],
  ["", { failures: 3, unsent: 2, hadSession: true }, 1, 8],
  ["", { failures: 0, unsent: 1_000_000, hadSession: false }, 1, 60],
  ["redirected, or the redirection is over", { failures: 0, hadSession: true, atOnce: true }, 0, 0],
  ["a session was lost: once, soon", { failures: 0, hadSession: true }, 0, 10],
  ["the first session that did not last", { failures: 0, hadSession: true, unsettled: 1 }, 0, 10],
  ["sessions that do not last", { failures: 0, hadSession: true, unsettled: 3 }, 0, 40],
  ["", { failures: 0, hadSession: true, unsettled: 1_000 }, 0, 300],
  ["that failed: RFC 9132 §4.7", { failures: 1, hadSession: true }, 300, 360],
  ["", { failures: 50, hadSession: true }, 300, 360],
];
for (const [what, history, least, most] of table) {
  test(`${JSON.stringify(history)}: ${least} to ${most} s ${what && `(${what})`}`, () => {
    assert.deepEqual(seconds(history), [least, most]);
  });
}

test("never more often than every 60 s once an attempt that reached for the peer has failed, whatever came before", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.boolean(), fc.boolean(), fc.nat(20), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, hadSession, atOnce, unsettled, random) => {
        assert.ok(dialDelay({ failures, hadSession, atOnce, unsettled }, random) >= 60_000);
      }),
  );
});

test("dials that have a reason of their own: three at once, then one a minute on the average", () => {
  const at: SteadyInstant[] = [];
  const origin = steadyInstant(0);
  for (let second = 0; second < 600; second += 1) {
    const now = later(origin, milliseconds(second * 1000));
    const from = orderedDialFrom(at.slice(-orderedAtOnce), now);
    if (from <= now) at.push(from);
  }
  assert.deepEqual(at.map((each) => between(origin, each) / 1000), [0, 1, 2, 180, 181, 182, 360, 361, 362, 540, 541, 542]);
});

test("after a session existed: never more often than every 300 s from the second attempt on, whatever the random number", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, random) => {
    const delay = dialDelay({ failures, hadSession: true }, random);
    assert.ok(delay >= 300_000 && delay <= 360_000);
  }));
});

test("10,000 homes that lose the same upstream come back spread evenly over 10 seconds", () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed / 0x7fff_ffff;
  };
  const perSecond = Array<number>(10).fill(0);
  for (let home = 0; home < 10_000; home++) {
    const second = Math.floor(dialDelay({ failures: 0, hadSession: true }, random()) / 1000);
    perSecond[second] = (perSecond[second] ?? 0) + 1;
  }
  for (const count of perSecond) assert.ok(count > 850 && count < 1_150, perSecond.join(" "));
});
