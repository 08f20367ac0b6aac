import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { buildRuleset } from "../../src/enforcer/build-ruleset.ts";
import { buildNetdevRuleset } from "../../src/enforcer/netdev-ruleset.ts";
import { nobodySpared } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule, ReportedFlows } from "../../src/model/enforcement.ts";
import { parseIpAddress, prefixContains } from "../../src/model/ip-prefix.ts";
import { portProtocols } from "../../src/model/ip-protocol.ts";
import type { AttackFlows } from "../../src/model/mitigation-request.ts";
import { rangeHolds, type NumberRange } from "../../src/model/number-range.ts";
import { playRules, type Packet } from "./play-rules.ts";
import { port, reported, rule, source, target } from "./sample-rules.ts";

const macs = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:00:00:00:04", "02:00:00:00:00:05", "02:00:00:00:00:06",
  "02:00:00:00:00:07"];
const hosts = Array.from({ length: 8 }, (_, at) => `198.51.100.${at}`);
const targets = [...hosts, "198.51.100.0/30", "198.51.100.4/30", "198.51.100.0/29", "198.51.100.2/31", "2001:db8:9::1", "2001:db8:9::2", "2001:db8:9::/64"];
const sources = ["203.0.113.7", "203.0.113.8", "2001:db8:1::/64"];
const addresses = ["192.168.1.1", "192.168.1.2", "192.168.1.3", "2001:db8:1::1"];

const lists = (most = 7) => ({
  prefixes: fc.subarray(targets, { minLength: 1, maxLength: most }),
  ports: fc.array(fc.oneof(fc.nat(12).map((at) => port(at)), fc.nat(10).map((at) => port(at, at + 2))), { maxLength: most }),
  protocols: fc.subarray([1, 6, 17, 47, 50, 58, 99], { maxLength: most }),
});
const packet = fc.record({
  mac: fc.constantFrom(...macs),
  path: fc.oneof(
    fc.record({
      to: fc.constantFrom(...hosts, "198.51.100.8"),
      from: fc.constantFrom("203.0.113.7", "203.0.113.9"),
      inside: fc.constantFrom("192.168.1.1", "192.168.1.2", "192.168.1.99"),
    }),
    fc.record({
      to: fc.constantFrom("2001:db8:9::1", "2001:db8:9::3"),
      from: fc.constantFrom("2001:db8:1::9", "2001:db8:2::9"),
      inside: fc.constantFrom("2001:db8:1::1", "2001:db8:1::99"),
    }),
  ),
  protocol: fc.constantFrom(1, 6, 17, 47, 58, 99),
  toPort: fc.nat(13),
  fromPort: fc.nat(13),
  type: fc.constantFrom(0, 8),
  direction: fc.constantFrom("original", "reply"),
}).map(({ path, ...rest }) => ({ ...path, ...rest }));
type Sent = typeof packet extends fc.Arbitrary<infer T> ? T : never;

function fieldsOf(sent: Sent): Packet {
  const ip = sent.to.includes(":") ? "ip6" : "ip";
  const fields: Record<string, string | number> = {
    "ether saddr": sent.mac,
    [`${ip} daddr`]: sent.to,
    [`${ip} saddr`]: sent.from,
    "meta nfproto": ip === "ip" ? "ipv4" : "ipv6",
    "meta l4proto": sent.protocol,
    "meta iiftype": "ether",
    "meta protocol": ip,
    "ct direction": sent.direction,
    [`ct ${sent.direction} ${ip} saddr`]: sent.inside,
    ...(portProtocols.includes(sent.protocol) ? { "th dport": sent.toPort, "th sport": sent.fromPort } : {}),
    ...(sent.protocol === 1 ? { "icmp type": sent.type } : {}),
    ...(sent.protocol === 58 ? { "icmpv6 type": sent.type } : {}),
  };
  return fields;
}

const inRanges = (ranges: readonly NumberRange[], value: number): boolean => ranges.length === 0 || ranges.some((range) => rangeHolds(range, value));
const within = (prefixes: readonly string[], address: string): boolean =>
  target(prefixes).prefixes.some((prefix) => {
    const parsed = parseIpAddress(address);
    return parsed !== undefined && prefixContains(prefix, parsed);
  });
/** Target and service, in the words of RFC 9132 §4.4.1 and RFC 9066 §5.3.1, without the rules' own reading of them. */
function isAskedFor({ target: { ports, protocols }, source: { ports: from, icmpTypes } }: AttackFlows, sent: Sent,
  { ignoringSourcePorts = false } = {}): boolean {
  const ranges = ignoringSourcePorts ? [] : from;
  const isPorted = ports.length > 0 || from.length > 0;
  const icmp = sent.to.includes(":") ? 58 : 1;
  if (protocols.length > 0 ? !protocols.includes(sent.protocol) : isPorted || icmpTypes.length > 0) {
    if (protocols.length > 0) return false;
    const isOne = (isPorted && portProtocols.includes(sent.protocol)) || (icmpTypes.length > 0 && sent.protocol === icmp);
    if (!isOne) return false;
  }
  if (portProtocols.includes(sent.protocol)) return inRanges(ports, sent.toPort) && inRanges(ranges, sent.fromPort);
  return sent.protocol !== icmp || inRanges(icmpTypes, sent.type);
}

test("whatever is held for devices: each packet is dropped, and counted for each mitigation, exactly as the rules say", () => {
  const mitigation = fc.record({
    devices: fc.subarray(macs, { minLength: 1 }),
    lists: fc.record(lists()),
    types: fc.subarray([0, 8], { maxLength: 1 }),
    action: fc.constantFrom("block" as const, "block" as const, "limit" as const),
  });
  fc.assert(fc.property(fc.array(mitigation, { maxLength: 5 }), fc.array(packet, { minLength: 1, maxLength: 12 }), (mitigations, packets) => {
    const rules = mitigations.flatMap(({ devices, lists: { prefixes, ports, protocols }, types, action }, at): EnforcementRule[] => {
      const shared = target(prefixes, { ports, protocols });
      return devices.map((mac) => rule({ mitigation: at + 1, mac, action, target: shared, icmpTypes: types.map((type) => port(type)) }));
    });
    const statements = buildRuleset(rules);
    const atPort = buildNetdevRuleset(rules, { flows: [], spared: nobodySpared }, { wan: [], ports: new Map(macs.map((mac) => [mac, "lan1"])) });
    for (const sent of packets) {
      const hit = mitigations.map((each, at) => ({ ...each, id: `m${at + 1}` })).filter(({ devices, lists: { prefixes, ports, protocols }, types }) => (
        devices.includes(sent.mac) && within(prefixes, sent.to)
        && isAskedFor({ target: target([], { ports, protocols }), source: source([], { ports: [], icmpTypes: types.map((type) => port(type)) }) }, sent)
      ));
      const blocking = hit.filter(({ action }) => action === "block");
      const blocked = blocking.map(({ id }) => id).sort();
      for (const [table, chain] of [[statements, "forward"], [atPort, "ingress0"]] as const) {
        const fate = playRules(table, chain, fieldsOf(sent));
        assert.equal(fate.isDropped, hit.length > 0, JSON.stringify(sent));
        if (blocking.length > 0 || hit.length === 0) assert.deepEqual(fate.counted, blocked, JSON.stringify(sent));
        // Of several limits that are exceeded one drops it; which one is of no interest.
        else assert.ok(fate.counted.length === 1 && hit.some(({ id }) => id === fate.counted[0]), JSON.stringify(sent));
      }
    }
  }), { numRuns: 300 });
});

test("whatever was reported: each packet is recorded, dropped, and counted for each mitigation, exactly as the reports say", () => {
  const report = fc.record({
    action: fc.constantFrom("drop" as const, "drop" as const, "watch" as const, "limit" as const),
    to: fc.record(lists()),
    from: fc.subarray(sources, { minLength: 1 }),
    fromPorts: fc.array(fc.nat(12).map((at) => port(at)), { maxLength: 8 }),
    types: fc.subarray([0, 8], { maxLength: 1 }),
    senders: fc.oneof(fc.constant(null), fc.subarray(macs, { minLength: 1 })),
    own: fc.subarray(addresses),
  });
  fc.assert(fc.property(fc.array(report, { maxLength: 5 }), fc.array(packet, { minLength: 1, maxLength: 12 }), (reports, packets) => {
    const flows = reports.map(({ action, to, from, fromPorts, types, senders, own }, at): ReportedFlows =>
      reported({
        mitigation: at + 1,
        action,
        senders,
        addresses: own,
        target: target(to.prefixes, { ports: to.ports, protocols: to.protocols }),
        source: source(from, { ports: fromPorts, icmpTypes: types.map((type) => port(type)) }),
      })
    );
    const statements = buildRuleset([], undefined, undefined, { flows, spared: nobodySpared });
    const atCard = buildNetdevRuleset([], { flows, spared: nobodySpared }, { wan: ["wan"], ports: new Map() });
    for (const sent of packets) {
      const family = sent.to.includes(":") ? 6 : 4;
      const told = flows.map((each, at) => {
        const asked = reports[at];
        const isTarget = asked !== undefined && within(asked.to.prefixes, sent.to);
        const isReported = isTarget && within(asked.from, sent.from) && (each.senders?.includes(sent.mac) ?? true) && isAskedFor(each, sent);
        // A report whose sources are all of the other family says nothing of this one.
        const isOfFamily = asked?.from.some((prefix) => prefix.includes(":") === (family === 6)) === true;
        const isHeld = isTarget && isOfFamily && each.action !== "watch" && each.addresses.includes(sent.inside)
          && isAskedFor(each, sent, { ignoringSourcePorts: true });
        return { ...each, isReported, isMatched: isReported || isHeld };
      }).sort((a, b) => b.mitigation - a.mitigation);
      const matched = told.filter(({ isMatched }) => isMatched);
      const dropping = matched.filter(({ action }) => action === "drop");
      const limiting = matched.find(({ action }) => action === "limit");
      const fate = playRules(statements, "wan", fieldsOf(sent));
      assert.deepEqual(fate.recorded, matched.map(({ mitigation }) => `seen${mitigation}_${family}`).sort(), JSON.stringify(sent));
      assert.equal(fate.isDropped, dropping.length > 0 || limiting !== undefined);
      const counted = new Set(dropping.length > 0
        ? dropping.map(({ mitigation }) => `m${mitigation}`)
        : limiting
        ? [`m${limiting.mitigation}`]
        : told.filter(({ isReported }) => isReported).map(({ mitigation }) => `e${mitigation}`));
      assert.deepEqual([...new Set(fate.counted)], [...counted].sort(), JSON.stringify(sent));
      const left = playRules(atCard, "egress0", fieldsOf(sent));
      assert.deepEqual(left.counted, told.filter(({ isReported, action, senders }) =>
        isReported && action === "drop" && senders === null
      ).map(({ mitigation }) => `e${mitigation}`).sort());
    }
  }), { numRuns: 300 });
});
