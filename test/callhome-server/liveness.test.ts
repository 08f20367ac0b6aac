import assert from "node:assert/strict";
import { test } from "node:test";
import { changePace, nextTick, paceOf, startLiveness, stepLiveness, type Liveness, type LivenessEvent } from "../../src/callhome-server/liveness.ts";
import { steadyStart } from "../fake-clock.ts";
import { later, milliseconds, seconds, steadyInstant, type SteadyInstant } from "../../src/model/time.ts";

const standard = paceOf({ heartbeatInterval: 30, missingHbAllowed: 15 }, seconds(240));
const short = paceOf({ heartbeatInterval: 15, missingHbAllowed: 3 }, seconds(240));
const off = paceOf({ heartbeatInterval: 0, missingHbAllowed: 15 }, seconds(240));
const at = (seconds: number): SteadyInstant => later(steadyStart, milliseconds(seconds * 1000));
const liveness = (heard: number, peerHeartbeat: number, next: number, grace = 0, spoken = 0): Liveness => ({
  heardAt: at(heard),
  peerHeartbeatAt: at(peerHeartbeat),
  heartbeatAt: at(next),
  spokenAt: at(spoken),
  graceUntil: at(grace),
});
const tick: LivenessEvent = { is: "tick" };

const table: readonly [what: string, before: Liveness, event: LivenessEvent, now: number, pace: typeof standard, after: Liveness, effect: object][] = [
  ["a new session sends a heartbeat at once", startLiveness(steadyStart), tick, 0, standard, liveness(0, 0, 15), { is: "heartbeat", peerHbStatus: true }],
  ["and another 15 s later, whatever the interval, so that NATs take the flow for one that lasts", { ...liveness(0, 0, 0), spokenAt: null }, tick, 0,
    paceOf({ heartbeatInterval: 240, missingHbAllowed: 3 }, seconds(240)), liveness(0, 0, 15), { is: "heartbeat", peerHbStatus: true }],
  ["not before it is due", liveness(0, 0, 30), tick, 29.999, standard, liveness(0, 0, 30), { is: "none" }],
  ["when it is due", liveness(0, 0, 30), tick, 30, standard, liveness(0, 0, 60, 0, 30), { is: "heartbeat", peerHbStatus: true }],
  ["peer-hb-status is true for two intervals", liveness(60, 0, 60), tick, 60, standard, liveness(60, 0, 90, 0, 60), { is: "heartbeat", peerHbStatus: true }],
  ["and false from then on", liveness(60, 0, 60), tick, 60.001, standard, liveness(60, 0, 90.001, 0, 60.001), { is: "heartbeat", peerHbStatus: false }],
  ["any traffic is a sign of life, but no heartbeat", liveness(0, 0, 30), { is: "heard" }, 20, standard, liveness(20, 0, 30), { is: "none" }],
  ["a heartbeat of the peer is both", liveness(0, 0, 30), { is: "peer-heartbeat", hearsUs: true }, 20, standard, liveness(20, 20, 30), { is: "none" }],
  ["a peer that does not hear us gets one 15 s after the last", liveness(0, 0, 30), { is: "peer-heartbeat", hearsUs: false }, 10, standard,
    liveness(10, 10, 15), { is: "none" }],
  ["or at once, if that is over", liveness(0, 0, 30), { is: "peer-heartbeat", hearsUs: false }, 20, standard, liveness(20, 20, 20), { is: "none" }],
  ["never later than it would have been", liveness(0, 0, 15), { is: "peer-heartbeat", hearsUs: false }, 14, short, liveness(14, 14, 15), { is: "none" }],
  ["alive a moment before 15 intervals of silence", liveness(0, 0, 450), tick, 449.999, standard, liveness(0, 0, 450), { is: "none" }],
  ["dead after them", liveness(0, 0, 450), tick, 450, standard, liveness(0, 0, 450), { is: "disconnected" }],
  ["kept though no heartbeat came, as long as anything came (RFC 9066 §5.2.1)", liveness(440, 0, 450), tick, 450, standard, liveness(440, 0, 480, 0, 450), {
    is: "heartbeat",
    peerHbStatus: false,
  }],
  ["off: a ping every 90 s instead", liveness(0, 0, 90), tick, 90, off, liveness(0, 0, 180, 0, 90), { is: "ping" }],
  ["off: dead after 450 s of silence all the same", liveness(0, 0, 450), tick, 450, off, liveness(0, 0, 450), { is: "disconnected" }],
  ["off: a peer that does not hear us gets no heartbeat", liveness(0, 0, 9), { is: "peer-heartbeat", hearsUs: false }, 5, off, liveness(5, 5, 9), {
    is: "none",
  }],
  ["other parameters", liveness(0, 0, 60), tick, 45, short, liveness(0, 0, 60), { is: "disconnected" }],
  ["not while former parameters allow its silence", liveness(0, 0, 60, 50), tick, 49, short, liveness(0, 0, 60, 50), { is: "none" }],
  ["and then", liveness(0, 0, 60, 50), tick, 50, short, liveness(0, 0, 60, 50), { is: "disconnected" }],
];
for (const [what, before, event, now, pace, after, effect] of table) {
  test(what, () => {
    assert.deepEqual(stepLiveness(before, event, pace, at(now)), { liveness: after, effect });
  });
}

test("the next tick: our heartbeat or ping, or the peer's death", () => {
  assert.equal(nextTick(liveness(0, 0, 30), standard), at(30));
  assert.equal(nextTick(liveness(0, 0, 900), standard), at(450));
  assert.equal(nextTick(liveness(0, 0, 30, 900), { ...standard, span: milliseconds(0) }), at(30));
  assert.equal(nextTick(liveness(0, 0, 90), off), at(90));
});

test("where NATs forget sooner, the ping comes sooner", () => {
  assert.equal(paceOf({ heartbeatInterval: 0, missingHbAllowed: 3 }, seconds(30)).interval, 30_000);
});

test("equal parameters change nothing, so that a dead peer is noticed in time (RFC 9066 §5.2.1)", () => {
  const silent = liveness(0, 0, 450);
  assert.equal(changePace(silent, standard, { ...standard }, at(440)), silent);
});

test("a shorter span counts from now on, a longer one from the last word; what is due sooner stays", () => {
  const long = paceOf({ heartbeatInterval: 240, missingHbAllowed: 20 }, seconds(240));
  const shorter = changePace(liveness(0, 0, 240), long, short, at(200));
  assert.deepEqual(shorter, liveness(0, 200, 215, 245));
  assert.equal(nextTick({ ...shorter, heartbeatAt: steadyInstant(Infinity) }, short), at(245));
  const longer = changePace(liveness(0, 0, 210), standard, long, at(200));
  assert.deepEqual([longer.heartbeatAt, nextTick({ ...longer, heartbeatAt: steadyInstant(Infinity) }, long)], [at(210), at(4_800)]);
});

test("however often the parameters change, silence ends it within the longest span", () => {
  let now = liveness(0, 0, Infinity);
  for (let second = 10; second < 2_000; second += 10) {
    const [from, to] = second % 20 === 0 ? [standard, short] : [short, standard];
    now = { ...changePace(now, from, to, at(second)), heartbeatAt: steadyInstant(Infinity) };
    if (nextTick(now, to) > at(second)) continue;
    assert.ok(second <= 450 && second > 45, `dead after ${second} s`);
    return;
  }
  assert.fail("it never ended");
});

test("a peer that answers nothing is dead after missing-hb-allowed intervals, with as many heartbeats sent to it", () => {
  let now = liveness(0, 0, 0);
  let sent = 0;
  for (;;) {
    const due = nextTick(now, standard);
    const { liveness: next, effect } = stepLiveness(now, tick, standard, due);
    now = next;
    if (effect.is === "disconnected") {
      assert.deepEqual([due, sent], [at(450), 15]);
      return;
    }
    sent += 1;
  }
});
