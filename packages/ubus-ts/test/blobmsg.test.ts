import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { BlobError, writeBlob } from "../src/blob.ts";
import { decodeTable, encodeTable, type UbusTable, type UbusValue } from "../src/blobmsg.ts";

const name = fc.string({ maxLength: 12 }).filter((text) => !text.includes("\0"));
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((each) => !each.includes("\0"));
const { tree } = fc.letrec<{ tree: UbusValue }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    text,
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
    fc.array(tie("tree"), { maxLength: 5 }),
    fc.dictionary(name, tie("tree"), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

suite("blobmsg", () => {
  test("the bytes that libubox writes", () => {
    // Each as `ubus -s SOCKET call OBJECT METHOD JSON` of OpenWrt's ubus 2025-12-02 put it into DATA.
    const vectors: readonly (readonly [UbusTable, string])[] = [
      [{ id: 17 }, "85000010" + "00026964" + "00000000" + "00000011"],
      [{ on: true }, "8700000d" + "00026f6e" + "00000000" + "01000000"],
      [{ a: "hi" }, "8300000b" + "00016100" + "68690000"],
      [{ n: 4294967296 }, "84000010" + "00016e00" + "0000000100000000"],
      [{ d: 1.5 }, "88000010" + "00016400" + "3ff8000000000000"],
      [{ l: [1, 2] }, "81000020" + "00016c00" + "8500000c00000000" + "00000001" + "8500000c00000000" + "00000002"],
      [{ t: { x: null } }, "82000010" + "00017400" + "80000008" + "00017800"],
    ];
    for (const [table, hex] of vectors) {
      assert.equal(encodeTable(table).toString("hex"), hex, JSON.stringify(table));
      assert.deepEqual(decodeTable(Buffer.from(hex, "hex")), table);
    }
  });

  test("what is written is read again", () => {
    fc.assert(fc.property(fc.dictionary(name, tree, { maxKeys: 6, noNullPrototype: true }), (table) => {
      assert.deepEqual(decodeTable(encodeTable(table)), table);
    }), { numRuns: 500 });
  });

  test("any bytes are read, or refused with BlobError", () => {
    const refusedOrRead = (bytes: Uint8Array): void => {
      try {
        decodeTable(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof BlobError, String(error));
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refusedOrRead), { numRuns: 2000 });
    // Mutations of well-formed bytes get further than noise.
    fc.assert(fc.property(fc.dictionary(name, tree, { maxKeys: 6, noNullPrototype: true }), fc.nat(), fc.nat(255), (table, at, byte) => {
      const bytes = encodeTable(table);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      refusedOrRead(bytes);
      refusedOrRead(bytes.subarray(0, at % (bytes.length + 1)));
    }), { numRuns: 2000 });
  });

  test("`__proto__` is a name like any other", () => {
    const table = decodeTable(encodeTable(JSON.parse('{"__proto__":{"polluted":true}}') as UbusTable));
    assert.equal(Object.getPrototypeOf(table), Object.prototype);
    assert.deepEqual(Object.keys(table), ["__proto__"]);
  });

  test("nesting is bounded both ways", () => {
    let value: UbusValue = 1;
    let bytes: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 100_000; depth++) {
      value = [value];
      if (depth < 1000) bytes = writeBlob(1, bytes);
    }
    assert.throws(() => encodeTable({ value }), /more than 32 levels/);
    assert.throws(() => decodeTable(bytes), /more than 32 levels/);
  });

  test("refuses what cannot be said", () => {
    assert.throws(() => encodeTable({ a: "x\0y" }), BlobError);
    assert.throws(() => encodeTable({ "a\0b": 1 }), BlobError);
    assert.throws(() => encodeTable({ a: 2n ** 63n }), BlobError);
    assert.throws(() => encodeTable({ a: "x".repeat(0x100_0000) }), BlobError);
  });
});
