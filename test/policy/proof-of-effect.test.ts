import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mitigation } from "../../src/model/mitigation.ts";
import type { Policy } from "../../src/model/policy.ts";
import { nextDeadline, step } from "../../src/policy/mitigation-machine.ts";
import { leakWarning } from "../../src/policy/proof-of-effect.ts";
import { seconds, wallInstant } from "../../src/model/time.ts";

const mac = "02:00:00:00:00:17";
const policy: Policy = {
  consent: "auto",
  consentTimeoutSeconds: seconds(900),
  onTimeout: "deny",
  whilePending: "none",
  action: "block",
  limitRate: 10,
  terminatingPeriodSeconds: seconds(120),
  maxLifetimeSeconds: seconds(86_400),
  maxMitigations: 256,
  upstreams: [{ name: "isp" }],
  minTargetPrefix4: 24,
  minTargetPrefix6: 48,
  maxTargetAddresses: 0,
  attackStoppedAfterSeconds: seconds(60),
  neverBlock: [],
  allowInternalSources: false,
  devices: [{ mac, policy: null, action: "quarantine" }],
};
const enforced: Mitigation = {
  id: 17,
  request: {
    upstream: "isp",
    cuid: "c",
    mid: 1,
    lifetime: seconds(600),
    target: { prefixes: [], ports: [], protocols: [], fqdns: [], uris: [] },
    source: { prefixes: [], ports: [], icmpTypes: [] },
  },
  state: "active",
  outcome: null,
  status: 2,
  action: "block",
  decidedBy: "policy",
  requestedAt: wallInstant(0),
  expiresAt: wallInstant(600_000),
  allowedUntil: null,
  startedAt: wallInstant(0),
  deadline: null,
  terminatingPeriod: seconds(120),
  dropped: { packets: 0, bytes: 0 },
  lastDropAt: null,
  conflict: null,
  devices: [{ mac, name: null, addresses: [], port: null, certainty: "exact", evidence: { flows: 1, packets: 1, bytes: 1, firstSeen: null, lastSeen: null } }],
};

/** Counts at these moments: [seconds, packets left]. What came of it, in words. */
function play(counts: readonly (readonly [number, number])[], from: Partial<Mitigation> = {}): { mitigation: Mitigation; told: string[] } {
  let mitigation: Mitigation = { ...enforced, ...from };
  const told: string[] = [];
  for (const [at, packets] of counts) {
    const next = step(mitigation, { is: "counted", dropped: mitigation.dropped, leaked: { packets, bytes: packets * 100 } }, policy, wallInstant(at * 1000));
    mitigation = next.mitigation;
    if (next.effects.length > 0) told.push(`${at}: ${next.effects.join(" ")}, ${mitigation.action}, ${mitigation.status}`);
  }
  return { mitigation, told };
}

test("what left before, and in the first second, proves nothing", () => {
  assert.deepEqual(play([[0.2, 500], [0.5, 520], [0.9, 530], [3, 530], [60, 530]]).told, []);
});

test("a leak is met once with all that the owner allows, and reported if that does not help", () => {
  const { mitigation, told } = play([[0.2, 500], [2, 500], [4, 600], [4.3, 650], [9, 900], [14, 1000]]);
  assert.deepEqual(told, ["4: enforce cut-flows remember, quarantine, 2", "9: notify-upstream tell-owner, quarantine, 4"]);
  assert.match(leakWarning(mitigation) ?? "", /^mitigation 17: reported traffic still leaves/);
});

test("a leak that is closed by it is nobody's business", () => {
  const { mitigation, told } = play([[0.2, 0], [4, 100], [4.4, 130], [9, 130], [30, 130]]);
  assert.deepEqual(told, ["4: enforce cut-flows remember, quarantine, 2"]);
  assert.equal(leakWarning(mitigation), undefined);
});

test("one that goes on has its flows ended again every half minute: an offload may have taken them while the rules were gone", () => {
  const { told } = play([[0.2, 0], [4, 100], [9, 200], [14, 300], [20, 400], [33, 500], [35, 600], [40, 700], [70, 800]]);
  assert.deepEqual(told.slice(2), ["35: enforce cut-flows, quarantine, 4", "70: enforce cut-flows, quarantine, 4"]);
});

test("one that dries up later is reported as stopped again", () => {
  assert.deepEqual(play([[0.2, 0], [4, 100], [9, 200], [15, 200], [20, 200]]).told.slice(2), ["20: notify-upstream tell-owner, quarantine, 2"]);
});

test("the owner's own choice stands; a limit is no leak; nor is a count that begins anew", () => {
  assert.equal(play([[0.2, 0], [4, 100]], { decidedBy: "owner" }).mitigation.action, "block");
  assert.deepEqual(play([[0.2, 0], [4, 100]], { action: "limit" }).told, []);
  assert.deepEqual(play([[0.2, 500], [4, 3], [6, 3]]).told, []);
});

/** A mitigation that only observes: counts at these moments, then the quiet minute. */
test("where the owner only observes: 1 until traffic is seen, 4 while it leaves, 3 once it stops, 4 again", () => {
  const observing: Partial<Mitigation> = { action: "observe", status: 1, startedAt: null };
  const first = play([[1, 0], [5, 0], [10, 40], [15, 90]], observing);
  assert.deepEqual(first.told, ["10: notify-upstream, observe, 4"]);
  assert.equal(nextDeadline(first.mitigation, policy), 75_000);
  const quiet = step(first.mitigation, { is: "time" }, policy, wallInstant(75_000));
  assert.deepEqual([quiet.mitigation.status, quiet.effects], [3, ["notify-upstream"]]);
  assert.equal(nextDeadline(quiet.mitigation, policy), 600_000, "then its lifetime alone");
  assert.deepEqual(play([[80, 90], [85, 95]], quiet.mitigation).told, ["85: notify-upstream, observe, 4"]);
});

test("where the owner only observes: an attack of which nothing is seen has stopped; what was counted before a restart is no news", () => {
  const observing: Partial<Mitigation> = { action: "observe", status: 1, startedAt: null };
  const { mitigation, told } = play([[1, 500], [5, 500]], observing);
  assert.deepEqual(told, []);
  assert.equal(step(mitigation, { is: "time" }, policy, wallInstant(61_000)).mitigation.status, 3);
  assert.equal(step({ ...enforced, ...observing }, { is: "time" }, policy, wallInstant(61_000)).mitigation.status, 1, "nobody has looked yet");
});
