import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { inheritedDecision } from "../../src/policy/inherited-decision.ts";
import { startPlus } from "../fake-clock.ts";
import { camera, dropping, laptop, pending, requested, unknownDevice } from "./samples.ts";

type Words = NonNullable<Parameters<typeof requested>[0]>;
const allowed = (words: Words = {}, more: Partial<Mitigation> = {}): Mitigation => ({
  ...dropping,
  id: 1,
  decidedBy: "owner",
  request: requested(words),
  ...more,
});
const asking = (words: Words = {}, more: Partial<Mitigation> = {}): Mitigation => ({ ...pending, id: 2, request: requested({ mid: 57, ...words }), ...more });
const yes = { is: "approved", action: "block", seconds: null };

const cases: readonly [what: string, later: Mitigation, earlier: readonly Mitigation[], expected: object | undefined][] = [
  ["the same again", asking(), [allowed()], yes],
  ["nothing replaced", asking(), [], undefined],
  ["allowed by policy only", asking(), [allowed({}, { decidedBy: "policy" })], undefined],
  ["not a question", asking({}, { state: "active" }), [allowed()], undefined],
  ["nobody found", asking({}, { devices: [] }), [allowed()], undefined],
  ["another device", asking({}, { devices: [laptop] }), [allowed()], undefined],
  ["a further device", asking({}, { devices: [camera, laptop] }), [allowed()], undefined],
  ["fewer devices", asking(), [allowed({}, { devices: [camera, laptop] })], yes],
  ["a device without a MAC is never the same", asking({}, { devices: [unknownDevice] }), [allowed({}, { devices: [unknownDevice] })], undefined],
  ["a smaller target", asking({ to: "198.51.100.9" }), [allowed({ to: "198.51.100.0/24" })], yes],
  ["a wider target", asking({ to: "198.51.100.0/24" }), [allowed({ to: "198.51.100.9" })], undefined],
  ["a further target", asking({ to: "198.51.100.9 192.0.2.1" }), [allowed()], undefined],
  ["fewer ports", asking({ toPorts: "443" }), [allowed({ toPorts: "80 440-450" })], yes],
  ["some port of those that were all", asking({ toPorts: "443" }), [allowed()], yes],
  ["another port", asking({ toPorts: "443" }), [allowed({ toPorts: "80" })], undefined],
  ["every port instead of one", asking(), [allowed({ toPorts: "443" })], undefined],
  ["every protocol instead of one", asking(), [allowed({ protocols: [17] })], undefined],
  ["fewer protocols", asking({ protocols: [17] }), [allowed({ protocols: [6, 17] })], yes],
  ["with the action that the owner chose", asking(), [allowed({}, { action: "limit" })], { ...yes, action: "limit" }],
  ["for what is left of the owner's time", asking(), [allowed({}, { allowedUntil: startPlus(90_500) })], { ...yes, seconds: 91 }],
  ["one of several replaced", asking(), [allowed({ to: "192.0.2.1" }), allowed()], yes],
];
for (const [what, later, earlier, expected] of cases)
  test(what, () => {
    assert.deepEqual(inheritedDecision(later, earlier), expected);
  });
