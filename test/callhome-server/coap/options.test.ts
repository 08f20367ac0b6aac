import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isCritical, optionNumber, readOptionsAndPayload, readUint, writeOptionsAndPayload, writeUint } from "../../../src/callhome-server/coap/options.ts";
import { bytes, hex } from "../wire.ts";

const uints: readonly [value: number, hex: string][] = [[0, ""], [1, "01"], [255, "ff"], [271, "010f"], [65_536, "010000"], [0xffff_ffff, "ffffffff"]];
for (const [value, wire] of uints) {
  test(`uint ${value}`, () => {
    assert.equal(hex(writeUint(value)), wire);
    assert.equal(readUint(bytes(wire)), value);
  });
}

test("a uint may have leading zeros, and not more than 4 bytes", () => {
  assert.equal(readUint(bytes("0000010f")), 271);
  assert.equal(readUint(bytes("0000000001")), undefined);
});

test("every uint comes back", () => {
  fc.assert(fc.property(fc.nat(0xffff_ffff), (value) => {
    assert.equal(readUint(writeUint(value)), value);
  }));
});

test("critical are the odd numbers (RFC 7252 §5.4.6)", () => {
  const critical = Object.entries(optionNumber).filter(([, number]) => isCritical(number)).map(([name]) => name);
  assert.deepEqual(critical, ["ifMatch", "uriHost", "ifNoneMatch", "uriPort", "uriPath", "uriQuery", "accept", "qBlock1", "block2", "block1", "qBlock2",
    "proxyUri", "proxyScheme"]);
});

test("options are written in the order of their numbers; those of one number keep theirs", () => {
  const wire = writeOptionsAndPayload([{ number: 15, value: bytes("02") }, { number: 11, value: bytes("61") }, { number: 11, value: bytes("62") }],
    bytes("07"));
  assert.equal(hex(wire), "b161" + "0162" + "4102" + "ff07");
});

test("values of every length up to 700 bytes", () => {
  for (let length = 0; length <= 700; length += 1) {
    const read = readOptionsAndPayload(writeOptionsAndPayload([{ number: 11, value: new Uint8Array(length) }], bytes("01")));
    assert.equal(read?.options[0]?.value.length, length);
    assert.equal(read.payload.length, 1);
  }
});
