import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, Tagged } from "cborg";
import fc from "fast-check";
import { BodyError } from "../../../src/callhome-server/cbor/body-error.ts";
import { Decimal, decodeCbor, maxBodyBytes } from "../../../src/callhome-server/cbor/decode-cbor.ts";
import { bytes, plain } from "../wire.ts";

const read: readonly [what: string, hex: string, value: unknown][] = [
  ["a map with integer keys", "a2 01 02 19 8000 03", { 1: 2, 32768: 3 }],
  ["arrays, texts, booleans, negative", "84 01 61 61 f5 20", [1, "a", true, -1]],
  ["an indefinite array", "9f 01 02 ff", [1, 2]],
  ["an indefinite map", "bf 01 02 03 04 ff", { 1: 2, 3: 4 }],
  ["indefinite ones in each other", "bf 01 9f bf 02 03 ff ff ff", { 1: [{ 2: 3 }] }],
  ["integers longer than they need be", "1b 0000000000000007", 7],
  ["2^53, in eight bytes", "1b 0020000000000000", 2 ** 53],
  ["the DOTS tag in front (RFC 9132 §10.5)", "d9 010f a1 01 02", { 1: 2 }],
  ["12 levels", "81".repeat(12) + "01", [[[[[[[[[[[[1]]]]]]]]]]]]],
  ["empty containers do not count as open", "88" + "80".repeat(8), [[], [], [], [], [], [], [], []]],
];
for (const [what, hex, value] of read)
  test(`read: ${what}`, () => {
    assert.deepEqual(plain(bytes(hex)), value);
  });

const refused: readonly [what: string, hex: string, message?: RegExp][] = [
  ["nothing", "", /empty/],
  ["a duplicate key", "a2 01 02 01 03", /repeated map key/],
  ["a duplicate key, written differently", "a2 01 02 1801 03", /repeated map key/],
  ["something behind the end", "a1 01 02 00"],
  ["a map that is cut", "a2 01 02"],
  ["a text that is cut", "62 61"],
  ["an array of 2^32 items", "9a ffffffff"],
  ["a text of 2^32 bytes", "7a ffffffff"],
  ["a text in pieces", "7f 61 61 ff"],
  ["bytes in pieces", "5f 41 61 ff"],
  ["a break on its own", "ff"],
  ["a break in an array with a length", "82 01 ff", /misplaced break/],
  ["a break instead of a value", "bf 01 ff ff", /misplaced break/],
  ["a break in a tag", "9f c4 ff", /misplaced break/],
  ["an indefinite map without end", "bf 01 02"],
  ["NaN", "f9 7e00", /value/],
  ["infinity", "f9 7c00", /value/],
  ["the DOTS tag in front of nothing", "d9 010f"],
  ["13 levels", "81".repeat(13) + "01", /too deep/],
  ["13 levels, indefinite", "9f".repeat(13) + "01" + "ff".repeat(13), /too deep/],
  ["13 levels of maps in keys", "a1".repeat(13) + "01" + "02".repeat(13), /too deep/],
  ["13 levels behind values that are breaks", "bf01ff".repeat(13) + "ff" + "00ff".repeat(12), /misplaced break|too deep/],
  ["16,000 levels", "81".repeat(16_000) + "01", /too deep/],
  ["16,000 levels, indefinite maps", "bf".repeat(16_000), /too deep/],
  ["a decimal of one part", "c4 81 01", /decimal/],
  ["a decimal of three parts", "c4 83 21 01 01", /decimal/],
  ["a decimal of texts", "c4 82 61 31 61 31", /decimal/],
  ["a decimal with an exponent of -19", "c4 82 32 01", /decimal/],
  ["a decimal with a mantissa of 2^53", "c4 82 21 1b 0020000000000000", /decimal/],
  ["an exponent of 2^63", "c4 82 1b 8000000000000000 01", /decimal/],
  ["reserved additional information", "1c"],
  ["reserved additional information of a break", "9f fc ff"],
  ["an integer of no length", "1f"],
  ["other tags: a date", "c1 01", /tag/],
  ["other tags: a number of any length", "c2 41 01", /tag/],
  ["other tags: a class of the decoder's own", "d8 1b 82 61 45 80", /tag/],
  ["other tags: a record of the decoder's own", "d9 dfff 82 81 61 61 01", /tag/],
  ["other tags: values shared with others", "d8 1c 80", /tag/],
  ["the DOTS tag twice", "d9 010f d9 010f 01", /tag/],
  ["a tag of 64 bits", "db ffffffffffffffff 80", /tag/],
  ["another tag, deep within", "a1 01 81 c1 01", /tag/],
  ["13 decimals in each other", "c4".repeat(13) + "01", /too deep/],
  ["half a float", "f9 3c00", /value/],
  ["a float", "fa 3f800000", /value/],
  ["a double", "fb 3ff0000000000000", /value/],
  ["simple values without a meaning", "82 e0 f3", /value/],
  ["a simple value of the decoder's own", "f8 20", /value/],
  ["UTF-8: an overlong form", "62 c080", /UTF-8/],
  ["UTF-8: half of a pair", "63 eda080", /UTF-8/],
  ["UTF-8: above U+10FFFF", "64 f4908080", /UTF-8/],
  ["UTF-8: a rest without a beginning", "61 80", /UTF-8/],
  ["UTF-8: a character that the text's end cuts", "82 61 c3 61 a9", /UTF-8/],
  ["a duplicate key of text", "a2 61 61 01 61 61 02", /repeated map key/],
  ["a duplicate key deep within, in a key", "a1 a2 01 02 01 03 04", /repeated map key/],
  ["a simple value in two bytes below 32", "f8 1f"],
];
for (const [what, hex, message = /./] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => decodeCbor(bytes(hex)), (error) => error instanceof BodyError && message.test(error.message) && error.message.length <= 120);
  });
}

test("a body may have 16 KiB, and not a byte more", () => {
  const body = (length: number): Uint8Array => encode("x".repeat(length - 3));
  assert.equal(body(maxBodyBytes).length, maxBodyBytes);
  decodeCbor(body(maxBodyBytes));
  assert.throws(() => decodeCbor(body(maxBodyBytes + 1)), /too large/);
});

test("decimals have the same value whatever their exponent: go-dots sends the natural one", () => {
  fc.assert(fc.property(fc.integer({ min: -30_000, max: 30_000 }), fc.integer({ min: 2, max: 9 }), (hundredths, digits) => {
    const written = encode(new Tagged(4, [-digits, hundredths * 10 ** (digits - 2)]));
    const decimal = decodeCbor(written);
    assert.ok(decimal instanceof Decimal);
    assert.equal(decimal.value, hundredths / 100);
  }));
  assert.equal((decodeCbor(bytes("c4 82 02 03")) as Decimal).value, 300);
});

test("whatever cborg writes of plain values comes back", () => {
  const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null));
  const value = fc.letrec((tie) => ({ value: fc.oneof({ maxDepth: 6 }, leaf, fc.array(tie("value"), { maxLength: 4 })) })).value;
  fc.assert(fc.property(value, (each) => {
    assert.deepEqual(decodeCbor(encode(each)), each);
  }));
});

test("arbitrary bytes end in a value or a BodyError, nothing else", () => {
  const piece = fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom("a1", "bf", "9f", "ff", "c4", "81", "01", "d9010f", "7f", "82", "bf01ff").map(bytes));
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
    try {
      decodeCbor(Buffer.concat(pieces));
    } catch (error) {
      assert.ok(error instanceof BodyError, String(error));
    }
  }), { numRuns: 5_000 });
});

test("texts are UTF-8 where TextDecoder says so", () => {
  const isText = (of: Uint8Array): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(of);
      return true;
    } catch {
      return false;
    }
  };
  const piece = fc.oneof(fc.string({ unit: "binary", maxLength: 2 }).map((each) => Buffer.from(each)), fc.uint8Array({ maxLength: 3 }),
    fc.constantFrom("e0", "ed", "f0", "f4", "9f", "a0", "80", "bf").map(bytes));
  fc.assert(fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
    const text = Buffer.concat(pieces);
    const body = Uint8Array.from([0x58 | 0x20, text.length, ...text]);
    if (isText(text)) assert.equal(typeof decodeCbor(body), "string");
    else assert.throws(() => decodeCbor(body), /UTF-8/);
  }), { numRuns: 5_000 });
});
