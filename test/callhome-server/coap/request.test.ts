import assert from "node:assert/strict";
import { test } from "node:test";
import { optionNumber, textOption, uintOption, type CoapOption } from "../../../src/callhome-server/coap/options.ts";
import { diagnosticResponse, isErrorCode, readRequest, requestContent, responseContent } from "../../../src/callhome-server/coap/request.ts";
import { bytes, decoded, hex, request, text } from "../wire.ts";

const read = (options: readonly CoapOption[]): ReturnType<typeof readRequest> => readRequest(decoded(request("0.01", "a", { options })));

test("a request's options, read", () => {
  const got = readRequest(
    decoded(request("0.03", "x/y", { query: ["c=n"], observe: 0, ifMatch: true, payload: bytes("a0"), options: [uintOption(optionNumber.accept, 271)] })),
  );
  assert.ok(!("refused" in got));
  assert.deepEqual({ ...got, token: hex(got.token), payload: hex(got.payload) }, {
    code: "0.03",
    token: "0102030405060708",
    path: ["x", "y"],
    query: ["c=n"],
    observe: 0,
    contentFormat: 271,
    accept: 271,
    ifMatch: "exists",
    block1: undefined,
    block2: undefined,
    payload: "a0",
  });
});

const refused: readonly [what: string, options: CoapOption[], diagnostic: RegExp][] = [
  ["If-None-Match", [{ number: 5, value: bytes("") }], /option 5/],
  ["Q-Block1", [uintOption(19, 0)], /option 19/],
  ["Q-Block2, which go-dots' shipped configuration puts into its GETs", [uintOption(31, 9)], /option 31/],
  ["an unassigned critical option", [{ number: 65_001, value: bytes("") }], /option 65001/],
  ["Uri-Path that is not UTF-8", [{ number: optionNumber.uriPath, value: bytes("c328") }], /UTF-8/],
  ["Uri-Path of 256 bytes", [textOption(optionNumber.uriPath, "x".repeat(256))], /255/],
  ["Uri-Query that is not UTF-8", [{ number: optionNumber.uriQuery, value: bytes("ff") }], /UTF-8/],
  ["Accept twice", [uintOption(17, 271), uintOption(17, 60)], /Accept/],
  ["Accept of 3 bytes", [{ number: 17, value: bytes("00010f") }], /Accept/],
  ["Block1 with the reserved size", [uintOption(27, 7)], /block/],
  ["Block2 of 4 bytes", [{ number: 23, value: bytes("00000001") }], /block/],
];
for (const [what, options, diagnostic] of refused) {
  test(`4.02: ${what}`, () => {
    const got = read(options);
    assert.ok("refused" in got);
    assert.equal(got.refused.code, "4.02");
    assert.match(text(got.refused.payload ?? bytes("")), diagnostic);
  });
}

for (const [what, number, value] of [["Proxy-Uri", 35, "coap://x"], ["Proxy-Scheme", 39, "coap"]] as const) {
  test(`5.05: ${what} (RFC 7252 §5.10.2)`, () => {
    const got = read([textOption(number, value)]);
    assert.ok("refused" in got);
    assert.equal(got.refused.code, "5.05");
  });
}

test("the reserved block size is BERT over a stream", () => {
  const asked = decoded(request("0.01", "a", { options: [uintOption(23, 7)] }));
  assert.ok("refused" in readRequest(asked));
  const got = readRequest(asked, true);
  assert.deepEqual("block2" in got && got.block2, { number: 0, more: false, size: 1_024, bert: true });
});

const passed: readonly [what: string, options: CoapOption[]][] = [
  ["Hop-Limit, elective", [uintOption(16, 9)]],
  ["an unassigned elective option", [{ number: 65_002, value: bytes("00112233445566778899") }]],
  ["Uri-Host and Uri-Port", [textOption(3, "dots.example"), uintOption(7, 4646)]],
  ["Block2, first block", [uintOption(23, 6)]],
  ["a Content-Format of 5 bytes: elective, as if it were not there", [{ number: 12, value: bytes("000000010f") }]],
];
for (const [what, options] of passed) {
  test(`read: ${what}`, () => {
    assert.ok(!("refused" in read(options)));
  });
}

test("a byte order mark is part of a path segment, not left out", () => {
  const got = readRequest(decoded(request("0.01", "\ufeffdots")));
  assert.deepEqual("path" in got && got.path, ["\ufeffdots"]);
});

test("an answer's options are written", () => {
  const { options } = responseContent(bytes("07"), {
    code: "2.05",
    contentFormat: 271,
    observe: 3,
    maxAge: 60,
    etag: bytes("0001"),
    block2: { number: 1, more: true, size: 64 },
    size2: 100,
  });
  assert.deepEqual(options.map(({ number, value }) => [number, hex(value)]), [[6, "03"], [12, "010f"], [14, "3c"], [4, "0001"], [23, "1a"], [28, "64"]]);
});

test("our own request and an error, on the wire", () => {
  const asked = requestContent("0.03", bytes("aa"), ["hb"], bytes("a0"));
  assert.deepEqual(asked.options.map(({ number, value }) => [number, hex(value)]), [[11, "6862"], [12, "010f"]]);
  assert.equal(text(diagnosticResponse("4.00", "Größe").payload ?? bytes("")), "Größe");
  assert.deepEqual((["2.05", "4.00", "5.03"] as const).map(isErrorCode), [false, true, true]);
});
