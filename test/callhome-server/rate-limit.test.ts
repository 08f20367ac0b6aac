import assert from "node:assert/strict";
import { test } from "node:test";
import { createRateLimit } from "../../src/callhome-server/rate-limit.ts";
import { steadyInstant, type SteadyInstant } from "../../src/model/time.ts";

const passing = (mayPass: (now: SteadyInstant) => boolean, now: number, times = 100): number =>
  Array.from({ length: times }, () => mayPass(steadyInstant(now))).filter(Boolean).length;

test("a burst of one second's worth, then what the time allows", () => {
  const mayPass = createRateLimit(20);
  assert.equal(passing(mayPass, 1_000), 20);
  assert.equal(passing(mayPass, 1_000), 0);
  assert.equal(passing(mayPass, 1_100), 2);
  assert.equal(passing(mayPass, 1_149), 0);
  assert.equal(passing(mayPass, 1_150), 1, "parts of a request add up");
  assert.equal(passing(mayPass, 1_000_000), 20, "and no more than a second's worth is saved");
});

test("one a second", () => {
  const mayPass = createRateLimit(1);
  assert.deepEqual([0, 500, 999, 1_000, 1_500, 2_000].map((now) => mayPass(steadyInstant(now))), [true, false, false, true, false, true]);
});

test("a clock that is set back neither gives nor takes", () => {
  const mayPass = createRateLimit(10);
  assert.equal(passing(mayPass, 10_000, 5), 5);
  assert.equal(passing(mayPass, 0), 5);
  assert.equal(passing(mayPass, 500), 5);
});
