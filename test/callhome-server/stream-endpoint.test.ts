import assert from "node:assert/strict";
import { test } from "node:test";
import { method, type CoapContent } from "../../src/callhome-server/coap/message.ts";
import { textOption, uintOption, type CoapOption } from "../../src/callhome-server/coap/options.ts";
import type { CoapRequest, CoapResponse } from "../../src/callhome-server/coap/request.ts";
import type { CoapEndpoint } from "../../src/callhome-server/coap/endpoint.ts";
import { createStreamEndpoint } from "../../src/callhome-server/coap/stream-endpoint.ts";
import { readStreamMessage, signal, signalOption, writeStreamMessage } from "../../src/callhome-server/coap/stream-message.ts";
import { fakeClock, settle, type FakeClock } from "../fake-clock.ts";
import { milliseconds } from "../../src/model/time.ts";

interface UnderTest {
  readonly endpoint: CoapEndpoint;
  readonly clock: FakeClock;
  readonly requests: CoapRequest[];
  readonly endings: string[];
  heard(): number;
  /** Messages that went out since it was last asked. */
  sent(): CoapContent[];
  receive(...messages: readonly Uint8Array[]): Promise<void>;
}

const nothing = new Uint8Array(0);
const text = (content: CoapContent | undefined): string => new TextDecoder().decode(content?.payload);
const message = (code: CoapContent["code"], more: Partial<CoapContent> = {}): Uint8Array =>
  writeStreamMessage({ code, token: nothing, options: [], payload: nothing, ...more });
const csm = (...options: readonly CoapOption[]): Uint8Array => message(signal.csm, { options });
const getConfig = (token: number): Uint8Array =>
  message(method.get, { token: Uint8Array.of(token), options: [".well-known", "dots", "config"].map((part) => textOption(11, part)) });

function underTest(answer: (request: CoapRequest) => Promise<CoapResponse | undefined> = () => Promise.resolve({ code: "2.05" })): UnderTest {
  const clock = fakeClock();
  const requests: CoapRequest[] = [];
  const endings: string[] = [];
  let out: CoapContent[] = [];
  let heard = 0;
  let random = 0;
  const endpoint = createStreamEndpoint({
    clock: clock.steady,
    randomBytes: (count) => new Uint8Array(count).fill(++random),
    transmit: (bytes) => {
      const read = readStreamMessage(bytes, 100_000);
      assert.ok(read && "content" in read && read.length === bytes.length);
      out.push(read.content);
    },
  }, {
    request(request) {
      requests.push(request);
      return answer(request);
    },
    forgotten: () => undefined,
    heard: () => {
      heard += 1;
    },
    ended: (why) => {
      endings.push(why);
    },
  });
  return {
    endpoint,
    clock,
    requests,
    endings,
    heard: () => heard,
    sent() {
      const taken = out;
      out = [];
      return taken;
    },
    async receive(...messages) {
      for (const bytes of messages) endpoint.receive(bytes);
      await settle();
    },
  };
}

test("our first message is a CSM with Max-Message-Size and Block-Wise-Transfer (RFC 8323 §5.3)", () => {
  const [first, ...more] = underTest().sent();
  assert.equal(first?.code, "7.01");
  assert.deepEqual(first.options.map(({ number }) => number), [signalOption.maxMessageSize, signalOption.blockWiseTransfer]);
  assert.deepEqual(more, []);
});

test("a request is answered with its token; several in one piece, and one in many", async () => {
  const it = underTest();
  it.sent();
  const both = Uint8Array.from([...csm(), ...getConfig(1), ...getConfig(2)]);
  await it.receive(both);
  assert.deepEqual(it.sent().map(({ code, token }) => [code, ...token]), [["2.05", 1], ["2.05", 2]]);
  assert.deepEqual(it.requests[0]?.path, [".well-known", "dots", "config"]);
  await it.receive(...Array.from(getConfig(3), (byte) => Uint8Array.of(byte)));
  assert.deepEqual(it.sent().map(({ token }) => [...token]), [[3]]);
  assert.equal(it.heard(), 4, "each message is a sign of life");
});

test("anything else than a CSM first: an abort that says why, and the end", async () => {
  const it = underTest();
  it.sent();
  await it.receive(getConfig(1));
  const [abort] = it.sent();
  assert.equal(abort?.code, "7.05");
  assert.match(text(abort), /first message must be a CSM/);
  assert.deepEqual(it.endings, ["the first message must be a CSM"]);
  assert.equal(it.requests.length, 0, "not executed");
});

test("an unknown critical option in a signal: abort; an elective one is skipped (§5.2)", async () => {
  const elective = underTest();
  await elective.receive(csm({ number: 12, value: nothing }), getConfig(1));
  assert.deepEqual([elective.endings, elective.requests.length], [[], 1]);
  const critical = underTest();
  critical.sent();
  await critical.receive(csm({ number: 13, value: nothing }));
  assert.deepEqual(critical.sent().map(({ code }) => code), ["7.05"]);
  assert.match(critical.endings.join(), /unknown critical option 13 in 7\.01/);
});

test("a ping has a pong with its token; a pong and unknown signals are nothing to answer", async () => {
  const it = underTest();
  it.sent();
  await it.receive(csm(), message(signal.ping, { token: Uint8Array.of(9, 8) }), message(signal.pong), message("7.20"));
  assert.deepEqual(it.sent().map(({ code, token }) => [code, ...token]), [["7.03", 9, 8]]);
  assert.deepEqual(it.endings, []);
});

test("a release and an abort end it; we say release when we close", async () => {
  for (const [code, why] of [[signal.release, /released/], [signal.abort, /aborted/]] as const) {
    const it = underTest();
    await it.receive(csm(), message(code));
    assert.match(it.endings.join(), why);
  }
  const it = underTest();
  await it.receive(csm());
  it.sent();
  it.endpoint.close();
  assert.deepEqual(it.sent().map(({ code }) => code), ["7.04"]);
  await it.receive(getConfig(1));
  it.endpoint.notify(Uint8Array.of(1), { code: "2.05" });
  assert.deepEqual([it.sent(), it.requests.length, it.clock.waiting()], [[], 0, 0], "nothing more after that");
});

test("a message that is too long, or none at all: abort, by its head alone, and nothing is kept", async () => {
  for (const [hex, why] of [["f0ffffffff03", /longer than/], ["0f", /token/], ["1001ff", /options/]] as const) {
    const it = underTest();
    it.sent();
    await it.receive(csm(), Uint8Array.from(Buffer.from(hex, "hex")));
    const [abort] = it.sent();
    assert.equal(abort?.code, "7.05");
    assert.match(text(abort), why);
    assert.equal(it.endings.length, 1);
  }
});

test("Max-Message-Size of the peer limits what one message carries; 1152 bytes until it is told", async () => {
  const it = underTest();
  assert.equal(it.endpoint.largestPayload(), 1_152 - 128);
  await it.receive(csm(uintOption(signalOption.maxMessageSize, 4_096)));
  assert.equal(it.endpoint.largestPayload(), 4_096 - 128);
  await it.receive(csm(uintOption(signalOption.maxMessageSize, 0xffff_ffff)));
  assert.ok(it.endpoint.largestPayload() <= 17_408, "not more than we would take");
  await it.receive(csm(uintOption(signalOption.maxMessageSize, 1)));
  assert.ok(it.endpoint.largestPayload() >= 16);
});

test("our request: its answer by the token, a timeout without, not more than 16 at a time", async () => {
  const it = underTest();
  await it.receive(csm());
  it.sent();
  const answers: unknown[] = [];
  const ask = (): void => {
    it.endpoint.request({ code: method.put, path: [".well-known", "dots", "hb"], body: nothing, timeout: milliseconds(30_000) }, (answer) => {
      answers.push(answer);
    });
  };
  ask();
  const [asked] = it.sent();
  assert.equal(asked?.code, "0.03");
  await it.receive(message("2.04", { token: Uint8Array.of(99) }));
  assert.deepEqual(answers, [], "another's token");
  await it.receive(message("2.04", { token: asked.token }), message("2.04", { token: asked.token }));
  assert.equal(answers.length, 1);
  ask();
  await it.clock.advance(30_000);
  assert.equal(answers[1], "timeout");
  for (let more = 0; more < 17; more++) ask();
  assert.deepEqual(answers.slice(2), ["timeout"]);
});

test("a request with an unknown critical option: 4.02; one that cannot be answered now is answered when it can be", async () => {
  let resolve: (response: CoapResponse) => void = () => undefined;
  const it = underTest(() =>
    new Promise((done) => {
      resolve = done;
    })
  );
  await it.receive(csm(), message(method.get, { token: Uint8Array.of(1), options: [{ number: 65_001, value: nothing }] }), getConfig(2));
  it.sent().forEach(({ code }, at) => {
    if (at === 1) assert.equal(code, "4.02");
  });
  resolve({ code: "2.05" });
  await settle();
  assert.deepEqual(it.sent().map(({ code, token }) => [code, ...token]), [["2.05", 2]]);
});

test("the empty message (RFC 8323 §3.4) is ignored", async () => {
  const it = underTest();
  await it.receive(csm(), message("0.00"), getConfig(1));
  assert.deepEqual([it.endings, it.requests.length], [[], 1]);
});

test("a message that trickles in keeps only what there is of it", async () => {
  const it = underTest();
  await it.receive(csm());
  const long = message(method.put, { token: Uint8Array.of(1), options: [textOption(11, "x")], payload: new Uint8Array(16_000) });
  const before = process.memoryUsage().arrayBuffers;
  for (let at = 0; at < long.length - 1; at += 100) it.endpoint.receive(long.slice(at, Math.min(at + 100, long.length - 1)));
  globalThis.gc?.();
  assert.ok(process.memoryUsage().arrayBuffers - before < 8_000_000);
  assert.equal(it.requests.length, 0);
  await it.receive(long.slice(-1));
  assert.equal(it.requests[0]?.payload.length, 16_000);
});
