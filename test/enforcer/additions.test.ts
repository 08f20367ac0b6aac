import assert from "node:assert/strict";
import { test } from "node:test";
import { additionsTo, layDown } from "../../src/enforcer/additions.ts";
import { buildRuleset } from "../../src/enforcer/build-ruleset.ts";
import { nobodySpared } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule, ReportedFlows } from "../../src/model/enforcement.ts";
import { renderTransaction } from "../../src/nftables/render-statement.ts";
import type { Statement } from "../../src/nftables/statement.ts";
import { reported, rule, target } from "./sample-rules.ts";

const wanted = (rules: readonly EnforcementRule[], flows: readonly ReportedFlows[] = []): readonly Statement[] => (
  buildRuleset(rules, undefined, undefined, { flows, spared: nobodySpared })
);
const lasting = rule({ timeout: 600 });
const added = (before: readonly Statement[], after: readonly Statement[], seconds = 1): string | undefined => {
  const result = additionsTo(layDown(before, 0), layDown(after, seconds * 1000));
  return result && renderTransaction(result.statements);
};

test("another block of the same kind is one counter and one element", () => {
  const other = rule({ mitigation: 18, mac: "02:00:00:00:00:18", timeout: 60 });
  assert.equal(added(wanted([lasting]), wanted([lasting, other])), [
    "add counter inet dots_callhome m18",
    'add element inet dots_callhome host4_by_mac { 02:00:00:00:00:18 . 198.51.100.9 timeout 60s : "m18" }', "",
  ].join("\n"));
});

test("nothing new is nothing to do; what rests till the next renewal rests", () => {
  assert.equal(added(wanted([lasting]), wanted([lasting])), "");
  assert.equal(added(wanted([lasting]), wanted([lasting]), 190), "");
});

test("a renewal, an end, a longer lifetime, another order take the whole", () => {
  assert.equal(added(wanted([lasting]), wanted([lasting]), 201), undefined);
  assert.equal(added(wanted([lasting, rule({ mitigation: 18 })]), wanted([lasting])), undefined);
  assert.equal(added(wanted([rule({ timeout: 60 })]), wanted([rule({ timeout: 90 })])), undefined);
  assert.equal(added(wanted([rule({ timeout: 60 })]), wanted([rule({ timeout: 30 })])), undefined);
  const prefix = rule({ mitigation: 18, timeout: 600, target: target(["198.51.100.0/24"]) });
  assert.equal(added(wanted([prefix]), wanted([prefix, lasting])), undefined, "both now need the device's chain");
});

test("reported traffic of another target is added; of the same target it takes the whole", () => {
  const first = reported({ timeout: 600 });
  const text = added(wanted([], [first]), wanted([], [first, reported({ mitigation: 18, target: target(["198.51.100.10"]), timeout: 600 })]));
  assert.match(text ?? "", /^add counter inet dots_callhome m18\n/);
  assert.match(text ?? "", /goto reported_198_51_100_10_32/);
  assert.doesNotMatch(text ?? "", /flush|delete|198_51_100_9_32/);
  assert.equal(added(wanted([], [first]), wanted([], [first, reported({ mitigation: 18, timeout: 600 })])), undefined);
});
