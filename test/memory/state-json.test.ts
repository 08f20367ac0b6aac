import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom("__proto__", '{"prefix":"192.0.2.1/32"}', '\u2028\u0000"\\', "203.0.113.7/32"));
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary);
const some = { noNullPrototype: true } as const;

const reported = (description: string): AttackReport => ({
  attacks: [{
    vendorId: 1,
    attackId: 2,
    description,
    severity: "low",
    startedAt: start,
    endedAt: null,
    talkers: requested().source.prefixes.map((prefix) => ({ prefix, ports: [{ lower: 1, upper: 9 }], icmpTypes: [], isSpoofed: false })),
  }],
  bitsPerSecond: 1e9,
  packetsPerSecond: null,
});

const mitigation = fc.record({
  of: fc.constantFrom(pending, active, dropping, terminating, ended),
  id: fc.nat(1e6),
  name: text,
  cuid: text.filter((each) => each !== ""),
  at: instant,
  expiresAt: maybe(instant),
  to: fc.constantFrom("198.51.100.9", "2001:db8::/32 192.0.2.0/24", "0.0.0.0/0"),
  ports: fc.constantFrom("", "1-65535 7"),
  fqdns: fc.array(text, { maxLength: 2 }),
  attack: maybe(text),
  packets: fc.nat(Number.MAX_SAFE_INTEGER),
  devices: fc.constantFrom([], [camera], [camera, unknownDevice]),
  conflict: fc.constantFrom(null, { cause: 4 as const }),
}, some).map(({ of, id, name, cuid, at, expiresAt, to, ports, fqdns, attack, packets, devices, conflict }) => {
  const request = requested({ cuid, to, toPorts: ports });
  return {
    ...of,
    id,
    requestedAt: at,
    expiresAt,
    conflict,
    dropped: { packets, bytes: packets },
    devices: devices.map((device) => ({ ...device, name })),
    request: { ...request, target: { ...request.target, fqdns }, ...(attack === null ? {} : { report: reported(attack) }) },
  };
});
const denied: Mitigation = { ...pending, state: "ended", outcome: "denied", decidedBy: "owner" };
const remembered: fc.Arbitrary<Remembered> = fc.record({
  nextId: fc.integer({ min: 1_000_001, max: 2_000_000 }),
  mitigations: fc.uniqueArray(mitigation, { maxLength: 4, selector: ({ id }) => id }),
  devices: fc.array(fc.record({
    mac: fc.constant("02:00:00:00:00:01"),
    name: maybe(text),
    addresses: fc.array(text, { maxLength: 2 }),
    port: maybe(text),
    requests: fc.nat(99),
    lastRequestAt: instant,
    policy: fc.constantFrom("ask", "auto", "never", null),
  }, some), { maxLength: 2 }),
  history: fc.array(fc.record({
    at: instant,
    event: fc.constantFrom("approved", "denied", "released", "ended", "policy"),
    by: fc.constantFrom("owner", "policy", "upstream", "time"),
    who: maybe(text),
    via: fc.constant(null),
    mitigation: maybe(fc.nat(99)),
    upstream: maybe(text),
    outcome: fc.constantFrom("denied", null),
    action: fc.constantFrom("block", null),
    target: fc.array(text, { maxLength: 2 }),
    reason: text,
    devices: fc.array(fc.record({ mac: maybe(text), name: maybe(text) }, some), { maxLength: 2 }),
    dropped: fc.constantFrom(null, { packets: 1, bytes: 2 }),
  }, some), { maxLength: 3 }),
  nos: fc.array(fc.constantFrom(...nosTo(denied, start), ...nosTo({ ...denied, devices: [], expiresAt: null }, start)), { maxLength: 3 }),
}, some);

test("what is written is read back, whatever it says", () => {
  fc.assert(fc.property(remembered, (each) => {
    assert.deepEqual(readRemembered(writeRemembered(each)), { remembered: each, lost: [] });
  }), { numRuns: 300 });
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
  ["a list", "[]"],
  ["null", "null"],
  ["a number", "17"],
  ["an empty object", "{}"],
  ["a newer format", written.replace('"format":1', '"format":2')],
  ["an older format", written.replace('"format":1', '"format":0')],
  ["no list of mitigations", '{"format":1,"nextId":1,"mitigations":{},"devices":[],"history":[]}'],
  ["no next id", '{"format":1,"mitigations":[],"devices":[],"history":[]}'],
  ["a next id that is none", '{"format":1,"nextId":1.5,"mitigations":[],"devices":[],"history":[]}'],
];
for (const [what, file] of damaged)
  test(`damaged: ${what}`, () => {
    assert.ok("problem" in readRemembered(file));
  });

const spoilt: readonly [what: string, text: string, lost: string, left: number][] = [
  ["a mitigation that is null", '{"format":1,"nextId":1,"mitigations":[null],"devices":[],"history":[]}', "1 of its mitigations", 0],
  ["a mitigation without a request", '{"format":1,"nextId":1,"mitigations":[{"id":1}],"devices":[],"history":[]}', "1 of its mitigations", 0],
  ["a device that is a text", '{"format":1,"nextId":1,"mitigations":[],"devices":["x"],"history":[]}', "1 of its devices", 0],
  ["a line of history that is a number", '{"format":1,"nextId":1,"mitigations":[],"devices":[],"history":[7]}', "1 of its history", 0],
  ["a prefix that is none", written.replace("198.51.100.9/32", "198.51.100.999/32"), "1 of its mitigations", 1],
  ["a time that is a text", written.replace(`"requestedAt":${sinceEpoch(start)}`, '"requestedAt":"now"'), "1 of its mitigations", 1],
];
for (const [what, file, lost, left] of spoilt)
  test(`damaged in one place, the rest is used: ${what}`, () => {
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
  for (
    const [from, to] of [['"attackId":2', '"attackId":"2"'], ['"severity":"low"', '"severity":"x"'], ['"talkers":[', '"talkers":[1,'], [
      '"bitsPerSecond":1000000000',
      '"bitsPerSecond":"x"',
    ]] as const
  ) {
    const whole = writeRemembered({
      ...nothingRemembered,
      nextId: 18,
      mitigations: [{ ...dropping, request: { ...dropping.request, report: reported("x") } }],
    });
    const read = readRemembered(whole.replace(from, to));
    assert.ok(!("problem" in read) && read.lost.length === 1, from);
  }
});

const { prefixes } = dropping.request.target;
const full: Mitigation = {
  ...dropping,
  request: { ...dropping.request, report: reported("x") },
  outcome: "denied",
  decidedBy: "policy",
  namedAt: start,
  endedAt: start,
  askedAgainUntil: start,
  isTakenBack: true,
  devices: [{ ...camera, insteadOf: { mac: null, name: null, address: "192.0.2.3" } }],
  leak: { seen: { packets: 1, bytes: 2 }, since: start, lastAt: null, isEscalated: false, isExceeded: true },
  conflict: { cause: 1, status: 2, mid: 3, targets: prefixes, retryTimer: 4 },
};
const everything: Remembered = {
  nextId: 18,
  mitigations: [full],
  nos: [{ mac: "02:00:00:00:00:01", addresses: ["192.0.2.3"], target: { prefixes, ports: [], protocols: [6] }, saidAt: start, until: null }],
  devices: [{ mac: "02:00:00:00:00:01", name: null, addresses: [], port: null, requests: 1, lastRequestAt: null, policy: null }],
  history: [{
    at: start,
    event: "ended",
    by: "time",
    who: null,
    via: null,
    mitigation: 17,
    upstream: "isp",
    outcome: "expired",
    action: "block",
    devices: [{ mac: null, name: "x" }],
    target: [],
    dropped: { packets: 1, bytes: 2 },
    reason: "over",
  }],
};
const mayBeAbsent =
  /^(request\.report|namedAt|endedAt|askedAgainUntil|isTakenBack|leak|devices\.0\.insteadOf|conflict\.(status|mid|targets|retryTimer)|who|via)$/;

interface Place {
  readonly way: string;
  readonly holder: object;
  readonly name: string;
  readonly whole: unknown;
}

/** Every place in the value, each in a copy of its own. */
function placesIn(whole: unknown): readonly Place[] {
  const ways = (value: unknown, way: readonly string[]): readonly (readonly string[])[] =>
    typeof value !== "object" || value === null
      ? []
      : Object.entries(value).flatMap(([name, inner]) => [[...way, name], ...ways(inner, [...way, name])]);
  return ways(whole, []).map((way) => {
    const copy: unknown = structuredClone(whole);
    const holder = way.slice(0, -1).reduce((inner, name) => Reflect.get(inner, name) as object, copy as object); // it has been walked through
    return { way: way.join("."), holder, name: way.at(-1) ?? "", whole: copy };
  });
}

for (const list of ["mitigations", "devices", "history", "nos"] as const) {
  const saved = JSON.parse(writeRemembered(everything)) as Record<string, readonly unknown[]>;
  const read = (entry: unknown): unknown => {
    const result = readRemembered(JSON.stringify({ ...saved, [list]: [entry] }));
    return "problem" in result ? result : result.lost;
  };

  test(`each field of an entry is looked at: ${list}`, () => {
    assert.deepEqual(readRemembered(JSON.stringify(saved)), { remembered: everything, lost: [] });
    for (const { way, holder, name, whole } of placesIn(saved[list]?.[0])) {
      Reflect.set(holder, name, { x: [] });
      assert.deepEqual(read(whole), [`1 of its ${list}`], way);
    }
  });

  test(`an entry without one of its fields is left out: ${list}`, () => {
    for (const { way, holder, name, whole } of placesIn(saved[list]?.[0]).filter(({ holder }) => !Array.isArray(holder))) {
      Reflect.deleteProperty(holder, name);
      assert.deepEqual(read(whole), mayBeAbsent.test(way) ? [] : [`1 of its ${list}`], way);
    }
  });
}

test("numbers and words out of their bounds are damage", () => {
  const whole = writeRemembered(everything);
  const damage = [
    ['"outcome":"denied"', '"outcome":"x"'],
    ['"decidedBy":"policy"', '"decidedBy":"upstream"'],
    ['"status":2,"action"', '"status":9,"action"'],
    ['"cause":1', '"cause":5'],
    ['"packets":1', '"packets":-1'],
    [`"endedAt":${sinceEpoch(start)}`, '"endedAt":1e999'],
    ['"lower":1,"upper":9', '"lower":9,"upper":1'],
    ['"lower":1,"upper":9', '"lower":1,"upper":65536'],
    ['"id":17', '"id":1.5'],
    ['"by":"time"', '"by":"clock"'],
  ] as const;
  for (const [from, to] of damage) {
    assert.ok(whole.includes(from), from);
    const read = readRemembered(whole.replace(from, to));
    assert.deepEqual("problem" in read ? read : read.lost.length, 1, to);
  }
});

test("a file of version 0.1 is read: it calls the owner admin, and has neither persons nor nos", () => {
  const read = readRemembered(readFileSync(new URL("../package/state-0.1.json", import.meta.url), "utf8"));
  assert.ok(!("problem" in read));
  const { mitigations: [kept], history, nos } = read.remembered;
  assert.deepEqual([read.lost, kept?.decidedBy, history.map(({ by, who, via }) => [by, who, via]), nos], [[], "owner", [["owner", null, null]], []]);
});
