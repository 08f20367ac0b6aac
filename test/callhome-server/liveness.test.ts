import assert from "node:assert/strict";
import { test } from "node:test";
import { changePace, nextTick, startLiveness, stepLiveness, type Liveness, type LivenessEvent } from "../../src/callhome-server/liveness.ts";
import { start } from "../fake-clock.ts";

const standard = { heartbeatInterval: 30, missingHbAllowed: 15 };
const off = { heartbeatInterval: 0, missingHbAllowed: 15 };
const at = (seconds: number): number => start + seconds * 1000;
const liveness = (heard: number, peerHeartbeat: number, next: number): Liveness => ({ heardAt: at(heard), peerHeartbeatAt: at(peerHeartbeat), heartbeatAt: at(next) });
const tick: LivenessEvent = { is: "tick" };

const table: readonly [what: string, before: Liveness, event: LivenessEvent, now: number, parameters: typeof standard, after: Liveness, effect: object][] = [
  ["a new session sends a heartbeat at once", startLiveness(start), tick, 0, standard, liveness(0, 0, 30), { is: "heartbeat", peerHbStatus: true }],
  ["not before it is due", liveness(0, 0, 30), tick, 29.999, standard, liveness(0, 0, 30), { is: "none" }],
  ["when it is due", liveness(0, 0, 30), tick, 30, standard, liveness(0, 0, 60), { is: "heartbeat", peerHbStatus: true }],
  ["peer-hb-status is true for two intervals", liveness(60, 0, 60), tick, 60, standard, liveness(60, 0, 90), { is: "heartbeat", peerHbStatus: true }],
  ["and false from then on", liveness(60, 0, 60), tick, 60.001, standard, liveness(60, 0, 90.001), { is: "heartbeat", peerHbStatus: false }],
  ["any traffic is a sign of life, but no heartbeat", liveness(0, 0, 30), { is: "heard" }, 20, standard, liveness(20, 0, 30), { is: "none" }],
  ["a heartbeat of the peer is both", liveness(0, 0, 30), { is: "peer-heartbeat", hearsUs: true }, 20, standard, liveness(20, 20, 30), { is: "none" }],
  ["a peer that does not hear us gets one 15 s after the last", liveness(0, 0, 30), { is: "peer-heartbeat", hearsUs: false }, 10, standard, liveness(10, 10, 15), { is: "none" }],
  ["or at once, if that is over", liveness(0, 0, 30), { is: "peer-heartbeat", hearsUs: false }, 20, standard, liveness(20, 20, 20), { is: "none" }],
  ["never later than it would have been", liveness(0, 0, 15), { is: "peer-heartbeat", hearsUs: false }, 14, { ...standard, heartbeatInterval: 15 }, liveness(14, 14, 15), { is: "none" }],
  ["alive a moment before 15 intervals of silence", liveness(0, 0, 450), tick, 449.999, standard, liveness(0, 0, 450), { is: "none" }],
  ["dead after them", liveness(0, 0, 450), tick, 450, standard, liveness(0, 0, 450), { is: "disconnected" }],
  ["kept though no heartbeat came, as long as anything came (RFC 9066 §5.2.1)", liveness(440, 0, 450), tick, 450, standard, liveness(440, 0, 480), { is: "heartbeat", peerHbStatus: false }],
  ["off: no heartbeat, no death", liveness(0, 0, 0), tick, 1e6, off, liveness(0, 0, 0), { is: "none" }],
  ["off: a peer that does not hear us gets none either", liveness(0, 0, 9), { is: "peer-heartbeat", hearsUs: false }, 5, off, liveness(5, 5, 9), { is: "none" }],
  ["other parameters", liveness(0, 0, 60), tick, 45, { heartbeatInterval: 15, missingHbAllowed: 3 }, liveness(0, 0, 60), { is: "disconnected" }],
];
for (const [what, before, event, now, parameters, after, effect] of table) {
  test(what, () => { assert.deepEqual(stepLiveness(before, event, parameters, at(now)), { liveness: after, effect }); });
}

test("the next tick: our heartbeat, or the peer's death, or never", () => {
  assert.equal(nextTick(liveness(0, 0, 30), standard), at(30));
  assert.equal(nextTick(liveness(0, 0, 900), standard), at(450));
  assert.equal(nextTick(liveness(0, 0, 30), off), null);
});

test("other parameters hold from now on, and silence is counted anew", () => {
  assert.deepEqual(changePace(liveness(0, 0, 240), { heartbeatInterval: 15, missingHbAllowed: 3 }, at(200)), liveness(200, 200, 215));
  assert.deepEqual(changePace(liveness(0, 0, 210), standard, at(200)), liveness(200, 200, 210), "what is due sooner stays");
});

test("a peer that answers nothing is dead after missing-hb-allowed intervals, with as many heartbeats sent to it", () => {
  let now = liveness(0, 0, 0);
  let sent = 0;
  for (;;) {
    const due = nextTick(now, standard) ?? Infinity;
    const { liveness: next, effect } = stepLiveness(now, tick, standard, due);
    now = next;
    if (effect.is === "disconnected") {
      assert.deepEqual([due, sent], [at(450), 15]);
      return;
    }
    sent += 1;
  }
});
