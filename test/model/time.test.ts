import assert from "node:assert/strict";
import { test } from "node:test";
import {
  between,
  earlier,
  earliest,
  inMilliseconds,
  inSeconds,
  later,
  latest,
  milliseconds,
  seconds,
  sinceEpoch,
  steadyInstant,
  timeLeft,
  wallInstant,
  type Milliseconds,
  type Seconds,
  type SteadyClock,
  type SteadyInstant,
  type WallClock,
  type WallInstant,
} from "../../src/model/time.ts";

const [wall, steady] = [wallInstant(10_000), steadyInstant(10_000)];

test("arithmetic on moments of either clock", () => {
  assert.equal(later(wall, milliseconds(500)), wallInstant(10_500));
  assert.equal(earlier(steady, milliseconds(500)), steadyInstant(9_500));
  assert.equal(between(wall, wallInstant(12_000)), 2_000);
  assert.equal(between(wallInstant(12_000), wall), -2_000);
  assert.equal(timeLeft(wallInstant(12_000), wall), 0);
  assert.equal(earliest(wall, wallInstant(1), wallInstant(2)), wallInstant(1));
  assert.equal(latest(steady, steadyInstant(-Infinity)), steady);
  assert.equal(between(steadyInstant(-Infinity), steady), Infinity);
  assert.deepEqual([inMilliseconds(seconds(1.5)), inSeconds(milliseconds(250)), sinceEpoch(wall)], [1_500, 0.25, 10_000]);
});

/** Never run: that each of these lines does not compile is checked by `make types`, for an expectation that is not met is an error too. */
export function mixed(wallClock: WallClock, steadyClock: SteadyClock, span: Milliseconds, wholeSeconds: Seconds): unknown[] {
  // @ts-expect-error a span between two clocks
  const [a, b, c, d] = [between(wall, steady), wall < wallInstant(1), steady < steadyInstant(1), later(wall, span)];
  // @ts-expect-error compared with one another
  const e = wall < steady;
  // @ts-expect-error subtracted from one another
  const f = wallClock.now() - steadyClock.now();
  // @ts-expect-error of the same clock, but past the functions
  const g = wallClock.now() - wall;
  // @ts-expect-error one for the other
  const h: SteadyInstant = wall;
  // @ts-expect-error one for the other
  const i: WallInstant = steady;
  // @ts-expect-error one clock for the other
  const j: SteadyClock = wallClock;
  // @ts-expect-error the later of two clocks' moments
  const k = latest(wall, steady);
  // @ts-expect-error seconds for milliseconds
  const l = later(wall, wholeSeconds);
  // @ts-expect-error milliseconds for seconds
  const m: Seconds = span;
  // @ts-expect-error a number without a unit
  const n: Milliseconds = 5_000;
  // @ts-expect-error a sum whose unit nobody has said
  const o: Milliseconds = span + wholeSeconds;
  // @ts-expect-error a number for a moment
  const p = later(1_700_000_000_000, span);
  // @ts-expect-error a timer in seconds
  const q = wallClock.after(wholeSeconds, () => undefined);
  return [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q];
}
