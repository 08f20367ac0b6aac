import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CoapContent } from "../../src/callhome-server/coap/message.ts";
import { readStreamMessage, writeStreamMessage } from "../../src/callhome-server/coap/stream-message.ts";
import { textOption } from "../../src/callhome-server/coap/options.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const largest = 100_000;
const empty: CoapContent = { code: "7.01", token: new Uint8Array(0), options: [], payload: new Uint8Array(0) };

/** RFC 8323 §3.2: length nibble and its extensions; every border. */
const lengths: readonly (readonly [payload: number, head: string])[] = [
  [0, "0044"],
  [11, "c044"],
  [12, "d00044"],
  [267, "d0ff44"],
  [268, "e0000044"],
  [65_803, "e0ffff44"],
  [65_804, "f00000000044"],
  [66_000, "f0000000c444"],
];
for (const [length, head] of lengths) {
  test(`a payload of ${length} bytes begins with ${head}, and is read back`, () => {
    const content: CoapContent = { ...empty, code: "2.04", payload: new Uint8Array(length).fill(0x61) };
    const written = writeStreamMessage(content);
    assert.equal(hex(written.subarray(0, head.length / 2)), head);
    assert.equal(written.length, head.length / 2 + (length === 0 ? 0 : length + 1));
    assert.deepEqual(readStreamMessage(written, largest), { content, length: written.length });
  });
}

test("the messages of RFC 8323: an empty CSM, a ping with a token, a GET (figure 10)", () => {
  assert.deepEqual(readStreamMessage(bytes("00e1"), largest), { content: empty, length: 2 });
  assert.deepEqual(readStreamMessage(bytes("01e2 42"), largest), { content: { ...empty, code: "7.02", token: bytes("42") }, length: 3 });
  const get: CoapContent = { code: "0.01", token: bytes("01"), options: [textOption(11, "temp")], payload: new Uint8Array(0) };
  assert.deepEqual(readStreamMessage(bytes("51 01 01 b4 74656d70"), largest), { content: get, length: 8 });
  assert.equal(hex(writeStreamMessage(get)), "510101b474656d70");
});

test("what is cut off anywhere waits for more; what follows is left alone", () => {
  for (const payload of [0, 3, 20, 300]) {
    const whole = writeStreamMessage({
      code: "0.03",
      token: bytes("0102030405060708"),
      options: [textOption(11, ".well-known"), textOption(11, "dots")],
      payload: new Uint8Array(payload).fill(7),
    });
    for (let cut = 0; cut < whole.length; cut++) assert.equal(readStreamMessage(whole.subarray(0, cut), largest), undefined, `${cut} of ${whole.length}`);
    const followed = readStreamMessage(Uint8Array.from([...whole, 0x00, 0xe2]), largest);
    assert.ok(followed && "content" in followed);
    assert.equal(followed.length, whole.length);
  }
});

const broken: readonly (readonly [string, string, RegExp])[] = [
  ["a token of 9 bytes", "09 01 010203040506070809", /token longer/],
  ["a token of 15 bytes, before they are there", "0f", /token longer/],
  ["longer than is taken, by its head alone", "f0 ffffffff 01", /longer than 100000 bytes/],
  ["a payload marker without payload", "10 01 ff", /malformed options/],
  ["an option with the reserved delta", "10 01 f1", /malformed options/],
  ["an option with the reserved length", "10 01 1f", /malformed options/],
  ["an option that is longer than the message", "20 01 b4 41", /malformed options/],
];
for (const [what, message, why] of broken) {
  test(`refused: ${what}`, () => {
    const read = readStreamMessage(bytes(message), largest);
    assert.ok(read && "broken" in read, JSON.stringify(read));
    assert.match(read.broken, why);
  });
}

test("the longest that is taken, and one byte more", () => {
  const message = writeStreamMessage({ ...empty, code: "2.05", payload: new Uint8Array(500) });
  assert.ok("content" in (readStreamMessage(message, message.length) ?? {}));
  assert.ok("broken" in (readStreamMessage(message, message.length - 1) ?? {}));
});

test("any message is read back; any bytes are read without an exception", () => {
  const option = fc.record({ number: fc.nat(3000), value: fc.uint8Array({ maxLength: 300 }) }, { noNullPrototype: true });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 8 }), fc.array(option, { maxLength: 10 }), fc.uint8Array({ maxLength: 400 }), (token, options, payload) => {
    const content: CoapContent = { code: "0.03", token, options: [...options].sort((a, b) => a.number - b.number), payload };
    const read = readStreamMessage(writeStreamMessage(content), largest);
    assert.ok(read && "content" in read);
    assert.deepEqual(read.content, content);
  }), { numRuns: 300 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (data) => {
    const read = readStreamMessage(data, 40);
    if (read && "content" in read) assert.ok(read.length <= data.length && read.length <= 40);
  }), { numRuns: 2_000 });
});
