import type { ReportedFlows, ReportedTraffic, Spared } from "../model/enforcement.ts";
import { addressLength, formatIpAddress, formatIpPrefix, isSingleAddress, prefixContains } from "../model/ip-prefix.ts";
import type { IpFamily, IpPrefix } from "../model/ip-prefix.ts";
import type { Element, Expression, Field, KeyType, Statement } from "../nftables/statement.ts";
import { checkTraffic, disjointPrefixes, everywhere, longestTimeout, servicesOf } from "./claim.ts";
import type { Service } from "./claim.ts";
import { matchService } from "./device-chains.ts";
import { counterName, leftCounterName, reportedChainName, reportedMapName, sparedSetNames, table, wanChain, wanLimitName, witnessSetName } from "./names.ts";
import { groupBy } from "./parts.ts";
import type { Parts } from "./parts.ts";

/** Further ones are held to their device rules only: the newest matter most. A thousand would cost the kernel three seconds. */
export const mostReported = 256;
/** A device that spoofs addresses fills its own witness set, not the router's memory. */
const mostWitnessed = 64;

/** One mitigation's traffic in one address family. */
export interface Report {
  readonly flows: ReportedFlows;
  readonly family: IpFamily;
  readonly targets: readonly IpPrefix[];
  readonly sources: readonly IpPrefix[];
  readonly services: readonly Service[];
  readonly timeout: number;
}

export const nobodySpared: Spared = { macs: [], prefixes: [], unaskedMacs: [] };
export const nothingReported: ReportedTraffic = { flows: [], spared: nobodySpared };

/** Those that are laid down, newest first; nothing once their time is up. Throws InvalidRule. */
export function reportedNow({ flows }: ReportedTraffic): readonly ReportedFlows[] {
  return flows.filter(({ timeout }) => !(timeout <= 0)).sort((a, b) => b.mitigation - a.mitigation).slice(0, mostReported);
}

/**
 * A chain at the last hook before the wire, where NAT is done: `srcnat + 10`. There a packet still has its sender's MAC address
 * and its conntrack entry, and already the addresses and ports that the ISP sees.
 *
 * The target's address is looked up, one hash look-up for each prefix length in use, longest first; only packets to a reported
 * target enter a chain, and only one: it holds all mitigations whose target contains it. Order in it: senders are recorded;
 * what may be dropped is counted for every mitigation, then dropped; what is left has left the home, and is counted.
 */
export function layReportedChains(reported: ReportedTraffic): Parts {
  const reports = reportedNow(reported).flatMap(reportsOf);
  const chains = chainsOf(reports);
  const spared = layOutSpared(reported.spared, reports);
  return {
    declared: [
      ...spared.declared,
      ...reports.flatMap(declareWitness),
      ...[...groupBy(chains, mapOf).values()].flatMap(([first]) => (first ? [declareMap(first)] : [])),
      ...chains.map(({ prefix }): Statement => ({ do: "add chain", table, name: reportedChainName(prefix) })),
    ],
    elements: [...spared.elements, ...[...groupBy(chains, mapOf)].map(([set, members]): Statement => ({
      do: "add elements", table, set, elements: members.map(dispatchElement),
    }))],
    rules: [
      ...chains.flatMap((chain) => chainRules(chain, spared.tests)),
      ...[...groupBy(chains, mapOf).values()].flatMap(([first]) => (first ? [dispatchRule(first.prefix)] : [])),
    ],
  };
}

export function reportsOf(flows: ReportedFlows): Report[] {
  const { target, source } = flows;
  checkTraffic({ ...flows, ports: [...target.ports, ...source.ports], icmpTypes: source.icmpTypes });
  const timeout = Math.min(Math.ceil(flows.timeout), longestTimeout);
  return ([4, 6] as const).flatMap((family) => {
    const targets = target.prefixes.length === 0 ? [everywhere[family]] : disjointPrefixes(target.prefixes, family);
    const sources = disjointPrefixes(source.prefixes, family);
    const services = servicesOf(target, source.icmpTypes, family, source.ports);
    const isNone = flows.senders?.length === 0 || targets.length === 0 || services.length === 0 || (source.prefixes.length > 0 && sources.length === 0);
    return isNone ? [] : [{ flows, family, targets, sources, services, timeout }];
  });
}

export interface Chain {
  readonly prefix: IpPrefix;
  readonly reports: readonly Report[];
}

/** Longest prefixes first. */
export function chainsOf(reports: readonly Report[]): Chain[] {
  const byTarget = groupBy(reports.flatMap((report) => report.targets.map((prefix) => ({ prefix, report }))), ({ prefix }) => formatIpPrefix(prefix));
  const groups = [...byTarget.values()].flatMap(([first, ...more]) => (first ? [{ prefix: first.prefix, reports: [first, ...more].map(({ report }) => report) }] : []));
  const wider = groups.filter(({ prefix }) => !isSingleAddress(prefix));
  return groups
    .map((group) => ({
      prefix: group.prefix,
      reports: [...group.reports, ...wider.filter((other) => other.prefix.length < group.prefix.length && prefixContains(other.prefix, group.prefix)).flatMap((other) => other.reports)],
    }))
    .sort((a, b) => a.prefix.family - b.prefix.family || b.prefix.length - a.prefix.length || (a.prefix.bits < b.prefix.bits ? -1 : 1));
}

function chainRules({ prefix, reports }: Chain, isNotSpared: (report: Report) => readonly Expression[]): Statement[] {
  const rules = (matches: readonly (readonly Expression[])[], then: readonly Expression[]): Statement[] => (
    matches.map((match) => ({ do: "add rule", table, chain: reportedChainName(prefix), rule: [...match, ...then] }))
  );
  const asReported = (some: readonly Report[], then: (report: Report) => readonly Expression[]): Statement[] => some.flatMap((report) => rules(matchReported(report), then(report)));
  const fromAddresses = (direction: Direction, then: (report: Report) => readonly Expression[]): Statement[] => (
    reports.flatMap((report) => rules(matchAddresses(report, direction), then(report)))
  );
  const each = (some: readonly Report[], then: (report: Report) => readonly Expression[]): Statement[] => some.flatMap((report) => (
    rules([...matchReported(report), ...directions.flatMap((direction) => matchAddresses(report, direction))], then(report))
  ));
  const dropping = reports.filter(({ flows }) => flows.action === "drop");
  const limiting = reports.filter(({ flows }) => flows.action === "limit");
  const count = ({ flows }: Report): Expression => ({ object: "counter", name: counterName(flows.mitigation) });
  return [
    ...directions.flatMap((direction) => asReported(reports, (report) => [matchDirection(direction), recordSender(report, direction)])),
    ...directions.flatMap((direction) => fromAddresses(direction, (report) => [recordSender(report, direction)])),
    ...dropping.length > 1
      ? [
          ...each(dropping, (report) => [...isNotSpared(report), count(report)]),
          ...each(dropping, (report) => [...isNotSpared(report), { verdict: "drop" }]),
        ]
      : each(dropping, (report) => [...isNotSpared(report), count(report), { verdict: "drop" }]),
    ...each(limiting, (report) => [
      ...isNotSpared(report), { object: "limit", name: wanLimitName(report.flows.mitigation, report.flows.packetsPerSecond) }, count(report), { verdict: "drop" },
    ]),
    ...asReported(reports, ({ flows }) => [{ object: "counter", name: leftCounterName(flows.mitigation) }]),
  ];
}

export function matchSource({ flows: { senders }, family, sources }: Report): Expression[] {
  const values = sources.map((prefix) => ({ ip: isSingleAddress(prefix) ? formatIpAddress(prefix) : formatIpPrefix(prefix) }));
  return [
    ...(senders === null ? [] : [{ match: "ether saddr", values: senders.map((mac) => ({ mac })) } as const]),
    ...(values.length === 0 ? [] : [{ match: family === 4 ? "ip saddr" : "ip6 saddr", values } as const]),
  ];
}

/** As the ISP sees them. */
function matchReported(report: Report): Expression[][] {
  return report.services.map((service) => [...matchSource(report), ...matchService(report, service)]);
}

/**
 * What leaves from an address of a device that is held, whoever's MAC address it bears and whatever port NAT has given it since:
 * a device that has changed its MAC address is not known by it.
 */
function matchAddresses({ flows: { action, addresses }, family, services }: Report, direction: Direction): Expression[][] {
  const own = addresses.filter((address) => address.includes(":") === (family === 6));
  if (own.length === 0 || action === "watch") return [];
  return services.map((service) => [
    matchDirection(direction), { match: senderField(direction, family), values: own.map((ip) => ({ ip })) }, ...matchService({ family }, { ...service, sourcePorts: [] }),
  ]);
}

// Of a flow that the target opened (a port-forward), the device is the one that replies.
const directions = ["original", "reply"] as const;
type Direction = (typeof directions)[number];

function matchDirection(direction: Direction): Expression {
  return { match: "ct direction", values: [{ word: direction }] };
}

function senderField(direction: Direction, family: IpFamily): Field {
  return `ct ${direction} ${family === 4 ? "ip" : "ip6"} saddr`;
}

function recordSender({ flows, family }: Report, direction: Direction): Expression {
  return { update: witnessSetName(flows.mitigation, family), key: ["ether saddr", senderField(direction, family)] };
}

function declareWitness({ flows, family }: Report): Statement[] {
  return [{
    do: "add set", table, name: witnessSetName(flows.mitigation, family), key: ["ether_addr", family === 4 ? "ipv4_addr" : "ipv6_addr"],
    flags: ["dynamic", "timeout"], size: mostWitnessed, timeout: 600,
  }];
}

function mapOf({ prefix }: Chain): string {
  return reportedMapName(prefix);
}

function declareMap({ prefix }: Chain): Statement {
  return { do: "add map", table, name: reportedMapName(prefix), key: [mapType(prefix)], holds: "verdict", flags: ["timeout"] };
}

export function mapType({ family, length }: IpPrefix): KeyType {
  return length === 0 ? "nf_proto" : family === 4 ? "ipv4_addr" : "ipv6_addr";
}

export function dispatchElement({ prefix, reports }: Chain): Element {
  return {
    key: [prefix.length === 0 ? { nfproto: `ipv${prefix.family}` } : { ip: formatIpAddress(prefix) }],
    timeout: Math.max(...reports.map(({ timeout }) => timeout)),
    value: { verdict: { goto: reportedChainName(prefix) } },
  };
}

// What the router itself sends, its DOTS session among it, has come in by no interface: it is never matched.
function dispatchRule(prefix: IpPrefix): Statement {
  return { do: "add rule", table, chain: wanChain, rule: [{ match: "meta iiftype", values: [{ word: "ether" }] }, lookUpTarget(prefix)] };
}

/** Into the chain of the packet's target, among those whose prefix is as long. */
export function lookUpTarget(prefix: IpPrefix): Expression {
  const { family, length } = prefix;
  if (length === 0) return { vmap: reportedMapName(prefix), key: ["meta nfproto"] };
  const all = addressLength(family);
  const mask = formatIpAddress({ family, bits: ((1n << BigInt(length)) - 1n) << BigInt(all - length), length: all });
  return { vmap: reportedMapName(prefix), key: [family === 4 ? "ip daddr" : "ip6 daddr"], ...(length < all ? { mask } : {}) };
}

interface SparedLayout extends Omit<Parts, "rules"> {
  /** The steps of a rule that only those pass who may be touched. */
  readonly tests: (report: Report) => readonly Expression[];
}

function layOutSpared({ macs, prefixes, unaskedMacs }: Spared, reports: readonly Report[]): SparedLayout {
  const acting = reports.filter(({ flows }) => flows.action !== "watch");
  // They outlive what they are spared from.
  const timeout = Math.min(longestTimeout, Math.max(0, ...acting.map((report) => report.timeout)) + 60);
  const macElements = (list: readonly string[]): Element[] => [...new Set(list)].map((mac) => ({ key: [{ mac }], timeout }));
  const addressElements = (family: IpFamily): Element[] => disjointPrefixes(prefixes, family).map((prefix) => ({ key: [{ ip: formatIpPrefix(prefix) }], timeout }));
  const sets = acting.length === 0 ? [] : [
    { name: sparedSetNames.mac, key: "ether_addr", flags: ["timeout"], elements: macElements(macs) },
    { name: sparedSetNames.unasked, key: "ether_addr", flags: ["timeout"], elements: macElements(unaskedMacs) },
    { name: sparedSetNames[4], key: "ipv4_addr", flags: ["interval", "timeout"], elements: addressElements(4) },
    { name: sparedSetNames[6], key: "ipv6_addr", flags: ["interval", "timeout"], elements: addressElements(6) },
  ] as const;
  const used = sets.filter(({ elements }) => elements.length > 0);
  const isUsed = (name: string): boolean => used.some((set) => set.name === name);
  return {
    declared: used.map(({ name, key, flags }): Statement => ({ do: "add set", table, name, key: [key], flags })),
    elements: used.map(({ name, elements }): Statement => ({ do: "add elements", table, set: name, elements })),
    tests({ flows, family }) {
      const ip = family === 4 ? "ip" : "ip6";
      return [
        ...(isUsed(sparedSetNames.mac) ? [{ match: "ether saddr", set: sparedSetNames.mac, not: true } as const] : []),
        ...(flows.sparesUnasked && isUsed(sparedSetNames.unasked) ? [{ match: "ether saddr", set: sparedSetNames.unasked, not: true } as const] : []),
        ...(isUsed(sparedSetNames[family])
          ? [{ match: `ct original ${ip} saddr`, set: sparedSetNames[family], not: true } as const, { match: `ct reply ${ip} saddr`, set: sparedSetNames[family], not: true } as const]
          : []),
      ];
    },
  };
}
