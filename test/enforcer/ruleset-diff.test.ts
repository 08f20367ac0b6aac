import assert from "node:assert/strict";
import { test } from "node:test";
import { additionsTo, changesTo, layDown } from "../../src/enforcer/ruleset-diff.ts";
import { buildRuleset } from "../../src/enforcer/build-ruleset.ts";
import { nobodySpared } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule, ReportedFlows } from "../../src/model/enforcement.ts";
import { renderTransaction, type Statement } from "nftables-js";
import { reported, rule, target } from "./sample-rules.ts";
import { seconds, steadyInstant } from "../../src/model/time.ts";

const wanted = (rules: readonly EnforcementRule[], flows: readonly ReportedFlows[] = []): readonly Statement[] => (
  buildRuleset(rules, undefined, undefined, { flows, spared: nobodySpared })
);
const lasting = rule({ timeout: seconds(600) });
const added = (before: readonly Statement[], after: readonly Statement[], seconds = 1): string | undefined => {
  const result = additionsTo(layDown(before, steadyInstant(0)), layDown(after, steadyInstant(seconds * 1000)));
  return result && renderTransaction(result.statements);
};
const changed = (before: readonly Statement[], after: readonly Statement[], seconds = 1): string | undefined => {
  const result = changesTo(layDown(before, steadyInstant(0)), layDown(after, steadyInstant(seconds * 1000)));
  return result && renderTransaction(result.statements);
};

test("another block of the same kind is one counter and one element", () => {
  const other = rule({ mitigation: 18, mac: "02:00:00:00:00:18", timeout: seconds(60) });
  assert.equal(added(wanted([lasting]), wanted([lasting, other])), [
    "add counter inet dots_callhome m18",
    'add element inet dots_callhome host4_by_mac { 02:00:00:00:00:18 . 198.51.100.9 timeout 60s : "m18" }',
    "",
  ].join("\n"));
});

test("nothing new is nothing to do; what rests till the next renewal rests", () => {
  assert.equal(added(wanted([lasting]), wanted([lasting])), "");
  assert.equal(added(wanted([lasting]), wanted([lasting]), 190), "");
});

test("a renewal, an end, a longer lifetime, another order take the whole", () => {
  assert.equal(added(wanted([lasting]), wanted([lasting]), 201), undefined);
  assert.equal(added(wanted([lasting, rule({ mitigation: 18 })]), wanted([lasting])), undefined);
  assert.equal(added(wanted([rule({ timeout: seconds(60) })]), wanted([rule({ timeout: seconds(90) })])), undefined);
  assert.equal(added(wanted([rule({ timeout: seconds(60) })]), wanted([rule({ timeout: seconds(30) })])), undefined);
  const prefix = rule({ mitigation: 18, timeout: seconds(600), target: target(["198.51.100.0/24"]) });
  assert.equal(added(wanted([prefix]), wanted([prefix, lasting])), undefined, "both now need the device's chain");
});

test("reported traffic of another target is added; of the same target it takes the whole", () => {
  const first = reported({ timeout: seconds(600) });
  const text = added(wanted([], [first]), wanted([], [first, reported({ mitigation: 18, target: target(["198.51.100.10"]), timeout: seconds(600) })]));
  assert.match(text ?? "", /^add counter inet dots_callhome m18\n/);
  assert.match(text ?? "", /goto reported18_4/);
  assert.doesNotMatch(text ?? "", /flush|delete|198\.51\.100\.9 |reported17/);
  assert.equal(added(wanted([], [first]), wanted([], [first, reported({ mitigation: 18, timeout: seconds(600) })])), undefined);
});

const other = rule({ mitigation: 18, mac: "02:00:00:00:00:18", timeout: seconds(600) });

test("an end takes what has ended, and nothing else", () => {
  assert.equal(changed(wanted([lasting, other]), wanted([lasting])), [
    // Added first: it may have run out a moment ago.
    'add element inet dots_callhome host4_by_mac { 02:00:00:00:00:18 . 198.51.100.9 timeout 600s : "m18" }',
    "delete element inet dots_callhome host4_by_mac { 02:00:00:00:00:18 . 198.51.100.9 }",
    "delete counter inet dots_callhome m18",
    "",
  ].join("\n"));
});

test("a longer lifetime, and a shorter one, take the element", () => {
  const element = (seconds: number): string =>
    `add element inet dots_callhome host4_by_mac { 02:00:00:00:00:17 . 198.51.100.9 timeout ${String(seconds)}s : "m17" }`;
  for (const [before, after] of [[60, 90], [60, 30]] as const) {
    assert.equal(changed(wanted([rule({ timeout: seconds(before) })]), wanted([rule({ timeout: seconds(after) })])), [
      element(before),
      "delete element inet dots_callhome host4_by_mac { 02:00:00:00:00:17 . 198.51.100.9 }",
      element(after),
      "",
    ].join("\n"));
  }
});

test("what shares a device, or a target, takes the chain of it", () => {
  const prefix = rule({ mitigation: 18, timeout: seconds(600), target: target(["198.51.100.0/24"]) });
  const text = changed(wanted([prefix, other]), wanted([prefix, other, lasting])) ?? "";
  assert.match(text, /^flush chain inet dots_callhome device_020000000017$/m);
  assert.doesNotMatch(text, /flush chain inet dots_callhome forward|delete/);
  const first = reported({ timeout: seconds(600) });
  const wan = changed(wanted([], [first]), wanted([], [first, reported({ mitigation: 18, timeout: seconds(600) })])) ?? "";
  assert.deepEqual(wan.match(/^(flush|delete).*$/gm), ["ask17_4", "hit17_4", "reported17_4"].map((chain) => `flush chain inet dots_callhome ${chain}`));
});

test("one more among many that name the same targets adds its own rules, and one that ends takes no rules of the others", () => {
  const flows = [17, 18, 19].map((mitigation) => reported({ mitigation, timeout: seconds(600) }));
  const more = changed(wanted([], flows), wanted([], [...flows, reported({ mitigation: 20, timeout: seconds(600) })])) ?? "";
  assert.doesNotMatch(more, /flush|delete|(ask|hit|seen|m|e)1[789]/);
  assert.match(more, /^insert rule inet dots_callhome reported17_4 jump ask20_4$/m);
  const fewer = changed(wanted([], flows), wanted([], flows.slice(0, 2))) ?? "";
  assert.deepEqual(fewer.match(/^(flush|delete chain).*$/gm), [
    "flush chain inet dots_callhome ask19_4",
    "flush chain inet dots_callhome hit19_4",
    "flush chain inet dots_callhome reported17_4",
    "delete chain inet dots_callhome ask19_4",
    "delete chain inet dots_callhome hit19_4",
  ]);
});

test("another that overlaps on a device counts first and drops last; the rules of the others stay", () => {
  const overlapping = (mitigation: number): EnforcementRule =>
    rule({ mitigation, timeout: seconds(600), target: target([`198.51.100.0/${String(mitigation)}`]) });
  const text = changed(wanted([overlapping(24), overlapping(25)]), wanted([overlapping(24), overlapping(25), overlapping(26)])) ?? "";
  const match = "inet dots_callhome device_020000000017 ether saddr @m26_by_mac ip daddr 198.51.100.0/26";
  assert.deepEqual(text.split("\n").slice(-3), [`insert rule ${match} counter name "m26"`, `add rule ${match} drop`, ""]);
  assert.doesNotMatch(text, /flush|delete|m24|m25/);
  const back = changed(wanted([overlapping(24), overlapping(25), overlapping(26)]), wanted([overlapping(24), overlapping(25)])) ?? "";
  assert.match(back, /^flush chain inet dots_callhome device_020000000017\n/m, "which of the rules is another's, nft does not say");
  // Of one that was alone the counting is not apart from the dropping.
  assert.match(changed(wanted([overlapping(24)]), wanted([overlapping(24), overlapping(25)])) ?? "", /^flush chain/m);
});

test("the last of a kind takes its map with it, and the rule that looks it up first", () => {
  const text = changed(wanted([lasting, rule({ mitigation: 18, mac: "02:00:00:00:00:18", action: "limit", timeout: seconds(600) })]), wanted([lasting])) ?? "";
  const place = (line: string): number => {
    assert.ok(text.includes(line), `${line} in ${text}`);
    return text.indexOf(line);
  };
  assert.ok(place("flush chain inet dots_callhome forward") < place("delete map inet dots_callhome device_by_mac"));
  assert.ok(place("flush chain inet dots_callhome device_020000000018") < place("delete chain inet dots_callhome device_020000000018"));
  assert.ok(place("delete chain inet dots_callhome device_020000000018") < place("delete counter inet dots_callhome m18"));
  assert.ok(place("delete counter inet dots_callhome m18") < place("delete limit inet dots_callhome limit18_"));
});

test("a renewal, and elements that the kernel may have merged, take the whole", () => {
  assert.equal(changed(wanted([lasting, other]), wanted([lasting]), 201), undefined);
  const sparing = (prefixes: readonly string[]): readonly Statement[] => (
    buildRuleset([], undefined, undefined, { flows: [reported({ timeout: seconds(600) })], spared: { ...nobodySpared, prefixes: target(prefixes).prefixes } })
  );
  assert.equal(changed(sparing(["192.168.1.0/25", "192.168.2.0/24"]), sparing(["192.168.2.0/24"])), undefined);
  assert.match(changed(sparing(["192.168.2.0/24"]), sparing(["192.168.2.0/24", "192.168.1.0/25"])) ?? "",
    /^add element inet dots_callhome spared_by_address4 \{ 192\.168\.1\.0\/25 timeout/);
});
