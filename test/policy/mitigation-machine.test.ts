import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Mitigation } from "../../src/model/mitigation.ts";
import type { Policy } from "../../src/model/policy.ts";
import { newMitigation, nextDeadline, step } from "../../src/policy/mitigation-machine.ts";
import type { Effect, MitigationEvent } from "../../src/policy/mitigation-step.ts";
import { canBlockAfterAll } from "../../src/policy/refused-by-owner.ts";
import { start, startPlus } from "../fake-clock.ts";
import {
  active,
  askPolicy,
  autoPolicy,
  camera,
  dropping,
  ended,
  enforced,
  laptop,
  observing,
  pending,
  requested,
  stopped,
  terminating,
  unattributed,
  watching,
} from "./samples.ts";
import { between, later, milliseconds, seconds } from "../../src/model/time.ts";

const byOwner: Mitigation = { ...dropping, decidedBy: "owner", allowedUntil: startPlus(1_800_000) };
const situations = { watching, pending, unattributed, observing, active, enforced, dropping, stopped, byOwner, terminating, ended } as const;
type Situation = keyof typeof situations;

const devices = [camera];
const events = {
  nobody: { is: "found", devices: [], decision: { is: "ask", action: "block", devices: [] } },
  reject: { is: "found", devices, decision: { is: "reject", devices } },
  observe: { is: "found", devices, decision: { is: "observe", devices } },
  act: { is: "found", devices, decision: { is: "act", action: "limit", devices } },
  ask: { is: "found", devices, decision: { is: "ask", action: "limit", devices } },
  approved: { is: "approved", action: null, seconds: null },
  denied: { is: "denied" },
  released: { is: "released" },
  withdrawn: { is: "withdrawn" },
  overridden: { is: "overridden" },
  refreshed: { is: "refreshed", lifetime: seconds(7200) },
  enforced: { is: "enforced" },
  counted: { is: "counted", dropped: { packets: 500, bytes: 30_000 } },
  sameCount: { is: "counted", dropped: { packets: 0, bytes: 0 } },
  soon: { is: "time" },
  minute: { is: "time" },
  twoMinutes: { is: "time" },
  quarter: { is: "time" },
  half: { is: "time" },
  hour: { is: "time" },
} as const satisfies Record<string, MitigationEvent>;
/** When an event happens, seconds after the start; 10 unless said. */
const moments: Partial<Record<keyof typeof events, number>> = { minute: 66, twoMinutes: 120, quarter: 900, half: 1800, hour: 3600 };

/** What is to be done, a letter each, in this order. */
const letters: Readonly<Record<Effect, string>> = {
  enforce: "E",
  "cut-flows": "C",
  "notify-upstream": "N",
  "tell-owner": "T",
  remember: "R",
  "keep-no": "K",
  "lift-no": "L",
};

/**
 * Every situation with every event, policy 'ask' with on_timeout 'deny': state, status, outcome, effects. What is not listed
 * changes nothing at all.
 */
const endings = { overridden: "ended 7 overridden ENTR" } as const;
const table: Readonly<Record<Situation, Partial<Record<keyof typeof events, string>>>> = {
  watching: {
    ...endings,
    nobody: "pending 1 - ER",
    reject: "ended 7 rejected ENTR",
    observe: "active 1 - ETR",
    act: "active 1 - ECTR",
    ask: "pending 1 - ETR",
    approved: "active 1 - LECNTR",
    denied: "ended 7 denied KENTR",
    withdrawn: "ended 6 withdrawn ENTR",
    refreshed: "pending 1 - R",
    counted: "pending 1 - ",
    hour: "ended 6 unattributed ENTR",
  },
  pending: {
    ...endings,
    nobody: "pending 1 - ER",
    reject: "ended 7 rejected ENTR",
    observe: "active 1 - ETR",
    act: "active 1 - ECTR",
    ask: "pending 1 - ETR",
    approved: "active 1 - LECNTR",
    denied: "ended 7 denied KENTR",
    withdrawn: "ended 6 withdrawn ENTR",
    refreshed: "pending 1 - R",
    counted: "pending 1 - ",
    quarter: "ended 7 denied ENTR",
    half: "ended 7 denied ENTR",
    hour: "ended 6 expired ENTR",
  },
  unattributed: {
    ...endings,
    nobody: "active 1 - ER",
    reject: "ended 7 rejected ENTR",
    observe: "active 1 - ETR",
    act: "active 1 - ECTR",
    ask: "pending 1 - ETR",
    released: "ended 7 released KENTR",
    withdrawn: "ended 6 withdrawn ENTR",
    refreshed: "active 1 - ER",
    counted: "active 2 - NT",
    hour: "ended 6 unattributed ENTR",
  },
  observing: {
    ...endings,
    released: "ended 7 released KENTR",
    withdrawn: "ended 6 withdrawn ENTR",
    refreshed: "active 1 - R",
    counted: "active 1 - ",
    hour: "ended 6 expired ENTR",
  },
  active: {
    ...endings,
    released: "ended 7 released KENTR",
    withdrawn: "ended 6 withdrawn ENTR",
    refreshed: "active 1 - ER",
    enforced: "active 1 - ",
    counted: "active 2 - NT",
    hour: "ended 6 expired ENTR",
  },
  enforced: {
    ...endings,
    released: "ended 7 released KENTR",
    withdrawn: "terminating 5 - ENR",
    refreshed: "active 1 - ER",
    counted: "active 2 - NT",
    minute: "active 3 - N",
    twoMinutes: "active 3 - N",
    quarter: "active 3 - N",
    half: "active 3 - N",
    hour: "ended 6 expired ENTR",
  },
  dropping: {
    ...endings,
    released: "ended 7 released KENTR",
    withdrawn: "terminating 5 - ENR",
    refreshed: "active 2 - ER",
    counted: "active 2 - ",
    minute: "active 3 - N",
    twoMinutes: "active 3 - N",
    quarter: "active 3 - N",
    half: "active 3 - N",
    hour: "ended 6 expired ENTR",
  },
  stopped: {
    ...endings,
    released: "ended 7 released KENTR",
    withdrawn: "terminating 5 - ENR",
    refreshed: "active 3 - ER",
    counted: "active 2 - NT",
    hour: "ended 6 expired ENTR",
  },
  byOwner: {
    ...endings,
    released: "ended 7 released KENTR",
    withdrawn: "terminating 5 - ENR",
    refreshed: "active 2 - ER",
    counted: "active 2 - ",
    minute: "active 3 - N",
    twoMinutes: "active 3 - N",
    quarter: "active 3 - N",
    half: "ended 7 released ENTR",
    hour: "ended 6 expired ENTR",
  },
  terminating: {
    ...endings,
    released: "ended 7 released KENTR",
    refreshed: "active 2 - ENR",
    counted: "terminating 5 - ",
    twoMinutes: "ended 6 withdrawn ENTR",
    quarter: "ended 6 withdrawn ENTR",
    half: "ended 6 withdrawn ENTR",
    hour: "ended 6 withdrawn ENTR",
  },
  ended: {},
};

for (const [situation, before] of Object.entries(situations) as [Situation, Mitigation][]) {
  for (const [name, event] of Object.entries(events) as [keyof typeof events, MitigationEvent][]) {
    const expected = table[situation][name];
    test(`${situation}, ${name}: ${expected ?? "nothing"}`, () => {
      const { mitigation, effects } = step(before, event, askPolicy, startPlus((moments[name] ?? 10) * 1000));
      if (expected === undefined) {
        assert.deepEqual(effects, []);
        assert.equal(mitigation, before, "the same, not a copy");
      } else {
        assert.equal(`${mitigation.state} ${mitigation.status} ${mitigation.outcome ?? "-"} ${effects.map((effect) => letters[effect]).join("")}`, expected);
      }
    });
  }
}

const at = (mitigation: Mitigation, event: MitigationEvent, policy: Policy = askPolicy, after = 10): Mitigation =>
  step(mitigation, event, policy, startPlus(after * 1000)).mitigation;

test("a new mitigation", () => {
  assert.deepEqual(newMitigation(17, requested(), seconds(3600), autoPolicy, start), { ...watching, deadline: null });
  assert.equal(newMitigation(17, requested(), seconds(-1), autoPolicy, start).expiresAt, null);
});

test("who decided: the owner by their word, the configuration by a rule or a time-out", () => {
  assert.equal(at(pending, events.approved).decidedBy, "owner");
  assert.equal(at(pending, events.denied).decidedBy, "owner");
  assert.equal(at(dropping, events.released).decidedBy, "owner");
  assert.equal(at(pending, events.quarter, askPolicy, 900).decidedBy, "policy");
  assert.equal(at(watching, events.act).decidedBy, "policy");
});

test("a refusal of the owner's is conflict-cause 4; an end by anybody else is none", () => {
  for (
    const [before, event, cause] of [[pending, events.denied, 4], [dropping, events.released, 4], [watching, events.reject, 4], [dropping, events.overridden,
      undefined], [pending, events.withdrawn, undefined]] as const
  ) {
    assert.equal(at(before, event).conflict?.cause, cause, event.is);
  }
});

test("on_timeout 'block': it acts, by policy, and the owner's deadline is over", () => {
  const { mitigation, effects } = step(pending, { is: "time" }, { ...askPolicy, onTimeout: "block" }, startPlus(900_000));
  assert.deepEqual([mitigation.state, mitigation.decidedBy, mitigation.deadline, effects.includes("enforce")], ["active", "policy", null, true]);
});

test("approved by the owner: status 2 as soon as the filter has the rules; by policy with the first drop", () => {
  const approved = at(pending, { is: "approved", action: "quarantine", seconds: seconds(60) });
  assert.deepEqual([approved.action, approved.allowedUntil, approved.status], ["quarantine", startPlus(70_000), 1]);
  assert.deepEqual([at(approved, events.enforced).status, at(active, events.enforced).status], [2, 1]);
  assert.equal(at(at(active, events.enforced), events.enforced, askPolicy, 99).startedAt, startPlus(10_000), "started once");
});

test("rules that the filter takes only while it is terminating do not make it successful again", () => {
  const late = at({ ...terminating, decidedBy: "owner", startedAt: null }, events.enforced);
  assert.deepEqual([late.state, late.status, late.startedAt], ["terminating", 5, startPlus(10_000)]);
});

test("requested again before the terminating period is over: it doubles, up to 300 s (§4.4.4)", () => {
  let mitigation: Mitigation = dropping;
  const periods: number[] = [];
  for (let time = 0; time < 4; time++) {
    mitigation = at(mitigation, events.withdrawn, askPolicy, 0);
    periods.push(between(start, mitigation.deadline ?? start) / 1000);
    mitigation = at(mitigation, events.refreshed, askPolicy, 0);
  }
  assert.deepEqual(periods, [120, 240, 300, 300]);
});

test("a terminating period of 0 ends it at once", () => {
  assert.equal(at({ ...dropping, terminatingPeriod: seconds(0) }, events.withdrawn).state, "ended");
});

test("a refresh sets the lifetime anew, from now; without one it stays; -1 is for ever", () => {
  assert.equal(at(dropping, events.refreshed).expiresAt, startPlus(7_210_000));
  assert.equal(at(dropping, { is: "refreshed", lifetime: null }).expiresAt, dropping.expiresAt);
  assert.equal(at(dropping, { is: "refreshed", lifetime: seconds(-1) }).expiresAt, null);
});

test("the question keeps its deadline when more is found, and joins that of another about the same device", () => {
  assert.equal(at(pending, events.ask, askPolicy, 500).deadline, pending.deadline);
  assert.equal(at(watching, events.ask).deadline, startPlus(910_000));
  assert.equal(at(watching, { ...events.ask, deadline: startPlus(1_000) }).deadline, startPlus(1_000));
});

test("devices that are not to be touched are left out of it", () => {
  const found = at(watching, { is: "found", devices: [camera, laptop], decision: { is: "act", action: "block", devices: [camera] } });
  assert.deepEqual(found.devices, [camera]);
});

const anyEvent = fc.constantFrom<MitigationEvent[]>(...Object.values(events));
const anyPolicy = fc.record({
  onTimeout: fc.constantFrom("deny", "block"),
  whilePending: fc.constantFrom("none", "limit"),
  consent: fc.constantFrom("ask", "auto"),
}, { noNullPrototype: true })
  .map((words) => ({ ...askPolicy, ...words }));

test("whatever happens: what is ended stays so, unless the owner allows it after all; a deadline that is due is never due again; a lifetime that is over ends it", () => {
  const history = fc.array(fc.tuple(anyEvent, fc.integer({ min: 0, max: 400_000 })), { maxLength: 30 });
  fc.assert(fc.property(anyPolicy, history, (policy, happenings) => {
    let mitigation = newMitigation(1, requested(), seconds(3600), policy, start);
    let now = start;
    for (const [event, span] of happenings) {
      now = later(now, milliseconds(span));
      const next = step(mitigation, event, policy, now).mitigation;
      // Only that the owner takes a denial back is noted, and that the upstream withdraws it. And the owner may allow it after all.
      if (mitigation.state === "ended" && event.is === "approved" && next !== mitigation) assert.equal(canBlockAfterAll(mitigation, now), true);
      else if (mitigation.state === "ended")
        assert.deepEqual({ ...next, isTakenBack: null, expiresAt: null }, { ...mitigation, isTakenBack: null, expiresAt: null });
      mitigation = next;
      for (let due = nextDeadline(mitigation, policy), turns = 0; due !== null && due <= now; due = nextDeadline(mitigation, policy), turns++) {
        mitigation = step(mitigation, { is: "time" }, policy, now).mitigation;
        assert.ok(turns < 4, `due again and again: ${JSON.stringify(mitigation, (_, value: unknown) => typeof value === "bigint" ? String(value) : value)}`);
      }
      if (mitigation.state !== "ended") assert.ok(mitigation.expiresAt === null || mitigation.expiresAt > now);
    }
  }), { numRuns: 1_000 });
});

test("packets that confirm the device leave a question one, also where it could be acted by now; of an ambiguous one they decide", () => {
  const seen = { ...camera, certainty: "exact" } as const;
  const asked = (certainty: "likely" | "ambiguous"): Mitigation => ({ ...pending, devices: [{ ...camera, certainty }] });
  const event: MitigationEvent = { is: "witnessed", devices: [seen], cleared: [], decision: { is: "act", action: "block", devices: [seen] } };
  const after = (before: Mitigation): string => step(before, event, askPolicy, start).mitigation.state;
  assert.deepEqual([after(asked("likely")), after(asked("ambiguous"))], ["pending", "active"]);
});
