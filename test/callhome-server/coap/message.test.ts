import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  codeFromByte,
  codeToByte,
  decodeDatagram,
  encodeDatagram,
  isRequest,
  isResponse,
  type CoapDatagram,
  type MessageType,
} from "../../../src/callhome-server/coap/message.ts";
import { bytes, decoded, hex, text } from "../wire.ts";

const vectors: readonly [
  what: string,
  hex: string,
  type: MessageType,
  id: number,
  code: string,
  token: string,
  options: [number, string][],
  payload: string,
][] = [
  ["RFC 7252 figure 16: GET /temperature", "40017d34bb74656d7065726174757265", "CON", 0x7d34, "0.01", "", [[11, "74656d7065726174757265"]], ""],
  ["RFC 7252 figure 16: its answer", "60457d34ff32322e332043", "ACK", 0x7d34, "2.05", "", [], "22.3 C"],
  ["RFC 7252 figure 17: with a token", "41017d3520bb74656d7065726174757265", "CON", 0x7d35, "0.01", "20", [[11, "74656d7065726174757265"]], ""],
  ["RFC 7252 figure 19: a separate answer, lost and repeated", "4145ad7b73ff32322e332043", "CON", 0xad7b, "2.05", "73", [], "22.3 C"],
  ["an empty message: ping", "40001234", "CON", 0x1234, "0.00", "", [], ""],
  ["a reset", "70001234", "RST", 0x1234, "0.00", "", [], ""],
  ["Observe 0 is an empty option", "510100019960", "NON", 1, "0.01", "99", [[6, ""]], ""],
  ["a delta and a length that need one more byte", "50030001" + "dd2f02" + "00".repeat(15), "NON", 1, "0.03", "", [[60, "00".repeat(15)]], ""],
  ["a delta that needs two more bytes", "50030001" + "e1010007", "NON", 1, "0.03", "", [[525, "07"]], ""],
];

for (const [what, wire, type, id, code, token, options, payload] of vectors) {
  test(`read: ${what}`, () => {
    const message = decoded(bytes(wire));
    assert.deepEqual([message.type, message.messageId, message.code, hex(message.token), text(message.payload)], [type, id, code, token, payload]);
    assert.deepEqual(message.options.map((option) => [option.number, hex(option.value)]), options);
    assert.equal(hex(encodeDatagram(message)), wire, "and written the same");
  });
}

const malformed: readonly [what: string, hex: string, rejectable: boolean][] = [
  ["nothing", "", false],
  ["three bytes", "400112", false],
  ["version 0", "00011234", false],
  ["version 2", "80011234", false],
  ["version 3", "c0011234", false],
  ["an empty message with a token", "4100123499", true],
  ["an empty message with an option", "40001234b0", true],
  ["an empty message with a payload", "40001234ff00", true],
  ["a marker without payload", "40011234ff", true],
  ["a marker without payload behind an option", "40011234b161ff", true],
  ["delta nibble 15", "40011234f0", true],
  ["length nibble 15", "400112340f", true],
  ["a delta that is cut short, one byte", "40011234d0", true],
  ["a delta that is cut short, two bytes", "40011234e001", true],
  ["a length that is cut short", "400112340d", true],
  ["a value that is cut short", "40011234b36161", true],
  ["an option number above 65535", "40011234e0fff0" + "e0fff0", true],
  ["65 options", "40011234" + "00".repeat(65), true],
  ...[9, 10, 11, 12, 13, 14, 15].map((
    length,
  ): [string, string, boolean] => [`token length ${length}`, `4${length.toString(16)}011234${"00".repeat(16)}`, true]),
  ["a token that is cut short", "44011234000000", true],
];

for (const [what, wire, rejectable] of malformed) {
  test(`malformed: ${what}`, () => {
    assert.deepEqual(decodeDatagram(bytes(wire)), rejectable ? { is: "malformed", type: "CON", messageId: 0x1234 } : { is: "malformed" });
  });
}

test("64 options are read", () => {
  assert.equal(decoded(bytes("40011234" + "00".repeat(64))).options.length, 64);
});

const arbitraryDatagram: fc.Arbitrary<CoapDatagram> = fc.record({
  type: fc.constantFrom<MessageType>("CON", "NON", "ACK", "RST"),
  messageId: fc.nat(0xffff),
  code: fc.integer({ min: 1, max: 255 }).map(codeFromByte),
  token: fc.uint8Array({ maxLength: 8 }),
  options: fc.array(fc.record({
    number: fc.oneof(fc.nat(40), fc.nat(0xffff)),
    value: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 260, maxLength: 300 })),
  }, { noNullPrototype: true }), { maxLength: 6 }).map((options) => options.sort((a, b) => a.number - b.number)),
  payload: fc.uint8Array({ maxLength: 40 }),
});

test("what is written is read back", () => {
  fc.assert(fc.property(arbitraryDatagram, (message) => {
    const back = decoded(encodeDatagram(message));
    assert.deepEqual({ ...back, token: [...back.token], payload: [...back.payload] }, { ...message, token: [...message.token], payload: [...message.payload] });
  }), { numRuns: 500 });
});

test("a message that is cut anywhere is never taken for a longer one", () => {
  fc.assert(fc.property(arbitraryDatagram, (message) => {
    const whole = encodeDatagram(message);
    for (let length = 0; length < whole.length; length++) {
      const read = decodeDatagram(whole.subarray(0, length));
      if ("is" in read) continue;
      assert.ok(read.options.length <= message.options.length && read.payload.length < Math.max(1, message.payload.length));
    }
  }));
});

test("arbitrary bytes never throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (data) => {
    decodeDatagram(data);
  }), { numRuns: 5_000 });
});

test("codes", () => {
  for (let byte = 0; byte < 256; byte++) assert.equal(codeToByte(codeFromByte(byte)), byte);
  assert.equal(codeToByte("4.15"), 0x8f);
  const kinds = (["0.00", "0.01", "0.31", "1.00", "2.05", "3.01", "4.00", "5.03", "6.00", "7.01"] as const).map((
    code,
  ) => [code, isRequest(code), isResponse(code)]);
  assert.deepEqual(kinds.filter(([, asks]) => asks).map(([code]) => code), ["0.01", "0.31"]);
  assert.deepEqual(kinds.filter(([, , answers]) => answers).map(([code]) => code), ["2.05", "4.00", "5.03"]);
});
