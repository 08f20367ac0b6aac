import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoapResponse } from "../../../src/callhome-server/coap/request.ts";
import { settle } from "../../fake-clock.ts";
import { bytes, hex, request } from "../wire.ts";
import { endpointUnderTest, later } from "./endpoint-under-test.ts";
import { milliseconds } from "../../../src/model/time.ts";

/** EXCHANGE_LIFETIME (RFC 7252 §4.8.2). */
const exchangeLifetime = 247_000;

test("a NON is answered by a NON with an ID of our own and the request's token", async () => {
  const { receive, sentMessages } = endpointUnderTest();
  await receive(request("0.01", "x", { id: 0x0007, token: "abcd" }));
  assert.deepEqual(sentMessages().map(({ type, messageId, token }) => [type, messageId, hex(token)]), [["NON", 0x0102, "abcd"]]);
});

test("a CON is answered in its ACK", async () => {
  const { receive, sent } = endpointUnderTest();
  await receive(request("0.01", "x", { type: "CON", id: 0x0007 }));
  assert.deepEqual(sent(), ["ACK 7 2.05"]);
});

test("a repeated CON gets the same bytes again, and is handled once", async () => {
  let count = 0;
  const { receive, sentMessages, handled } = endpointUnderTest(() => Promise.resolve({ code: "2.05", maxAge: ++count }));
  const asked = request("0.03", "x", { type: "CON", id: 7 });
  for (let time = 0; time < 4; time++) await receive(asked);
  const [first, ...others] = sentMessages();
  assert.equal(others.length, 3);
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(handled.length, 1);
});

test("a repeated NON gets its answer again under a new ID, and is handled once (RFC 9132 §4.4)", async () => {
  let count = 0;
  const { receive, sentMessages, handled } = endpointUnderTest(() => Promise.resolve({ code: "2.04", maxAge: ++count, payload: bytes("a0") }));
  for (let time = 0; time < 3; time++) await receive(request("0.03", "x", { id: 7, token: "abcd" }));
  const answers = sentMessages();
  assert.deepEqual(answers.map(({ type, messageId }) => [type, messageId]), [["NON", 0x0102], ["NON", 0x0103], ["NON", 0x0104]]);
  for (const answer of answers) assert.deepEqual({ ...answer, messageId: 0x0102 }, answers[0]);
  assert.equal(handled.length, 1);
});

test("a repeated NON whose answer is still being made waits with the first; one that is passed over in silence stays so", async () => {
  const answer = later<CoapResponse | undefined>();
  const { receive, sent, handled } = endpointUnderTest(() => answer.promise);
  for (let time = 0; time < 3; time++) await receive(request("0.03", "x", { id: 7 }));
  assert.deepEqual(sent(), []);
  answer.resolve({ code: "2.04" });
  await settle();
  assert.deepEqual([sent(), handled.length], [["NON 102 2.04"], 1]);
  const silent = endpointUnderTest(() => Promise.resolve(undefined));
  for (let time = 0; time < 3; time++) await silent.receive(request("0.03", "x", { id: 7 }));
  assert.deepEqual([silent.sent(), silent.handled.length], [[], 1]);
});

test("the replies that are kept are bounded in bytes too: long ones push older ones out, and no request is executed twice", async () => {
  const { receive, sent, handled } = endpointUnderTest(() => Promise.resolve({ code: "2.05", payload: new Uint8Array(1_024) }));
  for (let id = 1; id <= 200; id += 1) await receive(request("0.01", "x", { id }));
  sent();
  let again = 0;
  for (let id = 1; id <= 200; id += 1) {
    await receive(request("0.01", "x", { id }));
    again += sent().length;
  }
  assert.equal(handled.length, 200);
  assert.ok(again > 100 && again * 1_024 <= 131_072, `${again} replies were kept`);
});

test("an ID is remembered for EXCHANGE_LIFETIME, then it is another request's", async () => {
  const { receive, clock, handled } = endpointUnderTest();
  await receive(request("0.03", "x", { id: 7 }));
  await clock.advance(exchangeLifetime - 1);
  await receive(request("0.03", "x", { id: 7 }));
  assert.equal(handled.length, 1);
  await clock.advance(1);
  await receive(request("0.03", "x", { id: 7 }));
  assert.equal(handled.length, 2);
});

test("behind 5,000 others, as many as request_rate lets through meanwhile, an ID is still remembered; the reply to a CON behind 500", async () => {
  const { receive, sent, handled } = endpointUnderTest();
  const first = request("0.03", "x", { type: "CON", id: 7 });
  await receive(first);
  for (let id = 1_000; id < 1_500; id += 1) await receive(request("0.03", "x", { id }));
  sent();
  await receive(first);
  assert.deepEqual(sent(), ["ACK 7 2.05"]);
  for (let id = 1_500; id < 6_000; id += 1) await receive(request("0.03", "x", { id }));
  sent();
  await receive(first);
  assert.deepEqual([sent(), handled.length], [[], 5_001]);
});

test("a repeated CON whose answer is still being made waits with the first", async () => {
  const answer = later<CoapResponse>();
  const { receive, sent, handled } = endpointUnderTest(() => answer.promise);
  await receive(request("0.03", "x", { type: "CON", id: 7 }));
  await receive(request("0.03", "x", { type: "CON", id: 7 }));
  assert.deepEqual(sent(), []);
  answer.resolve({ code: "2.04" });
  await settle();
  assert.deepEqual([sent(), handled.length], [["ACK 7 2.04"], 1]);
});

test("an answer that takes longer than a second: an empty ACK, then a CON of our own until it is acknowledged", async () => {
  const answer = later<CoapResponse>();
  const { receive, sent, clock } = endpointUnderTest(() => answer.promise);
  await receive(request("0.03", "x", { type: "CON", id: 7 }));
  await clock.advance(999);
  assert.deepEqual(sent(), []);
  await clock.advance(1);
  assert.deepEqual(sent(), ["ACK 7 0.00"]);
  await receive(request("0.03", "x", { type: "CON", id: 7 }));
  assert.deepEqual(sent(), ["ACK 7 0.00"], "a repetition is acknowledged again");
  answer.resolve({ code: "2.04" });
  await settle();
  assert.deepEqual(sent(), ["CON 102 2.04"]);
  await clock.advance(2_000);
  assert.deepEqual(sent(), ["CON 102 2.04"], "repeated after ACK_TIMEOUT");
  await receive(bytes("60000102"));
  await clock.advance(600_000);
  assert.deepEqual(sent(), []);
});

for (
  const [what, parameters, moments] of [
    ["RFC 9132's values", { ackTimeout: milliseconds(2_000), ackRandomFactor: 1, maxRetransmit: 3 }, [2_000, 4_000, 8_000]],
    ["others", { ackTimeout: milliseconds(1_000), ackRandomFactor: 1, maxRetransmit: 2 }, [1_000, 2_000]],
    ["none", { ackTimeout: milliseconds(1_000), ackRandomFactor: 1, maxRetransmit: 0 }, []],
  ] as const
) {
  test(`a separate answer that is never acknowledged is repeated at doubling distances, then given up: ${what}`, async () => {
    const answer = later<CoapResponse>();
    const { receive, sent, clock } = endpointUnderTest(() => answer.promise, parameters);
    await receive(request("0.03", "x", { type: "CON", id: 7 }));
    await clock.advance(1_000);
    answer.resolve({ code: "2.04" });
    await settle();
    sent();
    for (const wait of moments) {
      await clock.advance(wait - 1);
      assert.deepEqual(sent(), []);
      await clock.advance(1);
      assert.deepEqual(sent(), ["CON 102 2.04"]);
    }
    await clock.advance(600_000);
    assert.deepEqual(sent(), []);
    assert.equal(clock.waiting(), 0);
  });
}

test("the random factor spreads the first repetition within its bounds", async () => {
  const answer = later<CoapResponse>();
  const { receive, sent, clock } = endpointUnderTest(() => answer.promise, { ackTimeout: milliseconds(2_000), ackRandomFactor: 1.5, maxRetransmit: 1 });
  await receive(request("0.03", "x", { type: "CON", id: 7 }));
  await clock.advance(1_000);
  answer.resolve({ code: "2.04" });
  await clock.advance(1_999);
  assert.deepEqual(sent(), ["ACK 7 0.00", "CON 102 2.04"]);
  await clock.advance(1_001);
  assert.deepEqual(sent(), ["CON 102 2.04"]);
});

test("a separate answer that is rejected is not repeated", async () => {
  const answer = later<CoapResponse>();
  const { receive, sent, clock } = endpointUnderTest(() => answer.promise);
  await receive(request("0.03", "x", { type: "CON", id: 7 }));
  await clock.advance(1_000);
  answer.resolve({ code: "2.04" });
  await settle();
  await receive(bytes("70000102"));
  sent();
  await clock.advance(600_000);
  assert.deepEqual(sent(), []);
});

test("a request that is passed over in silence: no answer to a NON, an empty ACK to a CON", async () => {
  const { receive, sent } = endpointUnderTest(() => Promise.resolve(undefined));
  await receive(request("0.03", "x", { id: 7 }));
  assert.deepEqual(sent(), []);
  await receive(request("0.03", "x", { type: "CON", id: 8 }));
  await receive(request("0.03", "x", { type: "CON", id: 8 }));
  assert.deepEqual(sent(), ["ACK 8 0.00", "ACK 8 0.00"]);
});

const rejected: readonly [what: string, hex: string, answer: string[]][] = [
  ["CoAP ping", "40001234", ["RST 1234 0.00"]],
  ["an empty NON", "50001234", []],
  ["a CON with a malformed option", "40011234f0", ["RST 1234 0.00"]],
  ["a NON with a malformed option", "50011234f0", []],
  ["an ACK with a malformed option", "60451234f0", []],
  ["a CON with a token of 9 bytes", "49011234" + "00".repeat(9), ["RST 1234 0.00"]],
  ["a CON of another version", "80011234", []],
  ["a CON of a reserved class", "40211234", ["RST 1234 0.00"]],
  ["a CON of a signalling class", "40e11234", ["RST 1234 0.00"]],
  ["a NON of a reserved class", "50c11234", []],
  ["a CON response to nothing of ours", "40451234", ["RST 1234 0.00"]],
  ["a NON response to nothing of ours", "50451234", []],
  ["an ACK response to nothing of ours", "60451234", []],
  ["an ACK of nothing", "60001234", []],
  ["a reset of nothing", "70001234", []],
  ["a request in an ACK", "60011234", []],
  ["a request in a reset", "70011234", []],
];
for (const [what, wire, answer] of rejected) {
  test(`not a request: ${what}`, async () => {
    const { receive, sent, handled, heard } = endpointUnderTest();
    await receive(bytes(wire));
    assert.deepEqual([sent(), handled.length], [answer, 0]);
    assert.equal(heard(), 1, "it is a sign of life all the same");
  });
}

test("a request that cannot be processed is answered without the handler", async () => {
  const { receive, sent, handled } = endpointUnderTest();
  await receive(request("0.01", "x", { type: "CON", id: 7, options: [{ number: 9, value: bytes("") }] }));
  assert.deepEqual([sent(), handled.length], [["ACK 7 4.02"], 0]);
});

test("a closed endpoint sends nothing, hears nothing, and leaves no timer", async () => {
  const answer = later<CoapResponse>();
  const { endpoint, receive, sent, clock, handled } = endpointUnderTest(() => answer.promise);
  await receive(request("0.03", "x", { type: "CON", id: 7 }));
  await receive(request("0.03", "x", { id: 8 }));
  endpoint.request({ code: "0.03", path: ["hb"], body: bytes("a0"), timeout: milliseconds(30_000) }, () => undefined);
  sent();
  endpoint.close();
  answer.resolve({ code: "2.04" });
  await receive(request("0.03", "x", { id: 9 }));
  endpoint.notify(bytes("01"), { code: "2.05" });
  await clock.advance(600_000);
  assert.deepEqual([sent(), handled.length], [[], 2]);
  assert.equal(clock.waiting(), 0);
});
