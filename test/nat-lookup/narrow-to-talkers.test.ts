import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopTalker } from "../../src/model/attack-report.ts";
import { formatIpPrefix } from "../../src/model/ip-prefix.ts";
import { narrowToTalkers } from "../../src/nat-lookup/narrow-to-talkers.ts";
import { asking, prefixes, ranges, type Words } from "./asking.ts";

interface Talking {
  readonly from?: string;
  readonly ports?: string;
  readonly types?: string;
  readonly isSpoofed?: boolean;
}

function talker({ from = "203.0.113.7", ports = "", types = "", isSpoofed = false }: Talking): TopTalker {
  const [prefix] = prefixes(from);
  assert.ok(prefix);
  return { prefix, ports: ranges(ports), icmpTypes: ranges(types), isSpoofed };
}

/** What is looked for, in short: `203.0.113.7/32 40000-40100`. */
function narrowed(talkers: readonly Talking[], words: Words = {}): string | undefined {
  const attacks = [{ vendorId: 1, attackId: 1, description: null, severity: null, startedAt: null, endedAt: null, talkers: talkers.map(talker) }];
  const flows = narrowToTalkers({ ...asking(words), report: { attacks, bitsPerSecond: null, packetsPerSecond: null } });
  if (!flows) return undefined;
  const { source: { prefixes: from, ports, icmpTypes } } = flows;
  return [...from.map(formatIpPrefix), ...[...ports, ...icmpTypes].map(({ lower, upper }) => `${lower}-${upper}`)].join(" ");
}

const cases: readonly [what: string, talkers: readonly Talking[], words: Words, expected: string | undefined][] = [
  ["the ports of a talker", [{ ports: "40000-40100" }], {}, "203.0.113.7/32 40000-40100"],
  ["of several, joined", [{ ports: "40000-40100" }, { ports: "40050-40200 53" }], {}, "203.0.113.7/32 203.0.113.7/32 53-53 40000-40200"],
  ["ICMP types", [{ types: "8" }], {}, "203.0.113.7/32 8-8"],
  ["an address of a network that was reported", [{ from: "2001:db8::7", ports: "1-9" }], { from: "2001:db8::/56", to: "2001:db8:9::9" }, "2001:db8::7/128 1-9"],
  ["a network around what was reported: not more than that", [{ from: "203.0.113.0/24", ports: "1-9" }], {}, "203.0.113.7/32 1-9"],
  ["nobody", [], {}, undefined],
  ["a talker that was not reported", [{ from: "203.0.113.8", ports: "1-9" }], {}, undefined],
  ["one whose address is forged", [{ ports: "1-9", isSpoofed: true }], {}, undefined],
  ["one without ports tells no device from another", [{}], {}, undefined],
  ["one of two without ports: it would be passed over", [{ ports: "1-9" }, {}], {}, undefined],
  ["the request's own ports are what is asked for", [{ ports: "1-9" }], { fromPorts: "50000" }, undefined],
  ["so are its types", [{ ports: "1-9" }], { types: "8" }, undefined],
];
for (const [what, talkers, words, expected] of cases)
  test(what, () => {
    assert.equal(narrowed(talkers, words), expected);
  });

test("without a report nothing is narrowed", () => {
  assert.equal(narrowToTalkers(asking()), undefined);
});
