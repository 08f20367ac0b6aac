import assert from "node:assert/strict";
import { test } from "node:test";
import { optionNumber, uintOption } from "../../src/callhome-server/coap/options.ts";
import { encodeDatagram, method } from "../../src/callhome-server/coap/message.ts";
import { dropping, pending, requested } from "../policy/samples.ts";
import { configBody, configPath, sessionUnderTest } from "./session-under-test.ts";
import { bytes, hex, leastScope, mitigation, optionOf, plain, text } from "./wire.ts";

const mine = ".well-known/dots/mitigate/cuid=dz6pHjaADkaFTbjr0JGBpw";
const put = { payload: mitigation(leastScope) };

test("heartbeats: at once, after 15 s, then every 30 s; NON, PUT, the path of §4.7, Content-Format 271", async () => {
  const { clock, sent, heartbeats, beat } = sessionUnderTest();
  await clock.advance(0);
  const [first] = sent();
  assert.deepEqual([first?.type, first?.code, first && optionOf(first, optionNumber.contentFormat)], ["NON", method.put, 271]);
  assert.deepEqual(first?.options.filter(({ number }) => number === optionNumber.uriPath).map(({ value }) => text(value)), [".well-known", "dots", "hb"]);
  await clock.advance(30_000);
  await beat();
  await clock.advance(60_000);
  assert.deepEqual(heartbeats(), ["15 true", "45 true", "75 true"]);
});

test("peer-hb-status turns false when no heartbeat of the peer's came for two intervals, and true again with the next", async () => {
  const { clock, heartbeats, beat, say } = sessionUnderTest();
  for (let second = 0; second < 120; second += 30) {
    await say("0.01", configPath);
    await clock.advance(30_000);
  }
  await beat();
  await clock.advance(30_000);
  assert.deepEqual(heartbeats(), ["0 true", "15 true", "45 true", "75 false", "105 false", "135 true"]);
});

test("a peer that says that it does not hear us gets a heartbeat 15 s after the last", async () => {
  const { clock, heartbeats, beat } = sessionUnderTest();
  await clock.advance(20_000);
  await beat(false);
  await clock.advance(30_000);
  assert.deepEqual(heartbeats(), ["0 true", "15 true", "30 true"]);
});

test("silence for missing-hb-allowed intervals ends it", async () => {
  const { clock, over } = sessionUnderTest();
  await clock.advance(449_999);
  assert.deepEqual(over, []);
  await clock.advance(1);
  assert.equal(over.length, 1);
  assert.match(over.join(), /^no sign of life from the peer/);
});

for (
  const [what, datagram] of [["a malformed datagram", "5f"], ["an unsolicited response", "50450001"], ["CoAP ping", "40000001"], ["a reset",
    "70000001"]] as const
) {
  test(`any traffic keeps it, without a single heartbeat (RFC 9066 §5.2.1): ${what}`, async () => {
    const { clock, over, session } = sessionUnderTest();
    for (let time = 0; time < 10; time++) {
      await clock.advance(440_000);
      session.receive(bytes(datagram));
    }
    assert.deepEqual(over, []);
    await clock.advance(450_000);
    assert.equal(over.length, 1);
  });
}

test("the negotiated interval drives the heartbeats, from the moment that it is set", async () => {
  const { clock, heartbeats, say } = sessionUnderTest();
  await clock.advance(1_000);
  heartbeats();
  await say("0.03", `${configPath}/sid=1`, { payload: configBody({ interval: 240, missing: 20 }, { interval: 15, missing: 3 }) });
  await clock.advance(30_000);
  assert.deepEqual(heartbeats(), ["15 true", "30 true"]);
});

test("the set in force is that of the mitigation activity, at once (§4.5)", async () => {
  const { clock, heartbeats, say, session, over } = sessionUnderTest();
  await say("0.03", `${configPath}/sid=1`, { payload: configBody({ interval: 20, missing: 3 }, { interval: 240, missing: 20 }) });
  await clock.advance(1_000);
  heartbeats();
  session.setMitigating(true);
  await clock.advance(40_000);
  assert.deepEqual(heartbeats(), ["15 true", "35 true"]);
  session.setMitigating(false);
  await clock.advance(200_000);
  assert.deepEqual([heartbeats(), over], [["55 true"], []]);
});

test("a switch does not hold silence against the peer that the former set allowed", async () => {
  const { clock, say, session, over } = sessionUnderTest({ mitigating: true });
  await say("0.03", `${configPath}/sid=1`, { payload: configBody({ interval: 240, missing: 20 }, { interval: 15, missing: 3 }) });
  await clock.advance(200_000);
  session.setMitigating(false); // the mitigation expired
  await clock.advance(44_999);
  assert.deepEqual(over, []);
  await clock.advance(1);
  assert.equal(over.length, 1);
});

test("heartbeats that are off when idle (figure 23): a CoAP ping every 90 s, and silence ends the session (RFC 9066 §5.2.1)", async () => {
  const { clock, say, session, over, heartbeats, pings } = sessionUnderTest();
  await clock.advance(1_000);
  await say("0.03", `${configPath}/sid=1`, { payload: configBody({ interval: 30, missing: 15 }, { interval: 0, missing: 15 }) });
  heartbeats();
  for (let second = 0; second < 1_800; second += 90) {
    await clock.advance(90_000);
    const sent = pings();
    assert.equal(sent.length, 1);
    session.receive(bytes("70000001")); // the reset that any CoAP stack answers
  }
  assert.deepEqual([heartbeats(), over], [[], []]);
  await clock.advance(449_000);
  assert.deepEqual([pings().length, over], [5, []]);
  await clock.advance(1_000);
  assert.equal(over.length, 1);
  assert.match(over.join(), /no sign of life/);
});

test("heartbeats that are off, and a client that asks nothing for twice the Max-Age of its configuration: it ends (§4.5.3), but not during an attack", async () => {
  const hours = async (mitigating: boolean, refreshed: boolean): Promise<string[]> => {
    const { clock, say, session, over } = sessionUnderTest({ mitigating });
    await say("0.03", `${configPath}/sid=1`, { payload: configBody({ interval: 0, missing: 15 }) });
    for (let second = 0; second < 3 * 3_600; second += 90) {
      await clock.advance(90_000);
      if (refreshed && second % 3_600 === 0) await say("0.01", `${configPath}/sid=1`);
      session.receive(bytes("70000001"));
      if (over.length > 0) break;
    }
    return over;
  };
  assert.deepEqual(await hours(false, false), ["heartbeats are off, and the configuration was not refreshed"]);
  assert.deepEqual([await hours(false, true), await hours(true, false)], [[], []]);
});

test("the same parameters again, as when the last mitigation ends, do not give a silent peer more time", async () => {
  const { clock, session, over } = sessionUnderTest({ mitigating: true });
  await clock.advance(440_000);
  session.setMitigating(false);
  await clock.advance(9_999);
  assert.deepEqual(over, []);
  await clock.advance(1);
  assert.equal(over.length, 1);
});

test("a gap that the session has lived through is no NAT's; one that it never did may be (RFC 9066 §5.2.1)", async () => {
  const { clock, session, over } = sessionUnderTest();
  for (const pause of [0, 15, 30, 30]) {
    await clock.advance(pause * 1_000);
    session.receive(bytes("50450001")); // the answer to the heartbeat of that moment
  }
  await clock.advance(450_000);
  assert.deepEqual(over, ["no sign of life from the peer"]);
  const first = sessionUnderTest();
  await first.clock.advance(0);
  first.session.receive(bytes("50450001"));
  await first.clock.advance(450_000);
  assert.deepEqual(first.over, ["no sign of life from the peer, after 30 s of idleness"]);
});

test("the negotiated transmission parameters drive the repetition of our own CONs", async () => {
  const under = sessionUnderTest();
  await under.say("0.03", `${configPath}/sid=1`, { payload: bytes("a1181ea1182ca31826a118240218" + "27a1182bc482211903e8" + "1828a1182bc48221186e") });
  under.sent();
  let answer: () => void = () => undefined;
  under.service.request = () =>
    new Promise((resolve) => {
      answer = () => {
        resolve({ is: "created", mitigation: pending });
      };
    });
  await under.say("0.03", `${mine}/mid=56`, { ...put, type: "CON", id: 7 });
  await under.clock.advance(1_000);
  answer();
  await under.clock.advance(0);
  assert.deepEqual(under.answers().map(({ type, code }) => `${type} ${code}`), ["ACK 0.00", "CON 2.01"]);
  await under.clock.advance(9_999);
  assert.equal(under.answers().length, 0, "ack-timeout is 10 s");
  await under.clock.advance(300_000);
  assert.equal(under.answers().length, 2, "max-retransmit is 2");
});

test("observers are told of a change, and with each heartbeat while mitigating", async () => {
  const target = sessionUnderTest({ mitigating: true });
  target.mitigations = [pending];
  await target.say("0.01", `${mine}/mid=56`, { observe: 0 });
  const of = (list: ReturnType<typeof target.answers>): unknown[] =>
    list.map((message) => {
      const [scope] = (plain(message.payload) as { 1: { 2: { 16: number }[] } })[1][2];
      return [message.type, message.code, optionOf(message, optionNumber.observe), scope?.[16]];
    });
  assert.deepEqual(of(target.answers()), [["NON", "2.05", 1, 1]]);
  target.mitigations = [dropping];
  target.session.mitigationChanged(dropping);
  assert.deepEqual(of(target.answers()), [["NON", "2.05", 2, 2]]);
  target.session.mitigationChanged({ ...dropping, request: requested({ cuid: "else" }) });
  await target.clock.advance(1_000);
  await target.beat();
  await target.clock.advance(30_000);
  assert.deepEqual(of(target.answers().filter(({ code }) => code === "2.05")), [["NON", "2.05", 3, 2], ["NON", "2.05", 4, 2]],
    "with the heartbeats at 0 s, in the gap, and 30 s");
});

test("a change of one mitigation is told to its own observers and to those of the list, not to its siblings'", async () => {
  const target = sessionUnderTest();
  target.mitigations = [pending, { ...dropping, request: requested({ mid: 57 }) }];
  for (const [token, path] of [["01", `${mine}/mid=56`], ["02", `${mine}/mid=57`], ["03", mine]] as const)
    await target.say("0.01", path, { observe: 0, token });
  target.answers();
  target.session.mitigationChanged({ ...dropping, request: requested({ mid: 57 }) });
  await target.clock.advance(20_000);
  assert.deepEqual(target.answers().map(({ token }) => hex(token)), ["02", "03"]);
});

test("as many mitigations as there may be can be observed", async () => {
  const target = sessionUnderTest({ requestRate: 1_000 });
  target.mitigations = Array.from({ length: 256 }, (_, mid) => ({ ...pending, request: requested({ mid }) }));
  for (let mid = 0; mid < 256; mid++) await target.say("0.01", `${mine}/mid=${mid}`, { observe: 0, token: mid.toString(16).padStart(4, "0") });
  await target.say("0.01", mine, { observe: 0, token: "ffff" });
  await target.say("0.01", configPath, { observe: 0, token: "fffe" });
  assert.ok(target.answers().every((message) => optionOf(message, optionNumber.observe) === 1));
});

test("a creation is told to the observers of the list, behind its answer", async () => {
  const target = sessionUnderTest();
  target.mitigations = [pending];
  await target.say("0.01", mine, { observe: 0, token: "03" });
  target.answers();
  await target.say("0.03", `${mine}/mid=57`, { ...put, token: "04" });
  await target.clock.advance(0);
  assert.deepEqual(target.answers().map(({ code, token }) => `${code} ${hex(token)}`), ["2.01 04", "2.05 03"]);
  target.service.request = () => Promise.resolve({ is: "refreshed", mitigation: pending });
  await target.say("0.03", `${mine}/mid=57`, { ...put, token: "05" });
  await target.clock.advance(10_000);
  assert.deepEqual(target.answers().map(({ code }) => code), ["2.04"], "a refresh changes nothing that it did not ask for");
});

test("a notification comes in blocks of the size that the observing GET asked for (RFC 7959 §2.6)", async () => {
  const target = sessionUnderTest();
  target.mitigations = Array.from({ length: 20 }, (_, mid) => ({ ...dropping, request: requested({ mid }) }));
  await target.say("0.01", mine, { observe: 0, options: [uintOption(optionNumber.block2, 2)] });
  target.session.mitigationChanged(dropping);
  assert.deepEqual(target.answers().map((message) => [message.payload.length, optionOf(message, optionNumber.block2)]), [[64, 0x0a], [64, 0x0a]]);
});

test("a reset of a notification ends the observation", async () => {
  const under = sessionUnderTest();
  under.mitigations = [pending];
  await under.say("0.01", mine, { observe: 0 });
  under.answers();
  under.session.mitigationChanged(pending);
  const [notification] = under.answers();
  assert.ok(notification);
  under.session.receive(bytes(`7000${notification.messageId.toString(16).padStart(4, "0")}`));
  await under.clock.advance(10_000);
  under.session.mitigationChanged(pending);
  await under.clock.advance(10_000);
  assert.deepEqual(under.answers(), []);
});

test("a change of the configuration is told to who observes it", async () => {
  const under = sessionUnderTest();
  await under.say("0.01", configPath, { observe: 0 });
  under.answers();
  await under.say("0.03", `${configPath}/sid=9`, { payload: configBody({ interval: 60, missing: 5 }) });
  assert.deepEqual(under.answers().map(({ code }) => code).sort(), ["2.01", "2.05"]);
});

test("above the request rate: 5.03 with Max-Age and a text, and nothing is asked of the service; whatever the cuid", async () => {
  const under = sessionUnderTest({ requestRate: 5 });
  let asked = 0;
  under.service.request = () => {
    asked += 1;
    return Promise.resolve({ is: "created", mitigation: pending });
  };
  for (let time = 0; time < 12; time++) await under.say("0.03", `.well-known/dots/mitigate/cuid=c${time}/mid=1`, put);
  const codes = under.answers().map((message) =>
    `${message.code} ${optionOf(message, optionNumber.maxAge) ?? "-"} ${message.code === "5.03" ? text(message.payload) : ""}`
  );
  assert.deepEqual([codes.filter((code) => code.startsWith("2.01")).length, asked], [5, 5]);
  assert.deepEqual(new Set(codes.slice(5)), new Set(["5.03 2 too many requests"]));
  await under.clock.advance(1_000);
  await under.say("0.03", `${mine}/mid=1`, put);
  assert.deepEqual(under.answers().map(({ code }) => code), ["2.01"]);
});

test("a service that fails: 5.03, the failure is reported, and the session goes on (§4.4.3)", async () => {
  const under = sessionUnderTest();
  under.service.request = () => Promise.reject(new Error("conntrack is broken"));
  for (const type of ["NON", "CON"] as const) {
    await under.say("0.03", `${mine}/mid=1`, { ...put, type });
    const [answer] = under.answers();
    assert.deepEqual([answer?.code, answer && text(answer.payload)], ["5.03", "the request could not be worked on"]);
  }
  assert.equal(under.failures.length, 2);
  delete under.service.request;
  await under.say("0.03", `${mine}/mid=1`, put);
  assert.deepEqual(under.answers().map(({ code }) => code), ["2.01"]);
});

test("a redirection is handed on; its refusal is a 4.00", async () => {
  const body = { payload: bytes("a1182ea119800569616c742e612e6e6574") };
  const followed = sessionUnderTest();
  await followed.say("0.03", ".well-known/dots/redirect", body);
  assert.deepEqual([followed.answers().map(({ code }) => code), followed.redirected], [["2.01"], [{ client: "alt.a.net", addresses: [], ttl: null }]]);
  const refused = sessionUnderTest({ refuseRedirect: "loop" });
  await refused.say("0.03", ".well-known/dots/redirect", body);
  assert.deepEqual(refused.answers().map(({ code, payload }) => [code, text(payload)]), [["4.00", "loop"]]);
});

test("a closed session sends nothing and leaves no timer", async () => {
  const under = sessionUnderTest({ mitigating: true });
  under.mitigations = [pending];
  await under.clock.advance(0);
  await under.say("0.01", mine, { observe: 0 });
  under.sent();
  under.session.close();
  under.session.mitigationChanged(dropping);
  under.session.setMitigating(false);
  await under.beat();
  assert.deepEqual([under.sent(), under.over], [[], []]);
  await under.clock.advance(3_600_000);
  assert.deepEqual([under.sent(), under.over, under.clock.waiting()], [[], [], 0]);
});

test("to a peer that answers nothing no more than probing-rate is sent (RFC 9132 §4.5.1); heard again, it is told within the usual three seconds", async () => {
  const { clock, session, sent, say, beat, ...under } = sessionUnderTest({ mitigating: true });
  under.mitigations.push(dropping);
  await say("0.01", `${mine}/mid=56`, { observe: 0 });
  sent();
  let size = 0;
  const told = async (seconds: number): Promise<number> => {
    let notifications = 0;
    for (let second = 0; second < seconds; second += 1) {
      session.mitigationChanged(dropping);
      await clock.advance(1_000);
      for (const message of sent()) {
        size += encodeDatagram(message).length;
        if (message.code === "2.05") notifications += 1;
      }
    }
    return notifications;
  };
  await clock.advance(0);
  await beat();
  assert.ok(await told(19) >= 6, "every three seconds to one that is heard");
  // What went out until it was known that nobody answers counts too.
  size = 0;
  const silent = await told(300);
  assert.ok(size < 5 * 300 + 200, `${size} bytes in 300 s`);
  assert.ok(silent >= 2, "but some");
  await beat();
  await clock.advance(3_000);
  assert.ok(sent().some(({ code }) => code === "2.05"));
  assert.deepEqual(under.over, []);
});
