import type { EnforcementRule } from "../model/enforcement.ts";
import type { DropCount, MitigationId } from "../model/mitigation.ts";
import { ipProtocol } from "../model/ip-protocol.ts";
import type { Element, Expression, Field, KeyType, Statement, Table } from "nftables-js";
import type { Claim } from "./traffic-match.ts";
import {
  bridgeTable,
  counterName,
  forwardChain,
  inputChain,
  noticeChain,
  noticeLimitName,
  noticeMapNames,
  outputChain,
  quarantineMapNames,
  table,
} from "./names.ts";
import { claimsOnce } from "./memoise.ts";
import { groupBy, type Parts } from "./ruleset-parts.ts";

/**
 * Where the router tells a quarantined device's user why nothing works. Below 1024, so that no other program of the router can take it while the
 * daemon is dead and the redirect is not yet over, and hear what the device's browser sends; below 512, where the C library looks for no port.
 */
export const noticePort = 299;
/** Plain HTTP: where phones and computers ask whether there is a captive portal. */
export const webPort = 80;

/** New connections a second that are led to the notice page; a browser opens six at once. What comes faster is dropped as all else is. */
const noticeConnections = { rate: 5, burst: 20 } as const;
/** Packets a second to the notice page: a page of some kilobytes, several times over. */
const noticePackets = { rate: 200, burst: 200 } as const;

/** What a quarantined device may still ask the router: an address, a name, and why. */
const services = [
  { protocol: ipProtocol.udp, ports: [53, 67, 547] },
  { protocol: ipProtocol.tcp, ports: [53, noticePort] },
] as const;
/** Router and neighbour solicitations and advertisements (RFC 4861): without them it has no IPv6 at all. ARP is not seen here. */
const discovery = [133, 134, 135, 136] as const;

/**
 * What a quarantine takes: nothing is forwarded, and the router itself is asked what it must be asked. A MAC address is known of what
 * the device sends; what it is sent is known by its addresses. Others pay one look-up for each of the maps in use.
 * `notice`: whether this kernel can lead a device that asks for a web page to the router's own.
 */
export function layQuarantine(rules: readonly EnforcementRule[], notice = true): Parts {
  const claims = quarantineClaimsOf(rules);
  const maps = [
    { name: quarantineMapNames.mac, key: "ether_addr", chain: inputChain, field: "ether saddr", elements: elementsOf(claims, "mac", counterName) },
    { name: quarantineMapNames[4], key: "ipv4_addr", chain: outputChain, field: "ip daddr", elements: elementsOf(claims, "destination", counterName, 4) },
    { name: quarantineMapNames[6], key: "ipv6_addr", chain: outputChain, field: "ip6 daddr", elements: elementsOf(claims, "destination", counterName, 6) },
  ] as const satisfies readonly { name: string; key: KeyType; chain: string; field: Field; elements: Element[] }[];
  const used = maps.filter(({ elements }) => elements.length > 0);
  const chains = [...new Set(used.map(({ chain }) => chain))];
  const page = layNotice(claims, notice);
  return {
    declared: [
      ...used.map(({ name, key }): Statement => ({ do: "add map", table, name, key: [key], holds: "counter", flags: ["timeout"] })),
      ...page.declared,
      ...chains.map((name): Statement => ({
        do: "add chain",
        table,
        name,
        base: { type: "filter", hook: name, priority: { base: "filter", offset: -5 }, policy: "accept" },
      })),
    ],
    elements: [...used.map(({ name, elements }): Statement => ({ do: "add elements", table, set: name, elements })), ...page.elements],
    rules: [
      ...page.rules,
      ...chains.flatMap((chain) => acceptNeeded(chain)),
      ...used.map(({ name, chain, field }): Statement => ({ do: "add rule", table, chain, rule: dropMapped(field, name) })),
      ...used.map(({ name, field }): Statement => ({ do: "add rule", table, chain: forwardChain, rule: dropMapped(field, name) })),
    ],
  };
}

/** Whether `layQuarantine` drops what is claimed, unless another mitigation claims it too. */
export function isLaidByQuarantine({ isQuarantine, selector }: Claim): boolean {
  return isQuarantine === true && selector.by !== "source";
}

/** The claims of those rules that are quarantines. */
export function quarantineClaimsOf(rules: readonly EnforcementRule[]): readonly Claim[] {
  return rules.filter(({ action }) => action === "quarantine").flatMap(claimsOnce);
}

/** A key without an element ends the rule before the drop. */
function dropMapped(field: Field, map: string): readonly Expression[] {
  return [{ object: "counter", key: [field], map }, { verdict: "drop" }];
}

/** A drop in a chain is final; an accept only ends our own: firewall4 goes on to judge it. */
function acceptNeeded(chain: typeof inputChain | typeof outputChain): Statement[] {
  const port = chain === inputChain ? "th dport" : "th sport";
  return matchServices(port).map((match) => ({ do: "add rule", table, chain, rule: [...match, { verdict: "accept" }] }));
}

/** The alternatives; `more`: TCP ports beside the usual. */
export function matchServices(port: "th dport" | "th sport", more: readonly number[] = []): readonly (readonly Expression[])[] {
  return [
    ...services.map(({ protocol, ports }): Expression[] => [
      { match: "meta l4proto", values: [{ number: protocol }] },
      { match: port, values: [...ports, ...protocol === ipProtocol.tcp ? more : []].map((number) => ({ number })) },
    ]),
    [{ match: "meta l4proto", values: [{ number: ipProtocol.icmpv6 }] }, { match: "icmpv6 type", values: discovery.map((number) => ({ number })) }],
  ];
}

/**
 * A device that asks for a web page gets the notice page. A nat chain sees the first packet of each flow only, and a limited number of them; what they send
 * from then on is bounded where it arrives.
 */
function layNotice(claims: readonly Claim[], canRedirect: boolean): Parts {
  const bounded = boundNotice(claims, table, inputChain, [noticePort]);
  if (!canRedirect || bounded.rules.length === 0) return bounded;
  const map = noticeMapNames.connections;
  const name = (id: MitigationId): string => noticeLimitName(id, "connections");
  return {
    declared: [
      ...bounded.declared,
      ...idsOf(claims).map((id): Statement => ({
        do: "add limit",
        table,
        name: name(id),
        packetsPerSecond: noticeConnections.rate,
        burst: noticeConnections.burst,
        within: true,
      })),
      { do: "add map", table, name: map, key: ["ether_addr"], holds: "limit", flags: ["timeout"] },
      // Before firewall4's own: the first translation of a flow is the one that holds.
      { do: "add chain", table, name: noticeChain, base: { type: "nat", hook: "prerouting", priority: { base: "dstnat", offset: -5 }, policy: "accept" } },
    ],
    elements: [...bounded.elements, { do: "add elements", table, set: map, elements: elementsOf(claims, "mac", name) }],
    rules: [
      { do: "add rule", table, chain: noticeChain, rule: [...matchTcp([webPort]), { object: "limit", key: ["ether saddr"], map }, { redirect: noticePort }] },
      ...bounded.rules,
    ],
  };
}

/** Drops, and counts, what quarantined devices send these ports too fast. */
export function boundNotice(claims: readonly Claim[], within: Table, chain: string, ports: readonly number[]): Parts {
  const name = (id: MitigationId): string => noticeLimitName(id, "packets");
  const elements = elementsOf(claims, "mac", name);
  if (elements.length === 0) return { declared: [], elements: [], rules: [] };
  const map = noticeMapNames.packets;
  return {
    declared: [
      ...idsOf(claims).map((id): Statement => ({
        do: "add limit",
        table: within,
        name: name(id),
        packetsPerSecond: noticePackets.rate,
        burst: noticePackets.burst,
      })),
      { do: "add map", table: within, name: map, key: ["ether_addr"], holds: "limit", flags: ["timeout"] },
    ],
    elements: [{ do: "add elements", table: within, set: map, elements }],
    rules: [{
      do: "add rule",
      table: within,
      chain,
      rule: [...matchTcp(ports), { object: "limit", key: ["ether saddr"], map }, ...dropMapped("ether saddr", quarantineMapNames.mac)],
    }],
  };
}

function matchTcp(ports: readonly number[]): readonly Expression[] {
  return [{ match: "meta l4proto", values: [{ number: ipProtocol.tcp }] }, { match: "th dport", values: ports.map((number) => ({ number })) }];
}

/** Of those with a MAC address. */
function idsOf(claims: readonly Claim[]): MitigationId[] {
  return [...new Set(claims.filter(({ selector }) => selector.by === "mac").map(({ mitigation }) => mitigation))].sort((a, b) => a - b);
}

/**
 * The transaction for the bridge family: what devices of one bridge send each other never reaches the inet chains. Here the MAC
 * address tells in both directions. In a table of its own, since a kernel may be without this family. Nothing where nothing is needed.
 */
export function buildBridgeRuleset(rules: readonly EnforcementRule[], counted: ReadonlyMap<string, DropCount> = new Map()): readonly Statement[] {
  const whole: Table = bridgeTable;
  const claims = quarantineClaimsOf(rules);
  const elements = elementsOf(claims, "mac", counterName);
  if (elements.length === 0) return [];
  const map = quarantineMapNames.mac;
  return [
    { comment: "Rewritten in one transaction: its counters begin where they were." },
    { do: "add table", table: whole },
    { do: "delete table", table: whole },
    { do: "add table", table: whole },
    ...idsOf(claims).map((id): Statement => {
      const from = counted.get(counterName(id));
      return { do: "add counter", table: whole, name: counterName(id), ...(from ? { packets: from.packets, bytes: from.bytes } : {}) };
    }),
    { do: "add map", table: whole, name: map, key: ["ether_addr"], holds: "counter", flags: ["timeout"] },
    {
      do: "add chain",
      table: whole,
      name: forwardChain,
      base: { type: "filter", hook: "forward", priority: { base: "filter", offset: -5 }, policy: "accept" },
    },
    { do: "add elements", table: whole, set: map, elements },
    { do: "add rule", table: whole, chain: forwardChain, rule: dropMapped("ether saddr", map) },
    { do: "add rule", table: whole, chain: forwardChain, rule: dropMapped("ether daddr", map) },
  ];
}

/** One element a device, for the object of its mitigation: of several the one that lasts longest counts. */
export function elementsOf(claims: readonly Claim[], by: "mac" | "destination", objectOf: (mitigation: MitigationId) => string, family?: 4 | 6): Element[] {
  const chosen = claims.filter(({ selector, family: of }) => selector.by === by && (family === undefined || of === family));
  return [...groupBy(chosen, ({ selector }) => selector.key).values()].flatMap((same) => {
    const longest = same.reduce((a, b) => (b.timeout > a.timeout ? b : a));
    const { key } = longest.selector;
    return [{ key: [by === "mac" ? { mac: key } : { ip: key }], timeout: longest.timeout, value: { object: objectOf(longest.mitigation) } }];
  });
}
