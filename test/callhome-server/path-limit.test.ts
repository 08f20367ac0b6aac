import assert from "node:assert/strict";
import { test } from "node:test";
import { anyPath, longestAllowed, shortenPath } from "../../src/callhome-server/path-limit.ts";
import { seconds, steadyInstant } from "../../src/model/time.ts";

const start = 1_000_000;
const hour = 3_600_000;

test("a path of which nothing is known allows 240 s", () => {
  assert.equal(longestAllowed(anyPath, steadyInstant(start)), 240);
});

test("half of the gap that was too long, at least 15 s; believed for an hour, then twice as much, and so on", () => {
  const once = shortenPath(anyPath, seconds(30), steadyInstant(start));
  assert.deepEqual([0, 1, 2, 3, 4].map((hours) => longestAllowed(once, steadyInstant(start + hours * hour))), [15, 30, 60, 120, 240]);
  assert.equal(longestAllowed(once, steadyInstant(start + hour - 1)), 15);
  assert.equal(longestAllowed(shortenPath(anyPath, seconds(20), steadyInstant(start)), steadyInstant(start)), 15);
  assert.equal(longestAllowed(shortenPath(anyPath, seconds(240), steadyInstant(start)), steadyInstant(start)), 120);
});

test("each time that the path shows it again it is believed for longer, up to a day", () => {
  let limit = anyPath;
  for (const [times, hours] of [[1, 1], [2, 2], [3, 4], [4, 8], [5, 16], [6, 24], [7, 24]] as const) {
    limit = shortenPath(limit, seconds(60), steadyInstant(start));
    assert.deepEqual([limit.times, longestAllowed(limit, steadyInstant(start + hours * hour - 1)), longestAllowed(limit, steadyInstant(start + hours * hour))],
      [times, 30, 60]);
  }
});

test("a longer gap that was too long does not undo what a shorter one has shown", () => {
  assert.equal(
    longestAllowed(shortenPath(shortenPath(anyPath, seconds(60), steadyInstant(start)), seconds(240), steadyInstant(start + 1)), steadyInstant(start + 1)),
    30,
  );
});
