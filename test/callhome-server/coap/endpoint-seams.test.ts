import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rememberExchanges } from "../../../src/callhome-server/coap/exchanges.ts";
import { nothing } from "../../../src/callhome-server/coap/message.ts";
import { createOwnRequests } from "../../../src/callhome-server/coap/own-requests.ts";
import { createRetransmission } from "../../../src/callhome-server/coap/retransmission.ts";
import { fakeClock } from "../../fake-clock.ts";
import { between, milliseconds } from "../../../src/model/time.ts";

describe("exchanges", () => {
  it("are known for EXCHANGE_LIFETIME, 247 s, with their replies", () => {
    const clock = fakeClock();
    const exchanges = rememberExchanges(clock.steady);
    const exchange = exchanges.begin(7);
    assert.equal(exchanges.known(7), exchange);
    exchanges.keepReply(exchange, Uint8Array.of(1));
    assert.deepEqual(exchanges.known(7)?.reply, Uint8Array.of(1));
    clock.skip(246_999);
    assert.ok(exchanges.known(7));
    clock.skip(1);
    assert.equal(exchanges.known(7), undefined);
    assert.equal(exchanges.begin(7).reply, undefined, "another request under the same ID");
    assert.equal(exchange.reply, undefined, "its reply takes no room any more");
  });

  it("keep 128 KiB of replies, the newest, and 8,192 message IDs", () => {
    const exchanges = rememberExchanges(fakeClock().steady);
    const all = Array.from({ length: 300 }, (_, id) => exchanges.begin(id));
    for (const exchange of all) exchanges.keepReply(exchange, new Uint8Array(1024));
    assert.deepEqual(all.map(({ reply }) => reply !== undefined).indexOf(true), 300 - 128);
    for (let id = 300; id < 8_200; id++) exchanges.begin(id);
    assert.deepEqual([exchanges.known(7) !== undefined, exchanges.known(8) !== undefined], [false, true]);
  });
});

describe("own requests", () => {
  const response = (token: Uint8Array): Parameters<ReturnType<typeof createOwnRequests>["answer"]>[0] => ({
    code: "2.05",
    token,
    options: [],
    payload: nothing,
  });

  it("are answered once: by a response, a reset or the end of their time", () => {
    const clock = fakeClock();
    let tokens = 0;
    const own = createOwnRequests({ clock, randomBytes: () => Uint8Array.of(++tokens) });
    const answers: string[] = [];
    for (const id of [101, 102, 103])
      own.ask({ timeout: milliseconds(1_000) }, () => id, (answer) => {
        answers.push(`${id} ${typeof answer === "string" ? answer : answer.code}`);
      });
    assert.deepEqual([own.isWaiting(Uint8Array.of(1)), own.isWaiting(Uint8Array.of(9))], [true, false]);
    own.answer(response(Uint8Array.of(1)));
    own.answer(response(Uint8Array.of(1)));
    own.reset(102);
    clock.skip(1_000);
    assert.deepEqual(answers, ["101 2.05", "102 reset", "103 timeout"]);
    assert.equal(clock.waiting(), 0);
  });

  it("wait sixteen at a time, and none after the end", () => {
    const clock = fakeClock();
    let tokens = 0;
    const own = createOwnRequests({ clock, randomBytes: () => Uint8Array.of(++tokens) });
    let sent = 0;
    const answers: unknown[] = [];
    const ask = (): void => {
      own.ask({ timeout: milliseconds(1_000) }, () => ++sent, (answer) => answers.push(answer));
    };
    for (let at = 0; at < 17; at++) ask();
    assert.deepEqual([sent, answers], [16, ["timeout"]]);
    own.close();
    ask();
    assert.deepEqual([sent, answers, clock.waiting()], [16, ["timeout", "timeout"], 0]);
  });
});

describe("retransmission", () => {
  it("RFC 7252 §4.2: MAX_RETRANSMIT times, each after twice as long, until it is stopped", () => {
    const clock = fakeClock();
    const at: number[] = [];
    const began = clock.now();
    const retransmission = createRetransmission({
      clock,
      transmit: () => {
        at.push((between(began, clock.now())) / 1000);
      },
      randomBytes: () => Uint8Array.of(255),
      transmission: () => ({ ackTimeout: milliseconds(2_000), ackRandomFactor: 1.5, maxRetransmit: 3 }),
    });
    retransmission.begin(1, nothing);
    clock.skip(100_000);
    assert.deepEqual(at.splice(0), [3, 9, 21]);
    retransmission.begin(2, nothing);
    retransmission.begin(3, nothing);
    retransmission.stop(2);
    retransmission.close();
    clock.skip(100_000);
    assert.deepEqual(at, []);
  });
});
