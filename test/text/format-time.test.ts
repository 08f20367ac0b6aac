import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatTime, formatTimeOrNull } from "../../src/text/format-time.ts";
import { wallInstant } from "../../src/model/time.ts";

const day = 86_400_000;
const iso = (instant: number): string => new Date(instant).toISOString();

describe("a time as it is shown", () => {
  it("is that of Date, on every day of 500 years and at its last millisecond", () => {
    for (let instant = 0; instant < 500 * 366 * day; instant += day) {
      assert.equal(formatTime(wallInstant(instant)), iso(instant));
      assert.equal(formatTime(wallInstant(instant + day - 1)), iso(instant + day - 1));
    }
  });

  it("is that of Date at any instant, also where years have other than four digits", () => {
    fc.assert(fc.property(fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true }), (instant) => formatTime(wallInstant(instant)) === iso(instant)));
    fc.assert(fc.property(fc.double({ min: 0, max: 5e14, noNaN: true }), (instant) => formatTime(wallInstant(instant)) === iso(instant)));
  });

  it("is nothing where there is none", () => {
    assert.deepEqual([formatTimeOrNull(null), formatTimeOrNull(wallInstant(0))], [null, "1970-01-01T00:00:00.000Z"]);
  });
});
