import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "cborg";
import fc from "fast-check";
import { Decimal, decodeCbor } from "../../../src/callhome-server/cbor/decode-cbor.ts";
import { encodeCbor } from "../../../src/callhome-server/cbor/encode-cbor.ts";
import { bytes, hex } from "../wire.ts";

const table: readonly [what: string, value: unknown, written: string][] = [
  ["the shortest heads", [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1], "88 00 17 1818 18ff 190100 19ffff 1a00010000 1affffffff"],
  ["a counter above 2^32 is an integer", 51_234_567_890, "1b 0000000bedd176d2"],
  ["negative ones", [-1, -24, -25, -(2 ** 32) - 1], "84 20 37 3818 3b0000000100000000"],
  ["keys in their order", new Map<number, unknown>([[300, 1], [2, true]]), "a2 02 f5 19012c 01"],
  ["a decimal of two digits", new Decimal(1.5), "c4 82 21 1896"],
  ["text is counted in bytes", "é", "62 c3a9"],
];
for (const [what, value, written] of table)
  test(`written: ${what}`, () => {
    assert.equal(hex(encodeCbor(value)), hex(bytes(written)));
  });

test("what cborg writes of the same, byte by byte, and it comes back", () => {
  const leaf = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -300, max: 300 }), fc.string({ unit: "grapheme" }), fc.boolean());
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 6 }, leaf, fc.array(tie("value"), { maxLength: 4 }),
      fc.uniqueArray(fc.tuple(fc.nat(70_000), tie("value")), { maxLength: 4, selector: ([key]) => key }).map((entries) => new Map(entries))),
  })).value;
  fc.assert(fc.property(value, (each) => {
    const written = encodeCbor(each);
    assert.equal(hex(written), hex(encode(each)));
    assert.deepEqual(hex(encodeCbor(decodeCbor(written))), hex(written));
  }), { numRuns: 2_000 });
});

test("nothing else is written", () => {
  for (const value of [undefined, null, 1.5, 2 ** 53, 1n, {}, Symbol("x")]) assert.throws(() => encodeCbor(value), TypeError);
});
