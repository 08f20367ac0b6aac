import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseMac } from "../../src/model/device.ts";
import { mergeRanges, rangeHolds, rangesOverlap, type NumberRange } from "../../src/model/number-range.ts";
import { badRequest } from "../../src/model/refusal.ts";
import { expiresAt, remainingSeconds, seconds } from "../../src/model/time.ts";
import { start, startPlus } from "../fake-clock.ts";

for (
  const [text, mac] of [
    ["AA:BB:CC:DD:EE:FF", "aa:bb:cc:dd:ee:ff"],
    ["aa-bb-cc-dd-ee-ff", "aa:bb:cc:dd:ee:ff"],
    [" aa:bb:cc:dd:ee:ff\n", "aa:bb:cc:dd:ee:ff"],
    ["aabbccddeeff", undefined],
    ["aa:bb:cc:dd:ee", undefined],
    ["aa:bb:cc:dd:ee:ff:00", undefined],
    ["aa:bb:cc:dd:ee:fg", undefined],
    ["", undefined],
  ] as const
)
  test(`MAC address '${text.trim()}'`, () => {
    assert.equal(parseMac(text), mac);
  });

for (
  const [lifetime, after, remaining] of [[60, 0, 60], [60, 1, 60], [60, 59_000, 1], [60, 59_001, 1], [60, 60_000, 0], [60, 1e9, 0], [-1, 1e12, -1], [
    0xffff_ffff,
    0,
    0xffff_ffff,
  ]] as const
) {
  test(`of a lifetime of ${lifetime} s ${remaining} s are left after ${after} ms`, () => {
    assert.equal(remainingSeconds(startPlus(after), expiresAt(start, seconds(lifetime))), remaining);
  });
}

const range: fc.Arbitrary<NumberRange> = fc.tuple(fc.nat(60), fc.nat(60)).map(([a, b]) => ({ lower: Math.min(a, b), upper: Math.max(a, b) }));

test("ranges merged hold the same numbers, sorted and apart", () => {
  fc.assert(fc.property(fc.array(range, { maxLength: 8 }), (ranges) => {
    const merged = mergeRanges(ranges);
    for (let value = 0; value <= 60; value++) assert.equal(merged.some((each) => rangeHolds(each, value)), ranges.some((each) => rangeHolds(each, value)));
    for (const [index, each] of merged.entries()) assert.ok(index === 0 || each.lower > (merged[index - 1]?.upper ?? 0) + 1);
  }));
});

test("ranges overlap where they share a number", () => {
  fc.assert(fc.property(range, range, (a, b) => {
    const shared = Array.from({ length: 61 }, (_, value) => value).some((value) => rangeHolds(a, value) && rangeHolds(b, value));
    assert.equal(rangesOverlap(a, b), shared);
  }));
});

test("a bad request says why", () => {
  assert.deepEqual(badRequest("why"), { code: "4.00", diagnostic: "why" });
});
