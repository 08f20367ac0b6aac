import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BodyError } from "../../../src/callhome-server/cbor/body-error.ts";
import { boolean, cborMap, decimal, integer, ipPrefix, list, optional, readBody, required, text, writeBody } from "../../../src/callhome-server/cbor/schema.ts";
import { MitigationBody, MitigationStatusBody, RedirectBody, SignalConfigBody } from "../../../src/callhome-server/dots/messages.ts";
import { formatIpPrefix, parseIpPrefix } from "../../../src/model/ip-prefix.ts";
import { bytes, cbor, hex, plain } from "../wire.ts";

const Message = cborMap({
  aNumber: required(1, integer(-1, 9)),
  someText: optional(2, text(3)),
  inner: optional(300, cborMap({ flag: required(4, boolean) })),
});
const read = (value: object): unknown => readBody(Message, cbor(value));

test("a message is read by its keys; what is optional may be missing", () => {
  assert.deepEqual(read({ 1: -1 }), { aNumber: -1 });
  assert.deepEqual(read({ 1: 9, 2: "abc", 300: { 4: true } }), { aNumber: 9, someText: "abc", inner: { flag: true } });
});

const wrong: readonly [value: unknown, message: string][] = [
  [[], "body: not a map"],
  [1, "body: not a map"],
  [{}, "a-number is missing"],
  [{ 1: "1" }, "a-number: an integer from -1 to 9 expected"],
  [{ 1: 10 }, "a-number: an integer from -1 to 9 expected"],
  [{ 1: 1.5 }, "a value that no attribute has"],
  [{ 1: null }, "a-number: an integer from -1 to 9 expected"],
  [{ 1: undefined }, "a-number: an integer from -1 to 9 expected"],
  [{ 1: 2n ** 60n }, "a-number: an integer from -1 to 9 expected"],
  [{ 1: 1, 2: "" }, "some-text: text of 1 to 3 characters expected"],
  [{ 1: 1, 2: "abcd" }, "some-text: text of 1 to 3 characters expected"],
  [{ 1: 1, 2: undefined }, "some-text: text of 1 to 3 characters expected"],
  [{ 1: 1, 2: 7 }, "some-text: text of 1 to 3 characters expected"],
  [{ 1: 1, 300: 7 }, "inner: not a map"],
  [{ 1: 1, 300: {} }, "flag is missing"],
  [{ 1: 1, 300: { 4: 1 } }, "flag: true or false expected"],
  [{ 1: 1, 300: { 4: true, 5: 0 } }, "inner: unknown or unexpected comprehension-required key 5"],
];
for (const [value, message] of wrong) {
  test(`refused: ${message}`, () => {
    assert.throws(() => readBody(Message, cbor(value)), new BodyError(message));
  });
}

/** RFC 9132 §10.6.1.1, the new table. */
const ranges: readonly [key: number, optional: boolean][] = [
  [3, false],
  [127, false],
  [128, true],
  [255, true],
  [256, false],
  [16_383, false],
  [16_384, true],
  [32_767, true],
  [32_768, true],
  [49_151, true],
  [49_152, true],
  [65_535, true],
];
for (const [key, ignored] of ranges) {
  test(`key ${key} is comprehension-${ignored ? "optional" : "required"}`, () => {
    if (ignored) assert.deepEqual(read({ 1: 1, [key]: { 7: ["x"] } }), { aNumber: 1 });
    else assert.throws(() => read({ 1: 1, [key]: 0 }), /comprehension-required key/);
  });
}

for (const key of ["00", "20", "1a00010000", "6161", "80", "f5", "1b0020000000000000"]) {
  test(`a key must be an integer from 1 to 65535: ${key}`, () => {
    assert.throws(() => readBody(Message, bytes(`a2 01 01 ${key} 00`)), /keys must be integers from 1 to 65535/);
  });
}

test("lists: not empty, not too long, each of their kind", () => {
  const List = cborMap({ some: required(1, list(integer(0, 9), 3)) });
  assert.deepEqual(readBody(List, cbor({ 1: [1, 2, 3] })), { some: [1, 2, 3] });
  for (const value of [[], [1, 2, 3, 4], [10], ["1"], [[1]], "1", {}]) assert.throws(() => readBody(List, cbor({ 1: value })), BodyError);
});

test("prefixes and decimals", () => {
  const Both = cborMap({ prefix: optional(1, ipPrefix), factor: optional(2, decimal) });
  assert.deepEqual(readBody(Both, cbor({ 1: "203.0.113.77/24" })), { prefix: parseIpPrefix("203.0.113.0/24") });
  assert.equal(hex(writeBody(Both, { factor: 1.5 })), "a1" + "02" + "c4822118" + "96");
  assert.deepEqual([readBody(Both, bytes("a102c4822018cd")), readBody(Both, cbor({ 2: 3 }))], [{ factor: 20.5 }, { factor: 3 }]);
  for (const value of [{ 1: "203.0.113.7/33" }, { 1: "example.com" }, { 1: 7 }, { 2: 1.5 }, { 2: "1.5" }])
    assert.throws(() => readBody(Both, cbor(value)), BodyError);
});

test("RFC 9132 figure 8: the bytes of figure 7", () => {
  const { mitigationScope: { scope: [scope] } } = readBody(MitigationBody, bytes(`
    A101A10281A4 0682 74 323030313A6462383A363430313A3A312F313238 74 323030313A6462383A363430313A3A322F313238
    0783 A1081850 A10819 01BB A10819 1F90 0A81 06 0E19 0E10`));
  assert.deepEqual(scope?.targetPrefix?.map(formatIpPrefix), ["2001:db8:6401::1/128", "2001:db8:6401::2/128"]);
  assert.deepEqual({ ...scope, targetPrefix: 0 }, {
    targetPrefix: 0,
    targetPortRange: [{ lowerPort: 80 }, { lowerPort: 443 }, { lowerPort: 8080 }],
    targetProtocol: [6],
    lifetime: 3600,
  });
});

test("RFC 9066 §6.2: the keys of call home, as IANA assigned them", () => {
  const scope = { 6: ["198.51.100.9/32"], 32768: ["203.0.113.7/32"], 32769: [{ 8: 1, 9: 2 }], 32770: [{ 32771: 8, 32772: 9 }] };
  assert.deepEqual(readBody(MitigationBody, cbor({ 1: { 2: [scope] } })).mitigationScope.scope[0], {
    targetPrefix: [parseIpPrefix("198.51.100.9")],
    sourcePrefix: [parseIpPrefix("203.0.113.7")],
    sourcePortRange: [{ lowerPort: 1, upperPort: 2 }],
    sourceIcmpTypeRange: [{ lowerType: 8, upperType: 9 }],
  });
  assert.deepEqual(readBody(RedirectBody, cbor({ 46: { 32773: "alt.example", 32774: ["2001:db8::1"], 32775: 600 } })).redirectedSignal, {
    altChClient: "alt.example",
    altChClientRecord: ["2001:db8::1"],
    ttl: 600,
  });
});

/** RFC 9132 table 5: what stands on the wire for each attribute that we send. */
test("every attribute of an answer has the key of table 5", () => {
  const scope = {
    mid: 1,
    mitigationStart: 2,
    lifetime: -1,
    status: 4,
    bytesDropped: 5,
    bpsDropped: 6,
    pktsDropped: 7,
    ppsDropped: 8,
    targetProtocol: [6],
    targetFqdn: ["a"],
    targetUri: ["b"],
    conflictInformation: { conflictStatus: 1, conflictCause: 2, retryTimer: 3, conflictScope: { mid: 4 } },
    targetPortRange: [{ lowerPort: 1, upperPort: 2 }],
  };
  assert.deepEqual(plain(writeBody(MitigationStatusBody, { mitigationScope: { scope: [scope] } })), {
    1: {
      2: [{
        5: 1,
        7: [{ 8: 1, 9: 2 }],
        10: [6],
        11: ["a"],
        12: ["b"],
        14: -1,
        15: 2,
        16: 4,
        17: { 18: 1, 19: 2, 20: 3, 21: { 5: 4 } },
        25: 5,
        26: 6,
        27: 7,
        28: 8,
      }],
    },
  });
  const value = { maxValue: 3, minValue: 1, currentValue: 2 };
  assert.equal(hex(writeBody(SignalConfigBody, { signalConfig: { idleConfig: { heartbeatInterval: value } } })), "a1181ea1182ca11821a3182203182301182402");
});

test("a message that is written is read back", () => {
  const arbitrary = fc.record({ aNumber: fc.integer({ min: -1, max: 9 }), someText: fc.string({ minLength: 1, maxLength: 3 }) }, { noNullPrototype: true });
  fc.assert(fc.property(arbitrary, (message) => {
    assert.deepEqual(readBody(Message, writeBody(Message, message)), message);
  }));
});
