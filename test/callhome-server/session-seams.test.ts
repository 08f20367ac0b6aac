import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createChannelEar } from "../../src/callhome-server/channel.ts";
import { followNetworkChanges } from "../../src/callhome-server/network-changes.ts";
import { rememberPath } from "../../src/callhome-server/path-limit.ts";
import { planSession } from "../../src/callhome-server/session-plans.ts";
import { keepWhereabouts } from "../../src/callhome-server/whereabouts.ts";
import { fakeClock, settle, steadyStart } from "../fake-clock.ts";
import { later, milliseconds, seconds } from "../../src/model/time.ts";

const day = 86_400_000;

describe("a channel's ear", () => {
  it("keeps sixteen messages for a session that is about to begin, and its end for last", () => {
    const heard: string[] = [];
    const ear = createChannelEar();
    for (let at = 1; at <= 20; at++) ear.message(Uint8Array.of(at));
    ear.closed("gone");
    ear.passTo({
      message: (bytes) => {
        heard.push(bytes.join());
      },
      closed: (reason) => {
        heard.push(reason);
      },
    });
    ear.message(Uint8Array.of(99));
    assert.deepEqual(heard, [...Array.from({ length: 16 }, (_, at) => `${at + 1}`), "gone", "99"]);
  });
});

describe("network changes", () => {
  it("that come together are one, a second after the first; none after a stop", async () => {
    const clock = fakeClock();
    let settled = 0;
    const network = followNetworkChanges(clock.steady, () => {
      settled++;
    });
    for (let at = 0; at < 3; at++) {
      network.changed();
      await clock.advance(300);
    }
    assert.deepEqual([settled, network.since(steadyStart), network.since(clock.steady.now())], [0, true, false]);
    await clock.advance(100);
    assert.equal(settled, 1);
    network.changed();
    network.stop();
    network.changed();
    await clock.advance(10_000);
    assert.equal(settled, 1);
  });
});

describe("a session's plans", () => {
  it("over TCP it looks for UDP once a day, not during an attack, and returns when a redirection is over", async () => {
    const clock = fakeClock();
    const happened: string[] = [];
    let isMitigating = true;
    const cancel = planSession({
      clock: clock.steady,
      transport: "tcp",
      until: later(steadyStart, milliseconds(3 * day + 1000)),
      isMitigating: () => isMitigating,
      returnHome: () => {
        happened.push("home");
      },
      probeUdp: (signal) => {
        happened.push(`probe ${String(signal.aborted)}`);
        return Promise.reject(new Error("no UDP"));
      },
    });
    await clock.advance(day);
    assert.deepEqual(happened, []);
    isMitigating = false;
    await clock.advance(2 * day);
    assert.deepEqual(happened, ["probe false", "probe false"]);
    await clock.advance(1000);
    assert.deepEqual(happened.splice(0), ["probe false", "probe false", "home"]);
    cancel();
    await clock.advance(5 * day);
    assert.deepEqual(happened, []);
  });

  it("a probe that is under way when the session ends is called off", async () => {
    const clock = fakeClock();
    let probing: AbortSignal | undefined;
    const cancel = planSession({
      clock: clock.steady,
      transport: "tcp",
      until: null,
      isMitigating: () => false,
      returnHome: () => undefined,
      probeUdp: (signal) => {
        probing = signal;
        return new Promise(() => undefined);
      },
    });
    await clock.advance(day);
    cancel();
    await settle();
    assert.equal(probing?.aborted, true);
  });
});

describe("an upstream's whereabouts", () => {
  const to = { client: "other.isp.example", addresses: ["198.51.100.1"], ttl: 60 };
  const from = { host: "dots.isp.example", peer: "203.0.113.1:4647" };

  it("are the alternate's until its time is over, and no attack is under way", () => {
    const clock = fakeClock();
    const where = keepWhereabouts(from.host, clock.steady);
    assert.equal(where.redirect(to, from), undefined);
    assert.deepEqual([where.next(false), where.until()], [{ host: to.client, addresses: to.addresses }, later(steadyStart, milliseconds(60_000))]);
    clock.skip(60_000);
    assert.deepEqual([where.isOver(true), where.isOver(false), where.next(true).host], [false, true, to.client]);
    assert.deepEqual([where.next(false), where.until()], [{ host: from.host, addresses: [] }, null]);
  });

  it("go back when the alternate cannot be reached, which is then refused, as is one that we come from", () => {
    const where = keepWhereabouts(from.host, fakeClock().steady);
    assert.equal(where.isGivenUp(from.host), false, "where the owner sent us is not");
    where.redirect(to, from);
    assert.equal(where.isGivenUp(to.client), true);
    assert.deepEqual([where.next(false).host, where.redirect(to, from)], [from.host, "this client could not be reached in the last 5 minutes"]);
    assert.match(where.redirect({ ...to, client: from.host }, from) ?? "", /loop/);
  });
});

describe("a path", () => {
  it("is believed to be shorter only where the next session comes about at once, over UDP", () => {
    const clock = fakeClock();
    const path = rememberPath(clock.steady);
    const any = path.longest();
    path.silent(seconds(100));
    path.failed();
    path.connected("udp");
    path.silent(seconds(100));
    path.connected("tcp");
    assert.equal(path.longest(), any, "an outage, and another protocol, show nothing");
    path.silent(seconds(100));
    path.connected("udp");
    assert.equal(path.longest(), 50);
    path.forget();
    assert.equal(path.longest(), any);
  });
});
