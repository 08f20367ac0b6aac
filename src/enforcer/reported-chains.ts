import type { ReportedFlows, ReportedTraffic, Spared } from "../model/enforcement.ts";
import { addressLength, formatIpAddress, formatIpPrefix } from "../model/ip-prefix.ts";
import type { IpFamily, IpPrefix } from "../model/ip-prefix.ts";
import { longestTimeout, type Element, type Expression, type Field, type KeyType, type Statement } from "nftables-js";
import { checkTraffic, disjointOnce, disjointPrefixes, everywhere, servicesOnce } from "./traffic-match.ts";
import type { Service } from "./traffic-match.ts";
import { connected } from "./connected.ts";
import type { Lists } from "./lists.ts";
import { matchService, matchTarget, prefixValues } from "./match-traffic.ts";
import {
  counterName,
  leftCounterName,
  listName,
  reportChainName,
  reportedChainName,
  reportedMapName,
  sparedSetNames,
  table,
  wanChain,
  wanLimitName,
  witnessSetName,
} from "./names.ts";
import { prefixKey } from "./overlap.ts";
import { groupBy } from "./ruleset-parts.ts";
import type { Parts } from "./ruleset-parts.ts";

/** Further ones are held to their device rules only: the newest matter most. A thousand would cost the kernel three seconds. */
export const mostReported = 256;
/** A mark for packets that are dropped a few rules later, and therefore nobody else's: "dots". */
const doomed = 0x646f7473;
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
 * target enter a chain, and only one: it holds all mitigations that have targets in common, each once. Order in it: senders are recorded,
 * and what may be dropped is counted, for every mitigation; then it is dropped; what is left has left the home, and is counted.
 */
export function layReportedChains(reported: ReportedTraffic, lists: Lists): Parts {
  const reports = reportedNow(reported).flatMap(reportsOf);
  const chains = chainsOf(reports);
  const doors = chains.flatMap(doorsOf);
  const maps = [...groupBy(doors, ({ prefix }) => reportedMapName(prefix))];
  const spared = layOutSpared(reported.spared, reports);
  return {
    declared: [
      ...spared.declared,
      ...reports.flatMap(declareWitness),
      ...maps.flatMap(([, [first]]) => (first ? [declareMap(first.prefix)] : [])),
      ...reports.flatMap((report) => [askChainName(report), hitChainName(report)].map((name): Statement => ({ do: "add chain", table, name }))),
      ...chains.map(({ name }): Statement => ({ do: "add chain", table, name })),
    ],
    elements: [...spared.elements, ...maps.map(([set, members]): Statement => ({ do: "add elements", table, set, elements: members.map(dispatchElement) }))],
    rules: [
      ...chains.flatMap((chain) => chainRules(chain, spared.tests, lists)),
      ...maps.flatMap(([, [first]]) => (first ? [dispatchRule(first.prefix)] : [])),
    ],
  };
}

/** A reported attack by address family; none for a family that it does not touch. Throws on more than checkTraffic allows. */
export function reportsOf(flows: ReportedFlows): Report[] {
  const { target, source } = flows;
  checkTraffic({ ...flows, ports: [...target.ports, ...source.ports], icmpTypes: source.icmpTypes });
  const timeout = Math.min(Math.ceil(flows.timeout), longestTimeout);
  return ([4, 6] as const).flatMap((family) => {
    const targets = target.prefixes.length === 0 ? [everywhere[family]] : disjointOnce(target.prefixes)[family];
    const sources = disjointOnce(source.prefixes)[family];
    const services = servicesOnce(target, source.icmpTypes, source.ports)[family];
    const isNone = (flows.senders?.length === 0 && flows.addresses.length === 0) || targets.length === 0 || services.length === 0
      || (source.prefixes.length > 0 && sources.length === 0);
    return isNone ? [] : [{ flows, family, targets, sources, services, timeout }];
  });
}

/** Mitigations, of one family, that have targets in common, directly or by way of others: so each stands in one chain, and nowhere else. */
export interface Chain {
  readonly name: string;
  readonly reports: readonly Report[];
}

/** A target that leads into a chain; none of a chain's doors lies within another. */
export interface Door {
  readonly prefix: IpPrefix;
  readonly chain: string;
  readonly timeout: number;
}

/** The chains that all reports need together: one for each group whose targets overlap. */
export function chainsOf(reports: readonly Report[]): Chain[] {
  return ([4, 6] as const).flatMap((family) => {
    // Oldest first: one that is new comes last.
    const ofFamily = reports.filter((report) => report.family === family).sort((a, b) => a.flows.mitigation - b.flows.mitigation);
    const targets = new Set(ofFamily.flatMap((report) => report.targets.map((prefix) => prefixKey(prefix, prefix.length))));
    const lengths = [...new Set(ofFamily.flatMap((report) => report.targets.map(({ length }) => length)))];
    // Two targets that share an address contain one another.
    const keysOf = (report: Report): string[] =>
      report.targets.flatMap((prefix) => (
        lengths.filter((length) => length <= prefix.length).map((length) => prefixKey(prefix, length)).filter((key) => targets.has(key))
      ));
    return connected(ofFamily, keysOf).map((members): Chain => (
      { name: reportedChainName(Math.min(...members.map(({ flows }) => flows.mitigation)), family), reports: members }
    ));
  });
}

/** Longest prefixes first. */
export function doorsOf({ name, reports }: Chain): Door[] {
  const [first] = reports;
  if (!first) return [];
  const prefixes = disjointPrefixes(reports.flatMap(({ targets }) => targets), first.family);
  const lengths = [...new Set(prefixes.map(({ length }) => length))];
  const timeouts = new Map<string, number>();
  for (const { targets, timeout } of reports) {
    for (const target of targets) {
      for (const length of lengths.filter((each) => each <= target.length)) {
        const key = prefixKey(target, length);
        timeouts.set(key, Math.max(timeout, timeouts.get(key) ?? 0));
      }
    }
  }
  return prefixes
    .map((prefix) => ({ prefix, chain: name, timeout: timeouts.get(prefixKey(prefix, prefix.length)) ?? first.timeout }))
    .sort((a, b) => b.prefix.length - a.prefix.length || (a.prefix.bits < b.prefix.bits ? -1 : 1));
}

/**
 * First each report is asked, in a chain of its own, so that one that joins adds its rules and one that ends takes its own: the kernel compares each
 * rule's sets by name with all that it has, and a chain of hundreds written again would keep it for seconds.
 */
function chainRules({ name, reports }: Chain, isNotSpared: (report: Report) => readonly Expression[], lists: Lists): Statement[] {
  const rules = (chain: string, report: Report, matches: readonly (readonly Expression[])[], then: readonly Expression[]): Statement[] => (
    matches.map((match) => ({ do: "add rule", table, chain, rule: [...matchReportedTarget(report, reports, lists), ...match, ...then] }))
  );
  const dropping = reports.filter(({ flows }) => flows.action === "drop");
  // The newest first.
  const limiting = reports.filter(({ flows }) => flows.action === "limit").reverse();
  const count = ({ flows }: Report): Expression => ({ object: "counter", name: counterName(flows.mitigation) });
  const isShared = reports.length > 1;
  const drop: readonly Expression[] = !isShared ? [{ verdict: "drop" }] : [{ assign: "meta mark", value: doomed }];
  return [
    ...reports.flatMap((report) => rules(askChainName(report), report, matchAny(report, lists, isShared), [{ verdict: { goto: hitChainName(report) } }])),
    ...reports.flatMap((report): Statement[] =>
      [
        ...directions.map((direction): readonly Expression[] => [matchDirection(direction), recordSender(report, direction)]),
        ...report.flows.action === "drop" ? [[...isNotSpared(report), count(report), ...drop]] : [],
      ].map((rule) => ({ do: "add rule", table, chain: hitChainName(report), rule }))
    ),
    ...[
      ...reports.map((report): readonly Expression[] => [{ verdict: { jump: askChainName(report) } }]),
      ...dropping.length > 0 && isShared ? [[{ match: "meta mark", values: [{ number: doomed }] }, { verdict: "drop" }] satisfies Expression[]] : [],
    ].map((rule): Statement => ({ do: "add rule", table, chain: name, rule })),
    ...limiting.flatMap((report) =>
      rules(name, report, matchAny(report, lists, isShared), [
        ...isNotSpared(report),
        { object: "limit", name: wanLimitName(report.flows.mitigation, report.flows.packetsPerSecond) },
        count(report),
        { verdict: "drop" },
      ])
    ),
    ...reports.flatMap((report) =>
      rules(name, report, matchReported(report, lists, isShared), [{ object: "counter", name: leftCounterName(report.flows.mitigation) }])
    ),
  ];
}

/** As reported, or from an address of a device that is held. */
function matchAny(report: Report, lists: Lists, isRepeated: boolean): Expression[][] {
  return [...matchReported(report, lists, isRepeated), ...directions.flatMap((direction) => matchAddresses(report, direction, lists, isRepeated))];
}

const askChainName = ({ flows, family }: Report): string => reportChainName("ask", flows.mitigation, family);
const hitChainName = ({ flows, family }: Report): string => reportChainName("hit", flows.mitigation, family);

/** Which of the chain's targets; where a report is alone there, the packet would not be here otherwise. */
export function matchReportedTarget({ flows, family, targets }: Report, beside: readonly Report[], lists: Lists): readonly Expression[] {
  return beside.length === 1 ? [] : matchTarget({ mitigation: flows.mitigation, family, lists, isRepeated: true }, targets);
}

/** By whom, as the home sees them. */
export function matchSource({ flows: { mitigation, senders }, family, sources }: Report, lists: Lists, isRepeated = false): readonly Expression[] {
  return [
    ...lists.match(listName(mitigation, "senders"), "ether saddr", (senders ?? []).map((mac) => ({ mac })), isRepeated),
    ...lists.match(listName(mitigation, "from", family), family === 4 ? "ip saddr" : "ip6 saddr", prefixValues(sources), isRepeated),
  ];
}

/** As the ISP sees them. */
function matchReported(report: Report, lists: Lists, isRepeated: boolean): Expression[][] {
  const { flows: { mitigation, senders }, family } = report;
  // Of devices without a MAC address only their addresses are known.
  if (senders?.length === 0) return [];
  return report.services.map((service) => [...matchSource(report, lists, isRepeated), ...matchService({ mitigation, family, lists, isRepeated }, service)]);
}

/**
 * What leaves from an address of a device that is held, under any MAC address, and from whatever port NAT has given it since:
 * a device that has changed its MAC address is not known by it.
 */
function matchAddresses({ flows: { mitigation, action, addresses }, family, services }: Report, direction: Direction, lists: Lists,
  isRepeated: boolean): Expression[][] {
  const own = [...new Set(addresses.filter((address) => address.includes(":") === (family === 6)))];
  if (own.length === 0 || action === "watch") return [];
  return services.map((service) => [
    matchDirection(direction),
    ...lists.match(listName(mitigation, "addresses", family), senderField(direction, family), own.map((ip) => ({ ip })), isRepeated),
    ...matchService({ mitigation, family, lists, isRepeated }, { ...service, sourcePorts: [] }),
  ]);
}

// In a flow that the target opened (a port-forward), the device is the one that replies.
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
    do: "add set",
    table,
    name: witnessSetName(flows.mitigation, family),
    key: ["ether_addr", family === 4 ? "ipv4_addr" : "ipv6_addr"],
    flags: ["dynamic", "timeout"],
    size: mostWitnessed,
    timeout: 600,
  }];
}

function declareMap(prefix: IpPrefix): Statement {
  return { do: "add map", table, name: reportedMapName(prefix), key: [mapType(prefix)], holds: "verdict", flags: ["timeout"] };
}

/** The type of a map's key for targets of this length. */
export function mapType({ family, length }: IpPrefix): KeyType {
  return length === 0 ? "nf_proto" : family === 4 ? "ipv4_addr" : "ipv6_addr";
}

/** From a target to the chain of its reports. */
export function dispatchElement({ prefix, chain, timeout }: Door): Element {
  return {
    key: [prefix.length === 0 ? { nfproto: `ipv${prefix.family}` } : { ip: formatIpAddress(prefix) }],
    timeout,
    value: { verdict: { goto: chain } },
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
  const addressElements = (family: IpFamily): Element[] =>
    disjointPrefixes(prefixes, family).map((prefix) => ({ key: [{ ip: formatIpPrefix(prefix) }], timeout }));
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
          ? [{ match: `ct original ${ip} saddr`, set: sparedSetNames[family], not: true } as const,
            { match: `ct reply ${ip} saddr`, set: sparedSetNames[family], not: true } as const]
          : []),
      ];
    },
  };
}
