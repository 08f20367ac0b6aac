import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMitigation } from "../../../src/callhome-server/dots/parse-mitigation.ts";
import type { AttackReport } from "../../../src/model/attack-report.ts";
import { formatIpPrefix } from "../../../src/model/ip-prefix.ts";
import { leastScope, mitigation } from "../wire.ts";

/** The keys are those of RFC 9244 §12, table 3. */
function said(scope: object): AttackReport | string | undefined {
  const read = parseMitigation("isp", "dz6p", 56, mitigation({ ...leastScope, ...scope }));
  if ("code" in read) return "diagnostic" in read ? `${read.code} ${read.diagnostic}` : read.code;
  return read.asked.report;
}

const report = (scope: object): AttackReport => {
  const read = said(scope);
  assert.ok(typeof read === "object", typeof read === "string" ? read : "no report");
  return read;
};

const least = { 202: 32_473, 164: 77 };
const talking = (...talkers: readonly object[]): object => ({ 207: [{ ...least, 170: { 184: talkers } }] });

test("nothing is said: there is no report", () => {
  assert.equal(said({}), undefined);
});

test("all of an attack that the owner can read", () => {
  const { attacks: [attack] } = report({
    207: [{ ...least, 165: "DNS amplification", 166: 4, 167: 1_795_896_840, 168: 1_795_896_900, 210: "en-US", 169: { 143: 12_683 } }],
  });
  assert.deepEqual(attack, {
    vendorId: 32_473,
    attackId: 77,
    description: "DNS amplification",
    severity: "high",
    startedAt: 1_795_896_840_000,
    endedAt: 1_795_896_900_000,
    talkers: [],
  });
});

test("what is left out is not known", () => {
  assert.deepEqual(report({ 207: [least] }), {
    attacks: [{ vendorId: 32_473, attackId: 77, description: null, severity: null, startedAt: null, endedAt: null, talkers: [] }],
    bitsPerSecond: null,
    packetsPerSecond: null,
  });
});

test("top talkers, with what else may be said of them", () => {
  const { attacks } = report(talking(
    { 185: "203.0.113.7/32", 187: [{ 8: 40_000, 9: 40_100 }, { 8: 53 }], 144: [{ 134: 8, 141: 900 }], 157: { 158: { 143: 7 } } },
    { 185: "2001:db8::7/128", 171: true, 188: [{ 32_771: 128, 32_772: 129 }] },
  ));
  assert.deepEqual(attacks[0]?.talkers.map(({ prefix, ...rest }) => ({ prefix: formatIpPrefix(prefix), ...rest })), [
    { prefix: "203.0.113.7/32", ports: [{ lower: 40_000, upper: 40_100 }, { lower: 53, upper: 53 }], icmpTypes: [], isSpoofed: false },
    { prefix: "2001:db8::7/128", ports: [], icmpTypes: [{ lower: 128, upper: 129 }], isSpoofed: true },
  ]);
});

const rates: readonly [what: string, traffic: readonly object[], bits: number | null, packets: number | null][] = [
  ["1,200 Mbit/s", [{ 134: 8, 209: 1200 }], 1.2e9, null],
  ["150 Mbyte/s are 1,200 Mbit/s", [{ 134: 9, 209: 150 }], 1.2e9, null],
  ["packets and bits", [{ 134: 4, 143: 90 }, { 134: 2, 140: 7 }], 7, 90_000],
  ["the traffic of now before the peak, the peak before the middle", [{ 134: 2, 140: 1, 141: 2, 142: 3, 143: 4, 209: 5 }], 5, null],
  ["the peak before the middle", [{ 134: 2, 140: 1, 141: 2, 142: 3, 143: 4 }], 4, null],
  ["a unit without a value", [{ 134: 11 }], null, null],
];
for (const [what, traffic, bitsPerSecond, packetsPerSecond] of rates) {
  test(`traffic: ${what}`, () => {
    assert.deepEqual(report({ 205: traffic }), { attacks: [], bitsPerSecond, packetsPerSecond });
  });
}

test("a long description is cut, and no character of it in two", () => {
  const long = (description: string): number | undefined => report({ 207: [{ ...least, 165: description }] }).attacks[0]?.description?.length;
  assert.deepEqual([long("x".repeat(5_000)), long(`${"x".repeat(127)}😀`)], [128, 127]);
});

const refused: readonly [what: string, scope: object, why: RegExp][] = [
  ["no attack-id (§8.1.5: MUST be present)", { 207: [{ 202: 1 }] }, /^4\.00 attack-id is missing/],
  ["no vendor-id, a key of the list", { 207: [{ 164: 1 }] }, /^4\.00 vendor-id is missing/],
  ["no attack at all", { 207: [] }, /^4\.00 attack-detail: 1 to 16/],
  ["17 attacks", { 207: Array(17).fill(least) }, /^4\.00 attack-detail: 1 to 16/],
  ["severity 6", { 207: [{ ...least, 166: 6 }] }, /^4\.00 attack-severity: an integer/],
  ["a time after the year 9999", { 207: [{ ...least, 167: 253_402_300_800 }] }, /^4\.00 start-time: an integer/],
  ["a text that a terminal would obey", { 207: [{ ...least, 165: "\u001b[2J" }] }, /^4\.00 attack-description: a control/],
  ["a text that turns others around", { 207: [{ ...least, 165: "a\u202eb" }] }, /^4\.00 attack-description: a control/],
  ["65 talkers", talking(...Array<object>(65).fill({ 185: "203.0.113.7/32" })), /^4\.00 talker: 1 to 64/],
  ["a talker without an address", talking({ 187: [{ 8: 1 }] }), /^4\.00 source-prefix is missing/],
  ["ports upside down", talking({ 185: "203.0.113.7/32", 187: [{ 8: 9, 9: 8 }] }), /^4\.00 top-talker: a range/],
  ["a comprehension-required key within", { 207: [{ ...least, 100: 1 }] }, /^4\.00 attack-detail: unknown/],
  ["unit 25", { 205: [{ 134: 25, 209: 1 }] }, /^4\.00 unit: an integer/],
  ["traffic below nothing", { 205: [{ 134: 2, 209: -1 }] }, /^4\.00 current-g: an integer/],
];
for (const [what, scope, why] of refused) {
  test(`refused: ${what}`, () => {
    const read = said(scope);
    assert.ok(typeof read === "string");
    assert.match(read, why);
  });
}
