import assert from "node:assert/strict";
import { test } from "node:test";
import { readRequest } from "../../src/callhome-server/coap/request.ts";
import { readStreamMessage, writeStreamMessage } from "../../src/callhome-server/coap/stream-message.ts";
import type { Admission } from "../../src/callhome-server/dots/dots-service.ts";
import { settle } from "../fake-clock.ts";
import { heapInUse } from "../heap.ts";
import { vector } from "../nat-lookup/asking.ts";
import { dropping, pending } from "../policy/samples.ts";
import { mutator, type Mutator } from "./mutator.ts";
import { configBody, configPath, sessionUnderTest, type SessionUnderTest } from "./session-under-test.ts";
import { bytes, cbor, decoded, leastScope, mitigation, request } from "./wire.ts";

/** `FUZZ_RUNS=1000000 FUZZ_SEED=7 node --import tsx --test test/callhome-server/fuzz.test.ts` is the nightly mode. */
const runs = Number(process.env["FUZZ_RUNS"] ?? 6_000);
const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_121);

const mine = ".well-known/dots/mitigate/cuid=dz6pHjaADkaFTbjr0JGBpw";
const corpus: readonly Uint8Array[] = [
  request("0.03", `${mine}/mid=56`, {
    payload: mitigation({ ...leastScope, 7: [{ 8: 80, 9: 90 }], 10: [6, 17], 11: ["a.example"], 32769: [{ 8: 1 }], 32770: [{ 32771: 8 }], 45: true }),
  }),
  request("0.03", `${mine}/mid=56`, { payload: mitigation({ ...leastScope, 29: 1 }), ifMatch: true, type: "CON" }),
  request("0.03", `${mine}/mid=56`, {
    payload: mitigation({
      ...leastScope,
      29: 1,
      205: [{ 134: 8, 209: 900 }],
      207: [{
        202: 32_473,
        164: 77,
        165: "DNS amplification",
        166: 4,
        167: 1_795_896_840,
        169: { 143: 7 },
        170: { 184: [{ 185: "203.0.113.7/32", 171: false, 187: [{ 8: 53, 9: 54 }], 188: [{ 32771: 8 }] }] },
      }],
    }),
  }),
  request("0.01", mine, { observe: 0, query: ["c=n"] }),
  request("0.01", `${mine}/mid=56`, { observe: 0, options: [{ number: 23, value: bytes("02") }] }),
  request("0.04", `${mine}/mid=56`),
  request("0.03", `${configPath}/sid=7`, { payload: configBody({ interval: 15, missing: 3 }, { interval: 0, missing: 20 }), type: "CON" }),
  request("0.01", configPath, { observe: 0, type: "CON" }),
  request("0.03", ".well-known/dots/hb", { payload: cbor({ 49: { 51: false } }) }),
  request("0.03", ".well-known/dots/redirect", { payload: cbor({ 46: { 32773: "alt.example", 32774: ["2001:db8::1"], 32775: 600 } }) }),
  bytes("40001234"),
  bytes("70000102"),
  bytes("60000102"),
  bytes("5444009901020304"),
  ...vector("go-dots-wire.jsonl").trimEnd().split("\n").flatMap((line) => {
    const { payload } = JSON.parse(line) as { payload?: string };
    return payload === undefined ? [] : [request("0.03", `${mine}/mid=1`, { payload: bytes(payload) })];
  }),
];

/** Mutated messages, now and then a step of time, and every other thing that can happen to a session. */
async function storm(under: SessionUnderTest, mutate: Mutator, count: number): Promise<void> {
  for (let run = 0; run < count; run++) {
    under.session.receive(mutate.message(corpus));
    const what = mutate.below(200);
    if (what < 4) await under.clock.advance(mutate.below(20_000));
    if (what === 5) under.session.mitigationChanged(mutate.below(2) ? pending : dropping);
    if (what === 6) under.session.setMitigating(mutate.below(2) === 1);
    if (what === 7) under.mitigations = mutate.below(2) ? [pending, { ...dropping, id: 3 }] : [];
    if (run % 50 === 0) {
      await settle();
      under.sent();
    }
  }
  await settle();
  under.sent();
}

function fuzzedSession(mutate: Mutator): SessionUnderTest {
  const under = sessionUnderTest({ requestRate: 10_000 });
  const admissions: readonly Admission[] = [
    { is: "created", mitigation: pending },
    { is: "refreshed", mitigation: dropping },
    { is: "ignored" },
    { is: "refused", refusal: { code: "4.09", conflict: { cause: 1, mid: 3 } } },
    { is: "refused", refusal: { code: "5.03", diagnostic: "full", retryAfter: 60 } },
  ];
  under.service.request = async () => {
    if (mutate.below(4) === 0) await settle();
    const admission = admissions[mutate.below(admissions.length)];
    if (!admission) throw new Error("the service is broken");
    return admission;
  };
  return under;
}

test(`${runs} mutated messages (FUZZ_SEED=${seed}): no throw, no rejection, bounded memory, and it still answers`, async () => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => {
    rejections.push(reason);
  };
  process.on("unhandledRejection", note);
  try {
    const mutate = mutator(seed);
    const under = fuzzedSession(mutate);
    await storm(under, mutate, Math.ceil(runs / 2));
    const before = heapInUse();
    await storm(under, mutate, Math.ceil(runs / 2));
    const grown = heapInUse() - before;
    assert.ok(grown < 4_000_000, `the heap grew by ${grown} bytes`);
    assert.ok(under.clock.waiting() < 200, `${under.clock.waiting()} timers`);
    await under.clock.advance(300_000);
    under.sent();
    await under.say("0.03", ".well-known/dots/hb", { payload: cbor({ 49: { 51: true } }), type: "CON", id: 0xfffe, token: "5a" });
    const answer = under.sent().find(({ messageId, type }) => messageId === 0xfffe && type === "ACK");
    assert.equal(answer?.code, "2.04");
    under.session.close();
    assert.equal(under.clock.waiting(), 0);
    await settle();
    assert.deepEqual(rejections, []);
  } finally {
    process.off("unhandledRejection", note);
  }
});

test("the corpus is one that is answered: it does not only exercise the first check", async () => {
  const under = sessionUnderTest();
  under.mitigations = [pending];
  const codes: string[] = [];
  for (const [index, message] of corpus.entries()) {
    under.session.receive(Uint8Array.from(message, (byte, at) => (at === 3 ? index : byte)));
    await settle();
    codes.push(...under.answers().map(({ code }) => code));
  }
  for (const code of ["2.01", "2.02", "2.04", "2.05"]) assert.ok(codes.includes(code), codes.join(" "));
});

test(`${Math.ceil(runs / 2)} mutated streams of TCP: a message, a reason, or a wait for more; and what is cut anywhere is read alike`, () => {
  const mutate = mutator(seed + 1);
  const streams = corpus.map((message) => {
    const { code, token, options, payload } = decoded(message);
    return writeStreamMessage({ code, token, options, payload });
  });
  for (let run = 0; run < runs / 2; run++) {
    const stream = mutate.message(streams);
    const whole = readStreamMessage(stream, 4_096);
    if (whole && "content" in whole) {
      assert.ok(whole.length <= stream.length && whole.length > 1);
      readRequest(whole.content);
    }
    const cut = readStreamMessage(stream.subarray(0, mutate.below(stream.length + 1)), 4_096);
    if (cut && "content" in cut) assert.deepEqual(cut, whole);
  }
});
