import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CoapContent } from "../../../src/callhome-server/coap/message.ts";
import { settle } from "../../fake-clock.ts";
import { heapInUse } from "../../heap.ts";
import { bytes, hex, request } from "../wire.ts";
import { endpointUnderTest, type UnderTest } from "./endpoint-under-test.ts";
import { milliseconds } from "../../../src/model/time.ts";

type Answer = CoapContent | "timeout" | "reset";

/** Sends a heartbeat of ours; its token, and what has become of it. */
function ask(under: UnderTest, timeout = 30_000): { readonly token: string; readonly id: string; answers: string[] } {
  const answers: string[] = [];
  const answered = (answer: Answer): void => {
    answers.push(typeof answer === "string" ? answer : answer.code);
  };
  under.endpoint.request({ code: "0.03", path: ["hb"], body: bytes("a0"), timeout: milliseconds(timeout) }, answered);
  const [message] = under.sentMessages();
  return { token: message ? hex(message.token) : "", id: (message?.messageId ?? 0).toString(16).padStart(4, "0"), answers };
}

test("our own requests are NON, with a token of 4 random bytes", () => {
  const under = endpointUnderTest();
  under.endpoint.request({ code: "0.03", path: [".well-known", "dots", "hb"], body: bytes("a0"), timeout: milliseconds(1) }, () => undefined);
  const [message] = under.sentMessages();
  assert.deepEqual([message?.type, message?.code, message?.token.length, message?.options.length], ["NON", "0.03", 4, 4]);
});

const answers: readonly [what: string, message: (token: string, id: string) => string, answer: string[], sent: string[]][] = [
  ["a NON", (token) => `54440099${token}`, ["2.04"], []],
  ["a CON, which is acknowledged", (token) => `44440099${token}`, ["2.04"], ["ACK 99 0.00"]],
  ["an ACK, though the request was a NON", (token, id) => `6444${id}${token}`, ["2.04"], []],
  ["an error", (token) => `54840099${token}`, ["4.04"], []],
  ["a reset", (_, id) => `7000${id}`, ["reset"], []],
  ["another token", () => "5444009900000000", [], []],
];
for (const [what, message, answer, sent] of answers) {
  test(`our request, answered by ${what}`, async () => {
    const under = endpointUnderTest();
    const asked = ask(under);
    await under.receive(bytes(message(asked.token, asked.id)));
    assert.deepEqual([asked.answers, under.sent()], [answer, sent]);
    await under.clock.advance(60_000);
    assert.deepEqual(asked.answers, answer.length > 0 ? answer : ["timeout"]);
  });
}

test("an answer is called once, though it comes twice and late", async () => {
  const under = endpointUnderTest();
  const asked = ask(under, 5_000);
  await under.clock.advance(5_000);
  await under.receive(bytes(`54440099${asked.token}`));
  await under.receive(bytes(`54440099${asked.token}`));
  assert.deepEqual(asked.answers, ["timeout"]);
});

test("16 requests wait at most; another is not sent", () => {
  const under = endpointUnderTest();
  for (let count = 0; count < 16; count++) assert.notEqual(ask(under).token, "");
  const refused = ask(under);
  assert.deepEqual([refused.token, refused.answers], ["", ["timeout"]]);
});

test("notifications are NON, each with an ID of its own; a reset of one forgets its token", async () => {
  const under = endpointUnderTest();
  for (const token of ["0a", "0b", "0a"]) under.endpoint.notify(bytes(token), { code: "2.05", observe: 2 });
  const sent = under.sentMessages();
  assert.deepEqual(sent.map(({ type }) => type), ["NON", "NON", "NON"]);
  assert.equal(new Set(sent.map(({ messageId }) => messageId)).size, 3);
  await under.receive(bytes(`7000${(sent[1]?.messageId ?? 0).toString(16).padStart(4, "0")}`));
  assert.deepEqual(under.forgotten, ["0b"]);
});

test("a flood of requests with IDs and tokens of their own stays bounded, and the endpoint goes on", async () => {
  const under = endpointUnderTest();
  const flood = async (from: number): Promise<void> => {
    for (let id = from; id < from + 10_000; id++) {
      under.endpoint.receive(request("0.01", "x", { type: id % 2 ? "CON" : "NON", id: id & 0xffff, token: id.toString(16).padStart(16, "0") }));
      if (id % 100 === 0) await settle();
      under.sentMessages();
      under.handled.length = 0;
    }
  };
  await flood(0);
  const before = heapInUse();
  await flood(10_000);
  await flood(20_000);
  await flood(30_000);
  await settle();
  const grown = heapInUse() - before;
  assert.ok(grown < 2_000_000, `the heap grew by ${grown} bytes for 30,000 requests`);
  under.sent();
  await under.receive(request("0.01", "x", { type: "CON", id: 0xfff0 }));
  assert.deepEqual(under.sent(), ["ACK fff0 2.05"]);
  await under.clock.advance(5_000);
  assert.equal(under.clock.waiting(), 0, "no timer is left behind");
});

test("notifications that are never acknowledged stay bounded: the oldest cannot be reset any more", async () => {
  const under = endpointUnderTest();
  under.endpoint.notify(bytes("0a"), { code: "2.05" });
  const [first] = under.sentMessages();
  for (let count = 0; count < 10_000; count++) under.endpoint.notify(bytes("0b"), { code: "2.05" });
  const last = under.sentMessages().at(-1);
  for (const message of [first, last]) await under.receive(bytes(`7000${(message?.messageId ?? 0).toString(16).padStart(4, "0")}`));
  assert.deepEqual(under.forgotten, ["0b"]);
});

test("arbitrary datagrams never throw, and never make it deaf", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), async (datagrams) => {
    const under = endpointUnderTest();
    for (const datagram of datagrams) await under.receive(datagram);
    under.sent();
    await under.receive(request("0.01", "x", { type: "CON", id: 0xabcd }));
    assert.ok(under.sent().includes("ACK abcd 2.05") || datagrams.some((datagram) => datagram[2] === 0xab && datagram[3] === 0xcd));
  }), { numRuns: 300 });
});
