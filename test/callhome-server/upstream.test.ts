import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { settle } from "../fake-clock.ts";
import { NothingSent } from "../../src/callhome-server/backoff.ts";
import { pending } from "../policy/samples.ts";
import { minutes, seconds, upstreamUnderTest, type UpstreamUnderTest } from "./upstream-under-test.ts";
import { bytes, cbor, request } from "./wire.ts";
import { between } from "../../src/model/time.ts";

async function connected(): Promise<UpstreamUnderTest> {
  const under = upstreamUnderTest();
  await under.clock.advance(0);
  await under.last().connect();
  return under;
}

const redirection = (client: string, ttl?: number): Uint8Array =>
  request("0.03", ".well-known/dots/redirect", { payload: cbor({ 46: { 32773: client, ...(ttl === undefined ? {} : { 32775: ttl }) } }) });

/** The upstream asks for a move; its answer, and then the attempt at the alternate. */
async function redirected(under: UpstreamUnderTest, client: string, ttl?: number): Promise<string | undefined> {
  const { events, sent } = under.last();
  events.message(redirection(client, ttl));
  await settle();
  const answer = sent.at(-1);
  await under.clock.advance(100);
  return answer;
}

test("dialled at once; connected; a heartbeat goes out", async () => {
  const { upstream, clock, states, last } = await connected();
  assert.deepEqual(last().to, { host: "dots.isp.example", addresses: [] });
  await clock.advance(0);
  assert.deepEqual([last().sent, states], [["0.03"], ["connecting", "connected"]]);
  assert.deepEqual(upstream.status(), {
    state: "connected",
    transport: "udp",
    peer: "dots.isp.example:4647",
    local: null,
    since: clock.now(),
    lastError: null,
    sessions: 1,
  });
});

test("attempts that fail are told, and made again: soon while nothing was sent, else not more often than every 60 s (RFC 9132 §4.7)", async () => {
  const { upstream, clock, attempts, last, states, log } = upstreamUnderTest();
  const failAfter = async (waits: readonly number[], error?: Error): Promise<void> => {
    for (const wait of waits) {
      await clock.advance(wait * seconds - 1);
      const before = attempts.length;
      await clock.advance(1);
      assert.equal(attempts.length, before + 1, `after ${wait} s`);
      await last().fail("name does not resolve", error);
    }
  };
  await failAfter([0, 2.5, 4.5], new NothingSent("name does not resolve"));
  const { state, lastError, sessions, peer } = upstream.status();
  assert.deepEqual([state, lastError, sessions, peer], ["backing-off", "name does not resolve", 0, null]);
  assert.deepEqual(states.slice(-2), ["connecting", "backing-off"]);
  assert.deepEqual(log.slice(-2), ["warn upstream isp: no session with dots.isp.example: name does not resolve", "info upstream isp: next attempt in 9 s"]);
  await failAfter([8.5, 75, 75, 75, 75, 330, 330]);
  assert.equal(log.at(-1), "info upstream isp: next attempt in 330 s");
});

test("a session that is lost is dialled again within 10 s, and if that fails not before 300 s", async () => {
  const { upstream, clock, attempts, last } = await connected();
  await clock.advance(2 * minutes);
  last().events.closed("the peer closed it");
  assert.deepEqual([upstream.status().state, upstream.status().lastError], ["backing-off", "the peer closed it"]);
  await clock.advance(5 * seconds);
  assert.equal(attempts.length, 2);
  await last().fail();
  await clock.advance(329 * seconds);
  assert.equal(attempts.length, 2);
  await clock.advance(1 * seconds);
  assert.equal(attempts.length, 3);
  await last().connect();
  assert.deepEqual([upstream.status().state, upstream.status().sessions, upstream.status().lastError], ["connected", 2, null]);
});

test("a peer that takes sessions and drops them is left more and more time", async () => {
  const { clock, attempts, last } = await connected();
  const waits: number[] = [];
  for (let time = 0; time < 7; time++) {
    await clock.advance(1 * seconds);
    last().events.closed("dropped");
    const from = clock.now();
    const before = attempts.length;
    while (attempts.length === before) await clock.advance(1 * seconds);
    waits.push((between(from, clock.now())) / seconds);
    await last().connect();
  }
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 150, 150]);
});

test("silence ends it after missing-hb-allowed × heartbeat-interval; any traffic keeps it (RFC 9066 §5.2.1)", async () => {
  const { upstream, clock, attempts, last } = await connected();
  for (let time = 0; time < 5; time++) {
    await clock.advance(449 * seconds);
    last().events.message(bytes("ff"));
  }
  assert.equal(upstream.status().state, "connected");
  await clock.advance(450 * seconds);
  assert.deepEqual([upstream.status().lastError, attempts[0]?.isClosed()], ["no sign of life from the peer", true]);
  await clock.advance(5 * seconds);
  assert.equal(attempts.length, 2);
});

test("messages that come before the session begins are not lost", async () => {
  const { clock, last } = upstreamUnderTest();
  await clock.advance(0);
  last().events.message(request("0.01", ".well-known/dots/config"));
  await last().connect();
  assert.ok(last().sent.includes("2.05"), last().sent.join(" "));
});

test("a channel that ends before the session begins", async () => {
  const { upstream, clock, last, attempts } = upstreamUnderTest();
  await clock.advance(0);
  last().events.closed("gone at once");
  await last().connect();
  assert.deepEqual([upstream.status().state, upstream.status().lastError, attempts[0]?.isClosed()], ["backing-off", "gone at once", true]);
});

test("late news of a channel that is not used any more changes nothing", async () => {
  const { upstream, clock, attempts, last } = await connected();
  const [first] = attempts;
  await clock.advance(2 * minutes);
  first?.events.closed("lost");
  await clock.advance(5 * seconds);
  await last().connect();
  first?.events.closed("lost again");
  first?.events.message(request("0.01", ".well-known/dots/config"));
  await clock.advance(1 * seconds);
  assert.deepEqual([upstream.status().state, upstream.status().sessions, attempts.length], ["connected", 2, 2]);
});

test("redirected: 2.01, then the alternate is dialled; its ttl over, the configured host", async () => {
  const under = await connected();
  const { upstream, clock, attempts, last } = under;
  assert.equal(await redirected(under, "alt.example", 600), "2.01");
  assert.deepEqual([attempts[0]?.isClosed(), last().to], [true, { host: "alt.example", addresses: [] }]);
  await last().connect();
  last().events.message(bytes("ff"));
  await clock.advance(400 * seconds);
  last().events.message(bytes("ff"));
  await clock.advance(199 * seconds);
  assert.equal(upstream.status().peer, "alt.example:4647");
  await clock.advance(1 * seconds);
  assert.deepEqual([attempts[1]?.isClosed(), last().to.host, attempts.length], [true, "dots.isp.example", 3]);
});

test("a ttl that ends during an attack: back as soon as the last mitigation ends (§4.6)", async () => {
  const under = await connected();
  const { upstream, clock, last } = under;
  await redirected(under, "alt.example", 60);
  await last().connect();
  upstream.setMitigating(true);
  await clock.advance(2 * minutes);
  assert.equal(upstream.status().peer, "alt.example:4647");
  upstream.setMitigating(false);
  await clock.advance(0);
  assert.equal(last().to.host, "dots.isp.example");
});

test("an alternate that cannot be reached: back to the configured host", async () => {
  const under = await connected();
  await redirected(under, "alt.example");
  assert.equal(under.last().to.host, "alt.example");
  await under.last().fail();
  await under.clock.advance(10 * seconds);
  assert.equal(under.last().to.host, "dots.isp.example");
});

test("an alternate that could not be reached is not tried again for five minutes, however often we are sent there (§4.7)", async () => {
  const under = await connected();
  const { clock, last } = under;
  assert.equal(await redirected(under, "alt.example"), "2.01");
  await last().fail();
  await clock.advance(10 * seconds);
  await last().connect();
  assert.equal(await redirected(under, "ALT.example"), "4.00");
  await clock.advance(290 * seconds);
  assert.equal(await redirected(under, "alt.example"), "2.01");
});

test("the configured host that cannot be reached either, behind an alternate or a ttl that is over, is tried every 300 s", async () => {
  for (const ttl of [undefined, 5]) {
    const under = await connected();
    const { clock, attempts, last } = under;
    await redirected(under, "alt.example", ttl);
    if (ttl === undefined) await last().fail();
    else await last().connect();
    await clock.advance(10 * seconds);
    assert.deepEqual([last().to.host, attempts.length], ["dots.isp.example", 3]);
    await last().fail();
    await clock.advance(299 * seconds);
    assert.equal(attempts.length, 3);
    await clock.advance(61 * seconds);
    assert.equal(attempts.length, 4);
  }
});

test("reconnect() three times at once, then once a minute on the average: a link that flaps is no reason to pound the upstream (§4.7)", async () => {
  const { upstream, clock, attempts } = upstreamUnderTest();
  await clock.advance(0);
  for (let second = 0; second < 600; second += 1) {
    upstream.reconnect();
    await clock.advance(1 * seconds);
  }
  assert.ok(attempts.length >= 10 && attempts.length <= 1 + 3 + 10, `${attempts.length} attempts in ten minutes`);
});

test("a redirection to where we are, or back to where we were a moment ago, is a loop: 4.00, a warning, and we stay", async () => {
  const under = await connected();
  const { clock, last, log, attempts } = under;
  await clock.advance(20 * minutes / 60); // the first session is not young
  assert.equal(await redirected(under, "DOTS.isp.example"), "4.00");
  for (let minute = 0; minute < 60; minute++) {
    last().events.message(bytes("ff"));
    await clock.advance(1 * minutes);
  }
  assert.equal(await redirected(under, "alt.example"), "2.01");
  await last().connect();
  assert.equal(await redirected(under, "dots.isp.example"), "4.00", "we spoke with it a second ago, though the session began an hour ago");
  assert.deepEqual([attempts.length, last().isClosed()], [2, false]);
  assert.ok(log.some((line) => line.startsWith("warn") && line.includes("redirection loop")));
  await clock.advance(5 * minutes);
  assert.equal(await redirected(under, "dots.isp.example"), "2.01", "after five minutes it is none");
});

test("two redirections at once move us once", async () => {
  const under = await connected();
  const { clock, attempts, last } = under;
  last().events.message(redirection("one.example"));
  last().events.message(redirection("two.example"));
  await clock.advance(1 * seconds);
  assert.deepEqual([attempts.length, last().to.host], [2, "two.example"]);
});

test("reconnect() dials at once, whatever is under way", async () => {
  const under = upstreamUnderTest();
  const { upstream, clock, attempts, last } = under;
  await clock.advance(0);
  const calledOff = last();
  upstream.reconnect();
  assert.equal(calledOff.how.signal.aborted, true);
  await clock.advance(0);
  assert.equal(attempts.length, 2);
  await calledOff.connect();
  assert.equal(calledOff.isClosed(), true, "an attempt that was called off is closed when it comes about");
  await last().fail();
  upstream.reconnect();
  await clock.advance(0);
  assert.equal(attempts.length, 3, "instead of waiting");
  await last().connect();
  upstream.reconnect();
  assert.equal(attempts[2]?.isClosed(), true);
  await clock.advance(0);
  assert.equal(attempts.length, 4);
});

for (const when of ["waiting", "dialling", "connected", "redirecting"] as const) {
  test(`stop() while ${when}: nothing is dialled any more, and no timer is left`, async () => {
    const under = when === "connected" || when === "redirecting" ? await connected() : upstreamUnderTest();
    const { upstream, clock, attempts, last } = under;
    await clock.advance(0);
    if (when === "waiting") await last().fail();
    if (when === "redirecting") last().events.message(redirection("alt.example"));
    await settle();
    const before = attempts.length;
    upstream.stop();
    upstream.reconnect();
    upstream.setMitigating(true);
    upstream.mitigationChanged(pending);
    if (when === "dialling") await last().connect();
    await clock.advance(60 * minutes);
    assert.deepEqual([attempts.length, clock.waiting()], [before, 0]);
    if (when !== "waiting") assert.ok(last().isClosed());
  });
}

test("an attempt during an attack says so", async () => {
  const { upstream, clock, last } = upstreamUnderTest();
  upstream.setMitigating(true);
  await clock.advance(0);
  assert.equal(last().how.mitigating, true);
});

test("a session over TCP looks for UDP once a day, not during an attack, and moves when there is some (§4.3)", async () => {
  const { upstream, clock, attempts, last } = upstreamUnderTest();
  await clock.advance(0);
  await last().connect("tcp");
  const tcp = last();
  const day = 24 * 60 * minutes;
  const keepAlive = async (span: number): Promise<void> => {
    for (let passed = 0; passed < span; passed += 5 * minutes) {
      tcp.events.message(bytes("00e1")); // an empty CSM
      await clock.advance(5 * minutes);
    }
  };
  upstream.setMitigating(true);
  await keepAlive(day);
  assert.equal(attempts.length, 1);
  upstream.setMitigating(false);
  await keepAlive(day);
  assert.deepEqual([attempts.length, last().how.udpOnly], [2, true]);
  await last().fail();
  assert.deepEqual([upstream.status().state, upstream.status().transport], ["connected", "tcp"]);
  await keepAlive(day);
  await last().connect("udp");
  assert.deepEqual([upstream.status().transport, tcp.isClosed(), attempts.length], ["udp", true, 3]);
});

/** Whether the upstream may have heartbeats so many seconds apart. */
async function mayHave(under: UpstreamUnderTest, interval: number): Promise<boolean> {
  under.last().events.message(request("0.03", ".well-known/dots/config/sid=" + String(interval), { payload: cbor({ 30: { 44: { 33: { 36: interval } } } }) }));
  await settle();
  return under.last().sent.at(-1) !== "4.22";
}

test("an outage teaches nothing of NATs; a session that is dead after its first idle gap while another comes about at once does, for a time", async () => {
  const outage = await connected();
  await outage.clock.advance(450 * seconds + 5 * seconds);
  await outage.last().fail();
  await outage.clock.advance(330 * seconds);
  await outage.last().connect();
  assert.equal(await mayHave(outage, 240), true);

  const lived = await connected();
  for (const pause of [0, 15, 30, 30]) {
    await lived.clock.advance(pause * seconds);
    lived.last().events.message(bytes("50450001"));
  }
  await lived.clock.advance(455 * seconds);
  await lived.last().connect();
  assert.equal(await mayHave(lived, 240), true, "it had lived through such gaps");

  const forgotten = await connected();
  await forgotten.clock.advance(0);
  forgotten.last().events.message(bytes("50450001"));
  await forgotten.clock.advance(455 * seconds);
  await forgotten.last().connect();
  assert.deepEqual([await mayHave(forgotten, 30), await mayHave(forgotten, 15)], [false, true]);
  for (let minute = 0; minute < 60; minute++) {
    await forgotten.clock.advance(1 * minutes);
    forgotten.last().events.message(bytes("50450001"));
  }
  assert.equal(await mayHave(forgotten, 30), true, "an hour later, on the same session");
});

describe("a change of the network", () => {
  it("ends and dials again at once a session that has lost its way, and no other", async () => {
    const { upstream, clock, attempts, states, last } = upstreamUnderTest();
    await clock.advance(0);
    await last().connect();
    upstream.networkChanged();
    await clock.advance(0);
    assert.equal(attempts.length, 1);
    last().problem = "the address that it was dialled from is gone";
    upstream.networkChanged();
    await clock.advance(0);
    assert.deepEqual([attempts.length, states.at(-1), upstream.status().lastError], [2, "connecting", "the address that it was dialled from is gone"]);
    await last().connect();
    assert.deepEqual([states.at(-1), upstream.status().lastError], ["connected", null]);
  });

  it("is looked at too when something could not be sent", async () => {
    const { clock, attempts, last } = upstreamUnderTest();
    await clock.advance(0);
    await last().connect();
    last().problem = "there is no way to the provider any more (ENETUNREACH)";
    last().events.unsendable?.();
    await clock.advance(0);
    assert.equal(attempts.length, 2);
  });

  it("ends a wait, a second after the first of several changes", async () => {
    const { upstream, clock, attempts, last } = upstreamUnderTest();
    await clock.advance(0);
    await last().fail();
    for (let change = 0; change < 5; change += 1) upstream.networkChanged();
    await clock.advance(999);
    assert.equal(attempts.length, 1);
    await clock.advance(1);
    assert.equal(attempts.length, 2);
  });

  it("an attempt that it fell into is followed by another at once", async () => {
    const { upstream, clock, attempts, last } = upstreamUnderTest();
    await clock.advance(10);
    upstream.networkChanged();
    await clock.advance(20_000);
    assert.equal(attempts.length, 1, "it may succeed");
    await last().fail();
    await clock.advance(0);
    assert.equal(attempts.length, 2);
    await last().fail();
    await clock.advance(10_000);
    assert.equal(attempts.length, 2, "once");
  });

  it("a link that flaps is not followed without end", async () => {
    const { upstream, clock, attempts, last } = upstreamUnderTest();
    await clock.advance(0);
    for (let flap = 0; flap < 60; flap += 1) {
      await last().fail();
      upstream.networkChanged();
      await clock.advance(2_000);
    }
    assert.ok(attempts.length <= 8, `${attempts.length} attempts in two minutes`);
  });

  it("nothing comes after the end", async () => {
    const { upstream, clock, attempts, last } = upstreamUnderTest();
    await clock.advance(0);
    await last().fail();
    upstream.networkChanged();
    upstream.stop();
    upstream.networkChanged();
    await clock.advance(3_600_000);
    assert.deepEqual([attempts.length, clock.waiting()], [1, 0]);
  });
});
