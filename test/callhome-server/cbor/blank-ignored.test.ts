import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "cborg";
import fc from "fast-check";
import { blankIgnored } from "../../../src/callhome-server/cbor/blank-ignored.ts";
import { BodyError } from "../../../src/callhome-server/cbor/body-error.ts";
import { decodeCbor, maxBodyBytes } from "../../../src/callhome-server/cbor/decode-cbor.ts";
import { bytes, hex } from "../wire.ts";

/** Key 200 and above are ignored here. */
const blanked = (of: string): string => hex(blankIgnored(bytes(of), (key) => key >= 200));

const table: readonly [what: string, body: string, kept: string][] = [
  ["nothing to ignore", "a1 01 02", "a10102"],
  ["a number", "a2 18c8 1901f4 01 02", "a218c8f60102"],
  ["a map, last of its map, which is last of another", "a1 01 a1 18c8 a1 01 02", "a101a118c8f6"],
  ["an array of maps", "a2 18c8 82 a1 01 02 a0 01 02", "a218c8f60102"],
  ["empty containers", "a3 18c8 80 18c9 a0 01 02", "a318c8f618c9f60102"],
  ["indefinite ones in each other", "a2 18c8 9f bf 01 9f ff ff ff 01 02", "a218c8f60102"],
  ["texts and bytes in pieces", "a3 18c8 7f 61 61 61 62 ff 18c9 5f 41 00 ff 01 02", "a318c8f618c9f60102"],
  ["tags in tags", "a2 18c8 c1 c1 db ffffffffffffffff 80 01 02", "a218c8f60102"],
  ["NaN, infinity, undefined, simple values", "a4 18c8 f97e00 18c9 f97c00 18ca f7 18cb f8ff", "a418c8f618c9f618caf618cbf6"],
  ["in an indefinite map", "bf 18c8 81 81 00 01 02 ff", "bf18c8f60102ff"],
  ["an ignored key in an ignored value", "a1 18c8 a1 18c8 81 00", "a118c8f6"],
  ["in an array, and under a map in a key", "81 a2 a1 18c8 81 00 00 18c8 81 01", "81a2a118c8f60018c8f6"],
  ["behind the DOTS tag", "d9010f a1 18c8 81 00", "d9010fa118c8f6"],
  ["a text is no key, nor is a negative number", "a2 61 61 81 00 38c8 81 00", "a26161810038c88100"],
];
for (const [what, body, kept] of table)
  test(what, () => {
    assert.equal(blanked(body), kept);
  });

test("however deep: 16,000 levels cost no recursion", () => {
  const deep = "a2 18c8" + "81".repeat(16_000) + "00" + "01 02";
  assert.equal(blanked(deep), "a218c8f60102");
  assert.equal(blanked("a2 18c8" + "9f".repeat(8_000) + "ff".repeat(8_000) + "01 02"), "a218c8f60102");
});

for (
  const [what, body] of [
    ["a value that is cut", "a1 18c8 82 01"],
    ["a string that is cut", "a1 18c8 7a ffffffff 61"],
    ["a reserved head", "a1 18c8 1c"],
    ["a piece of another type", "a1 18c8 7f 41 00 ff"],
    ["a break amid a map", "a1 18c8 bf 01 ff"],
    ["a break in a definite array", "a1 18c8 82 01 ff"],
    ["pieces in pieces", "a1 18c8 7f 7f ff ff"],
    ["a simple value below 32 in two bytes", "a1 18c8 f8 1f"],
    ["an indefinite integer", "a1 18c8 1f"],
  ] as const
) {
  test(`not well-formed: ${what}`, () => {
    assert.throws(() => blanked(body), BodyError);
  });
}

test("what is malformed elsewhere, or too large, is left as it is for the decoder", () => {
  for (const body of ["", "a2 01", "a1 18c8", "1c", "ff", "bf", "81".repeat(20)]) assert.equal(blanked(body), body.replaceAll(" ", ""));
  const large = new Uint8Array(maxBodyBytes + 1);
  assert.equal(blankIgnored(large, () => true), large);
});

test("whatever stands under an ignored key, the rest is read as without it", () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 12 }, fc.integer(), fc.string(), fc.boolean(), fc.double(), fc.uint8Array({ maxLength: 300 }),
      fc.array(tie("value"), { maxLength: 4 }), fc.dictionary(fc.string(), tie("value"), { maxKeys: 3 })),
  })).value;
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 200, max: 255 }), value), { maxLength: 4 }), fc.boolean(), (ignored, last) => {
    const entries: [number, unknown][] = [...ignored, [1, [2, "x"]]];
    const map = new Map(last ? entries : entries.reverse());
    assert.deepEqual((decodeCbor(blankIgnored(encode(map), (key) => key >= 200)) as Map<number, unknown>).get(1), [2, "x"]);
  }));
});

test("arbitrary bytes end in bytes that are no longer, or a BodyError", () => {
  const piece = fc.oneof(fc.uint8Array({ maxLength: 4 }),
    fc.constantFrom("a1", "bf", "9f", "ff", "c4", "81", "01", "18c8", "7f", "82", "5f", "a218c8").map(bytes));
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
    const body = Buffer.concat(pieces);
    try {
      assert.ok(blankIgnored(body, (key) => key >= 200).length <= body.length);
    } catch (error) {
      assert.ok(error instanceof BodyError, String(error));
    }
  }), { numRuns: 5_000 });
});
