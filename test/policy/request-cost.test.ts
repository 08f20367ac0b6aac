import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttackReport } from "../../src/model/attack-report.ts";
import { parseIpPrefix } from "../../src/model/ip-prefix.ts";
import type { MitigationRequest } from "../../src/model/mitigation-request.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { admitRequest } from "../../src/policy/admit-request.ts";
import { checkCost, costOf, mostOfRequest, shareOf } from "../../src/policy/request-cost.ts";
import { start } from "../fake-clock.ts";
import { active, autoPolicy, requested } from "./samples.ts";
import { seconds } from "../../src/model/time.ts";

interface Lists {
  readonly targets?: number;
  readonly ports?: number;
  readonly sources?: number;
  readonly sourcePorts?: number;
  readonly protocols?: number;
  readonly types?: number;
  readonly uris?: readonly string[];
  readonly fqdns?: readonly string[];
}

const count = <T>(length: number, make: (at: number) => T): T[] => Array.from({ length }, (_, at) => make(at));
const ranges = (length: number) => count(length, (at) => ({ lower: at * 4, upper: at * 4 + 1 }));

/** A request with lists so long; `block` keeps its targets apart from those of others. */
function withLists(lists: Lists, { upstream = "isp", mid = 1, block = 0 } = {}): MitigationRequest {
  const prefixes = (length: number, net: string) => count(length, (at) => parseIpPrefix(`${net}.${block}.${at}`)).filter((prefix) => prefix !== undefined);
  return {
    ...requested({ upstream, cuid: upstream, mid }),
    target: {
      prefixes: prefixes(lists.targets ?? 1, "198.51"),
      ports: ranges(lists.ports ?? 0),
      protocols: count(lists.protocols ?? 0, (at) => at),
      fqdns: lists.fqdns ?? [],
      uris: lists.uris ?? [],
    },
    source: { prefixes: prefixes(lists.sources ?? 1, "203.0"), ports: ranges(lists.sourcePorts ?? 0), icmpTypes: ranges(lists.types ?? 0) },
  };
}

const refused = (lists: Lists): string => {
  const refusal = checkCost(withLists(lists));
  return refusal && "diagnostic" in refusal ? `${refusal.code} ${refusal.diagnostic}` : "fine";
};

const tooMany = "4.00 at most 128 prefixes, ranges and protocols in a request";
const tooWide = "4.00 at most 4096 combinations of prefixes, ranges and protocols in a request";
const tooLong = "4.00 at most 2048 bytes of target-fqdn and target-uri in a request";
const cases: readonly [what: string, lists: Lists, expected: string][] = [
  ["one of each", { ports: 1, sourcePorts: 1, protocols: 1, types: 1 }, "fine"],
  ["a host behind 64 ports, from 32 ports", { ports: 64, sourcePorts: 32, protocols: 1 }, "fine"],
  ["64 hosts", { targets: 64 }, "fine"],
  ["64 hosts, 61 source ports", { targets: 64, sourcePorts: 61 }, "fine"],
  ["all lists full", { targets: 64, ports: 64, sources: 64, sourcePorts: 64, protocols: 64, types: 64 }, tooMany],
  ["129 entries", { targets: 64, ports: 64 }, tooMany],
  ["128 entries, sum only", { targets: 43, ports: 42, sources: 43 }, tooWide],
  ["4,096 combinations", { targets: 16, ports: 16, sourcePorts: 16 }, "fine"],
  ["one more", { targets: 17, ports: 16, sourcePorts: 16 }, tooWide],
  ["names of 2,048 bytes", { uris: count(4, () => "u".repeat(500)), fqdns: ["a".repeat(26)] }, "fine"],
  ["one more byte", { uris: count(4, () => "u".repeat(500)), fqdns: ["a".repeat(49)] }, tooLong],
  ["characters of three bytes", { uris: ["\u20ac".repeat(512), "\u20ac".repeat(200)] }, tooLong],
];
for (const [what, lists, expected] of cases)
  test(`${what}: ${expected}`, () => {
    assert.equal(refused(lists), expected);
  });

const upstreams = (...names: readonly string[]) => names.map((name) => ({ name }));

test("the mitigations are shared equally, with 16 entries and 512 bytes of names for each, but at least one request's worth", () => {
  assert.deepEqual(shareOf({ maxMitigations: 256, upstreams: upstreams("a") }), { mitigations: 256, entries: 4096, textBytes: 131_072, reportBytes: 65_536 });
  assert.deepEqual(shareOf({ maxMitigations: 256, upstreams: upstreams("a", "b", "c") }), {
    mitigations: 85,
    entries: 1360,
    textBytes: 43_520,
    reportBytes: 21_760,
  });
  assert.deepEqual(shareOf({ maxMitigations: 1, upstreams: upstreams("a", "b") }), {
    mitigations: 1,
    entries: mostOfRequest.entries,
    textBytes: mostOfRequest.textBytes,
    reportBytes: mostOfRequest.reportBytes,
  });
  assert.deepEqual(shareOf({ maxMitigations: 4, upstreams: [] }).mitigations, 4);
});

/** Asks until nothing more is admitted; what stopped it, and what is held. */
function fill(upstream: string, lists: Lists, held: Mitigation[], policy = { ...autoPolicy, upstreams: upstreams("isp", "other") }): string {
  for (let at = 0; at < 1000; at += 1) {
    const asked = withLists(lists, { upstream, mid: at, block: at });
    const result = admitRequest(asked, seconds(3600), false, held, policy, start);
    if (result.is === "refused") return "diagnostic" in result.refusal ? `${result.refusal.code} ${result.refusal.diagnostic}` : result.refusal.code;
    held.push({ ...active, id: held.length + 1, request: asked });
  }
  return "never refused";
}

const fillings: readonly [what: string, lists: Lists, expected: string, taken: number][] = [
  ["in number", { targets: 1 }, "5.03 too many mitigations: at most 128 at a time", 128],
  ["in entries", { targets: 60, sourcePorts: 60 }, "5.03 too many mitigations: at most 2048 prefixes, ranges and protocols in all", 16],
  ["in names", { uris: count(4, () => "u".repeat(490)) }, "5.03 too many mitigations: at most 65536 bytes of names in all", 33],
];
for (const [what, lists, expected, taken] of fillings) {
  test(`an upstream that fills its share ${what} is told which limit it has met, and takes nothing from another's`, () => {
    const held: Mitigation[] = [];
    assert.equal(fill("other", lists, held), expected);
    assert.equal(held.length, taken);
    assert.equal(fill("isp", { targets: 1, protocols: 1, ports: 1, sourcePorts: 1 }, held), "5.03 too many mitigations: at most 128 at a time");
    assert.equal(held.length, taken + 128);
  });
}

test("what is replaced, and what has ended, takes no room", () => {
  const policy = { ...autoPolicy, maxMitigations: 1, upstreams: upstreams("isp") };
  const held: Mitigation[] = [{ ...active, request: withLists({ targets: 60, sourcePorts: 60 }) }];
  assert.equal(admitRequest(withLists({ targets: 60, sourcePorts: 60, protocols: 1 }, { mid: 2 }), seconds(3600), false, held, policy, start).is, "new");
  const ended = held.map((each) => ({ ...each, state: "ended" as const, outcome: "expired" as const }));
  assert.equal(admitRequest(withLists({ targets: 64 }, { mid: 2, block: 9 }), seconds(3600), false, ended, policy, start).is, "new");
});

test("the cost of a request", () => {
  assert.deepEqual(costOf(requested({ to: "198.51.100.9 198.51.100.10", toPorts: "80 443", protocols: [6], fromPorts: "40000-40100" })), {
    entries: 7,
    combinations: 4,
    textBytes: 22,
    reportBytes: 0,
  });
});

test("what an upstream knows has a bound of its own: 64 bytes an attack with its text, 32 a talker, 16 a range", () => {
  const report = (attacks: number, description: string, talkers: number): AttackReport => ({
    attacks: count(attacks, (attackId) => ({
      vendorId: 1,
      attackId,
      description,
      severity: null,
      startedAt: null,
      endedAt: null,
      talkers: count(talkers, () => ({ prefix: withLists({}).source.prefixes[0] ?? assert.fail(), ports: ranges(2), icmpTypes: [], isSpoofed: false })),
    })),
    bitsPerSecond: null,
    packetsPerSecond: null,
  });
  const asked = { ...withLists({}), report: report(2, "\u20acuro", 3) };
  assert.equal(costOf(asked).reportBytes, 2 * (64 + 6 + 3 * (32 + 2 * 16)));
  assert.equal(checkCost(asked), undefined);
  assert.deepEqual(checkCost({ ...asked, report: report(1, "x".repeat(97), 62) }), {
    code: "4.00",
    diagnostic: "at most 4096 bytes of attack-detail in a request",
  });
});
