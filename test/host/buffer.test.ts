import assert from "node:assert/strict";
import { test } from "node:test";

test("texts become bytes and come back, in each encoding", () => {
  const cases: [string, BufferEncoding, number[]][] = [
    ["", "utf8", []],
    ["aé€😀\0", "utf8", [0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0]],
    ["aé\0ÿ", "latin1", [0x61, 0xe9, 0, 0xff]],
    ["00ff7a", "hex", [0, 255, 0x7a]],
    ["AP96", "base64", [0, 255, 0x7a]],
    ["+/8=", "base64", [0xfb, 0xff]],
    ["-_8", "base64url", [0xfb, 0xff]],
    ["YQ==", "base64", [0x61]],
  ];
  for (const [text, encoding, bytes] of cases) {
    assert.deepEqual([...Buffer.from(text, encoding)], bytes, `${text} ${encoding}`);
    assert.equal(Buffer.from(bytes).toString(encoding), text, encoding);
  }
  assert.deepEqual([...Buffer.from("abc0g1", "hex")], [0xab, 0xc0], "hex ends at what is no digit");
  assert.equal(Buffer.from("abcdef").toString("utf8", 2, 4), "cd");
  assert.equal(Buffer.byteLength("é€"), 5);
});

test("what is no UTF-8 is replaced, or refused", () => {
  const cases: [number[], string][] = [
    [[0x80], "\ufffd"],
    [[0xc3], "\ufffd"],
    [[0xc0, 0x80], "\ufffd\ufffd"],
    [[0xe2, 0x82], "\ufffd"],
    [[0xe2, 0x82, 0x41], "\ufffdA"],
    [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
    [[0xf0, 0x80, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
    [[0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
    [[0xff, 0x41], "\ufffdA"],
    [[0xf0, 0x9f, 0x98, 0x41], "\ufffdA"],
  ];
  for (const [bytes, text] of cases) {
    assert.equal(Buffer.from(bytes).toString(), text);
    assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)), text);
    assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes)), TypeError);
  }
  assert.equal(new TextDecoder().decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41)), "A");
  assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41)), "\ufeffA");
  assert.deepEqual([...new TextEncoder().encode("a\ud800b")], [0x61, 0xef, 0xbf, 0xbd, 0x62]);
});

test("parts are views; numbers have bounds", () => {
  const whole = Buffer.from([1, 2, 3, 4, 5, 6, 7, 0x80]);
  const part = whole.subarray(2, 4);
  part[0] = 9;
  assert.equal(whole[2], 9);
  assert.ok(Buffer.isBuffer(part));
  assert.equal(whole.readUInt16BE(0), 0x0102);
  assert.equal(whole.readUInt32LE(4), 0x80070605);
  assert.equal(whole.readInt32BE(4), 0x05060780);
  assert.equal(whole.readBigInt64BE(), 0x0102090405060780n);
  assert.throws(() => whole.readUInt16BE(7), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(() => whole.readUInt32BE(-1), { code: "ERR_OUT_OF_RANGE" });
  assert.equal(whole.writeUInt16BE(0xabcd, 6), 8);
  assert.equal(whole.toString("hex"), "010209040506abcd");
  assert.equal(Buffer.concat([Buffer.from("ab"), Uint8Array.of(0x63), Buffer.alloc(0)]).toString(), "abc");
  assert.equal(Buffer.from("hello\nworld").indexOf(10), 5);
  assert.equal(Buffer.from("hello").indexOf("lo"), 3);
  assert.ok(Buffer.from("a").equals(Uint8Array.of(0x61)));
  assert.equal(Buffer.compare(Buffer.from("a"), Buffer.from("ab")), -1);
});
