import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dialDelay } from "../../src/callhome-server/backoff.ts";

const seconds = (history: Parameters<typeof dialDelay>[0]): [least: number, most: number] => [dialDelay(history, 0) / 1000, dialDelay(history, 1) / 1000];

const table: readonly [what: string, history: Parameters<typeof dialDelay>[0], least: number, most: number][] = [
  ["at the start, or when the WAN comes up", { failures: 0, hadSession: false }, 0, 0],
  ["then quickly", { failures: 1, hadSession: false }, 1, 4],
  ["", { failures: 2, hadSession: false }, 1, 8],
  ["", { failures: 4, hadSession: false }, 1, 32],
  ["once it takes longer, never more often than every 60 s", { failures: 5, hadSession: false }, 60, 64],
  ["", { failures: 7, hadSession: false }, 60, 256],
  ["", { failures: 8, hadSession: false }, 60, 300],
  ["", { failures: 1_000_000, hadSession: false }, 60, 300],
  ["a session was lost: once, soon", { failures: 0, hadSession: true }, 0, 10],
  ["the first session that did not last", { failures: 0, hadSession: true, unsettled: 1 }, 0, 10],
  ["sessions that do not last", { failures: 0, hadSession: true, unsettled: 3 }, 0, 40],
  ["", { failures: 0, hadSession: true, unsettled: 1_000 }, 0, 300],
  ["that failed: RFC 9132 §4.7", { failures: 1, hadSession: true }, 300, 360],
  ["", { failures: 50, hadSession: true }, 300, 360],
];
for (const [what, history, least, most] of table) {
  test(`${JSON.stringify(history)}: ${least} to ${most} s ${what && `(${what})`}`, () => { assert.deepEqual(seconds(history), [least, most]); });
}

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
