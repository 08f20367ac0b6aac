import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AttackReport } from "../../src/model/attack-report.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { nosTo } from "../../src/policy/owners-nos.ts";
import { readRemembered, writeRemembered } from "../../src/memory/state-json.ts";
import { createStore, nothingRemembered, type Remembered } from "../../src/memory/store.ts";
import { sinceEpoch, wallInstant } from "../../src/model/time.ts";
import { start } from "../fake-clock.ts";
import { active, camera, dropping, ended, pending, requested, terminating, unknownDevice } from "../policy/samples.ts";

const instant = fc.integer({ min: 0, max: 4e12 }).map(wallInstant);
const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom("__proto__", '{"prefix":"192.0.2.1/32"}', "\u2028\u0000\"\\", "203.0.113.7/32"));
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary);
const some = { noNullPrototype: true } as const;

const reported = (description: string): AttackReport => ({
  attacks: [{ vendorId: 1, attackId: 2, description, severity: "low", startedAt: start, endedAt: null, talkers: requested().source.prefixes.map((prefix) => ({ prefix, ports: [{ lower: 1, upper: 9 }], icmpTypes: [], isSpoofed: false })) }],
  bitsPerSecond: 1e9, packetsPerSecond: null,
});

const mitigation = fc.record({
  of: fc.constantFrom(pending, active, dropping, terminating, ended), id: fc.nat(1e6), name: text, cuid: text.filter((each) => each !== ""), at: instant, expiresAt: maybe(instant),
  to: fc.constantFrom("198.51.100.9", "2001:db8::/32 192.0.2.0/24", "0.0.0.0/0"), ports: fc.constantFrom("", "1-65535 7"), fqdns: fc.array(text, { maxLength: 2 }),
  attack: maybe(text), packets: fc.nat(Number.MAX_SAFE_INTEGER), devices: fc.constantFrom([], [camera], [camera, unknownDevice]), conflict: fc.constantFrom(null, { cause: 4 as const }),
}, some).map(({ of, id, name, cuid, at, expiresAt, to, ports, fqdns, attack, packets, devices, conflict }) => {
  const request = requested({ cuid, to, toPorts: ports });
  return {
    ...of, id, requestedAt: at, expiresAt, conflict, dropped: { packets, bytes: packets }, devices: devices.map((device) => ({ ...device, name })),
    request: { ...request, target: { ...request.target, fqdns }, ...(attack === null ? {} : { report: reported(attack) }) },
  };
});
const denied: Mitigation = { ...pending, state: "ended", outcome: "denied", decidedBy: "owner" };
const remembered: fc.Arbitrary<Remembered> = fc.record({
  nextId: fc.integer({ min: 1_000_001, max: 2_000_000 }),
  mitigations: fc.uniqueArray(mitigation, { maxLength: 4, selector: ({ id }) => id }),
  devices: fc.array(fc.record({
    mac: fc.constant("02:00:00:00:00:01"), name: maybe(text), addresses: fc.array(text, { maxLength: 2 }), port: maybe(text), requests: fc.nat(99), lastRequestAt: instant,
    policy: fc.constantFrom("ask", "auto", "never", null),
  }, some), { maxLength: 2 }),
  history: fc.array(fc.record({
    at: instant, event: fc.constantFrom("approved", "denied", "released", "ended", "policy"), by: fc.constantFrom("owner", "policy", "upstream", "time"), who: maybe(text), via: fc.constant(null),
    mitigation: maybe(fc.nat(99)), upstream: maybe(text), outcome: fc.constantFrom("denied", null), action: fc.constantFrom("block", null), target: fc.array(text, { maxLength: 2 }), reason: text,
    devices: fc.array(fc.record({ mac: maybe(text), name: maybe(text) }, some), { maxLength: 2 }), dropped: fc.constantFrom(null, { packets: 1, bytes: 2 }),
  }, some), { maxLength: 3 }),
  nos: fc.array(fc.constantFrom(...nosTo(denied, start), ...nosTo({ ...denied, devices: [], expiresAt: null }, start)), { maxLength: 3 }),
}, some);

test("what is written is read back, whatever it says", () => {
  fc.assert(fc.property(remembered, (each) => { assert.deepEqual(readRemembered(writeRemembered(each)), { remembered: each, lost: [] }); }), { numRuns: 300 });
  assert.deepEqual(readRemembered(writeRemembered(nothingRemembered)), { remembered: nothingRemembered, lost: [] });
});

test("it is one line of JSON, and a store begins from it", () => {
  const written = writeRemembered({ ...nothingRemembered, nextId: 18, mitigations: [dropping] });
  assert.match(written, /^\{"format":1,.*\}\n$/);
  const read = readRemembered(written);
  assert.ok(!("problem" in read));
  const store = createStore(read.remembered);
  assert.deepEqual([store.get(17), store.newId()], [dropping, 18]);
});

const written = writeRemembered({ nextId: 18, mitigations: [dropping, pending], devices: [], history: [], nos: [] });

test("a file that was cut anywhere is said to be damaged", () => {
  for (let length = 0; length < written.length - 1; length++) assert.ok("problem" in readRemembered(written.slice(0, length)), String(length));
});

const damaged: readonly [what: string, text: string][] = [
  ["zeros, as after a power cut", "\0".repeat(100)],
  ["a list", "[]"], ["null", "null"], ["a number", "17"], ["an empty object", "{}"],
  ["a newer format", written.replace('"format":1', '"format":2')],
  ["an older format", written.replace('"format":1', '"format":0')],
  ["no list of mitigations", '{"format":1,"nextId":1,"mitigations":{},"devices":[],"history":[]}'],
  ["no next id", '{"format":1,"mitigations":[],"devices":[],"history":[]}'],
  ["a next id that is none", '{"format":1,"nextId":1.5,"mitigations":[],"devices":[],"history":[]}'],
];
for (const [what, file] of damaged) test(`damaged: ${what}`, () => { assert.ok("problem" in readRemembered(file)); });

const spoilt: readonly [what: string, text: string, lost: string, left: number][] = [
  ["a mitigation that is null", '{"format":1,"nextId":1,"mitigations":[null],"devices":[],"history":[]}', "1 of its mitigations", 0],
  ["a mitigation without a request", '{"format":1,"nextId":1,"mitigations":[{"id":1}],"devices":[],"history":[]}', "1 of its mitigations", 0],
  ["a device that is a text", '{"format":1,"nextId":1,"mitigations":[],"devices":["x"],"history":[]}', "1 of its devices", 0],
  ["a line of history that is a number", '{"format":1,"nextId":1,"mitigations":[],"devices":[],"history":[7]}', "1 of its history", 0],
  ["a prefix that is none", written.replace("198.51.100.9/32", "198.51.100.999/32"), "1 of its mitigations", 1],
  ["a time that is a text", written.replace(`"requestedAt":${sinceEpoch(start)}`, '"requestedAt":"now"'), "1 of its mitigations", 1],
];
for (const [what, file, lost, left] of spoilt) test(`damaged in one place, the rest is used: ${what}`, () => {
  const read = readRemembered(file);
  assert.ok(!("problem" in read));
  assert.deepEqual([read.lost, read.remembered.mitigations.length], [[lost], left]);
});

test("arbitrary damage is told or harmless: a store and a snapshot can be made of whatever is accepted", () => {
  fc.assert(fc.property(fc.nat(written.length - 2), fc.nat(6), fc.constantFrom("", "0", "null", "[]", "{}", '"', "-1", ","), (from, length, instead) => {
    const read = readRemembered(written.slice(0, from) + instead + written.slice(from + length));
    if ("problem" in read) return;
    const store = createStore(read.remembered);
    assert.ok(store.all().every(({ id }) => id < store.newId()));
    writeRemembered(store.snapshot());
  }), { numRuns: 2_000 });
});

test("a mitigation whose report is damaged is damaged", () => {
  for (const [from, to] of [['"attackId":2', '"attackId":"2"'], ['"severity":"low"', '"severity":"x"'], ['"talkers":[', '"talkers":[1,'], ['"bitsPerSecond":1000000000', '"bitsPerSecond":"x"']] as const) {
    const whole = writeRemembered({ ...nothingRemembered, nextId: 18, mitigations: [{ ...dropping, request: { ...dropping.request, report: reported("x") } }] });
    const read = readRemembered(whole.replace(from, to));
    assert.ok(!("problem" in read) && read.lost.length === 1, from);
  }
});
