import assert from "node:assert/strict";
import { test } from "node:test";
import { everyFiveSeconds, mostOf, simulateStorm } from "../bench/storm.ts";
import { milliseconds } from "../../src/model/time.ts";

const routers = 10_000;

test("10,000 routers whose ISP restarts at once: spread over 10 s, none comes twice", () => {
  const { attempts, back } = simulateStorm({ routers, outage: milliseconds(0) });
  assert.equal(back.length, routers);
  assert.equal(attempts.reduce((sum, count) => sum + count, 0), routers);
  assert.ok(mostOf(attempts) < 1_200, `${mostOf(attempts)} in a second`);
});

test("an ISP that is away for an hour: never more than a few hundred a second, all back within 6 minutes of its return", () => {
  const { attempts, back } = simulateStorm({ routers, outage: milliseconds(3_600_000) });
  assert.ok(mostOf(attempts.slice(10)) < 300, `${mostOf(attempts.slice(10))} in a second`);
  assert.ok(mostOf(attempts.slice(1_800)) < 0.75 * mostOf(attempts.slice(10, 600)), "the longer it lasts, the more even");
  const last = (back.at(-1) ?? Infinity) - 3_600;
  assert.ok(last <= 360, `the last is back after ${last} s`);
  // RFC 9132 §4.7: not more often than every 300 s.
  assert.ok(attempts.reduce((sum, count) => sum + count, 0) / routers <= 1 + 3_600 / 300 + 1);
});

test("an ISP that manages 100 handshakes a second has everybody back, which fixed retries never let it", () => {
  const ours = simulateStorm({ routers, outage: milliseconds(3_600_000), capacity: 100 });
  assert.ok((ours.back.at(-1) ?? Infinity) - 3_600 < 720);
  const naive = simulateStorm({ routers, outage: milliseconds(3_600_000), capacity: 100, delay: everyFiveSeconds });
  assert.equal(mostOf(naive.attempts), routers, "all of them in the same second");
  assert.ok(mostOf(naive.attempts) > 30 * mostOf(ours.attempts.slice(10)));
});
