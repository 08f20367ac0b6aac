import type { EnforcementRule } from "../model/enforcement.ts";
import type { DropCount } from "../model/mitigation.ts";
import { ipProtocol } from "../model/ip-protocol.ts";
import type { Element, Expression, Statement, Table } from "../nftables/statement.ts";
import { claimsOf, type Claim } from "./claim.ts";
import { bridgeTable, counterName, forwardChain, inputChain, outputChain, quarantineMapNames, table } from "./names.ts";
import { groupBy, type Parts } from "./parts.ts";

/** Where the router tells a quarantined device's user why nothing works. */
export const noticePort = 8047;

/** What a quarantined device may still ask the router: an address, a name, and why. */
const services = [
  { protocol: ipProtocol.udp, ports: [53, 67, 547] },
  { protocol: ipProtocol.tcp, ports: [53, noticePort] },
] as const;
/** Router and neighbour solicitations and advertisements (RFC 4861): without them it has no IPv6 at all. ARP is not seen here. */
const discovery = [133, 134, 135, 136] as const;

/**
 * What a quarantine takes beside the forward chain, whose part the hash maps do: traffic with the router itself. A MAC address is
 * known of what the device sends; what it is sent is known by its addresses.
 */
export function layQuarantine(rules: readonly EnforcementRule[]): Parts {
  const claims = rules.filter(({ action }) => action === "quarantine").flatMap(claimsOf);
  const maps = [
    { name: quarantineMapNames.mac, key: "ether_addr", chain: inputChain, field: "ether saddr", elements: elementsOf(claims, "mac", ({ key }) => ({ mac: key })) },
    { name: quarantineMapNames[4], key: "ipv4_addr", chain: outputChain, field: "ip daddr", elements: elementsOf(claims, "destination", ({ key }) => ({ ip: key }), 4) },
    { name: quarantineMapNames[6], key: "ipv6_addr", chain: outputChain, field: "ip6 daddr", elements: elementsOf(claims, "destination", ({ key }) => ({ ip: key }), 6) },
  ] as const;
  const used = maps.filter(({ elements }) => elements.length > 0);
  const chains = [...new Set(used.map(({ chain }) => chain))];
  return {
    declared: [
      ...used.map(({ name, key }): Statement => ({ do: "add map", table, name, key: [key], holds: "counter", flags: ["timeout"] })),
      ...chains.map((name): Statement => ({ do: "add chain", table, name, base: { type: "filter", hook: name, priority: { base: "filter", offset: -5 }, policy: "accept" } })),
    ],
    elements: used.map(({ name, elements }): Statement => ({ do: "add elements", table, set: name, elements })),
    rules: [
      ...chains.flatMap((chain) => acceptNeeded(chain)),
      ...used.map(({ name, chain, field }): Statement => (
        { do: "add rule", table, chain, rule: [{ object: "counter", key: [field], map: name }, { verdict: "drop" }] }
      )),
    ],
  };
}

/** A drop in a chain is final; an accept only ends our own: firewall4 goes on to judge it. */
function acceptNeeded(chain: typeof inputChain | typeof outputChain): Statement[] {
  const port = chain === inputChain ? "th dport" : "th sport";
  const accept = (...rule: readonly Expression[]): Statement => ({ do: "add rule", table, chain, rule: [...rule, { verdict: "accept" }] });
  return [
    ...services.map(({ protocol, ports }) => accept(
      { match: "meta l4proto", values: [{ number: protocol }] }, { match: port, values: ports.map((number) => ({ number })) },
    )),
    accept({ match: "meta l4proto", values: [{ number: ipProtocol.icmpv6 }] }, { match: "icmpv6 type", values: discovery.map((number) => ({ number })) }),
  ];
}

/**
 * The transaction for the bridge family: what devices of one bridge send each other never reaches the inet chains. Here the MAC
 * address tells in both directions. In a table of its own, since a kernel may be without this family.
 */
export function buildBridgeRuleset(rules: readonly EnforcementRule[], counted: ReadonlyMap<string, DropCount> = new Map()): readonly Statement[] {
  const whole: Table = bridgeTable;
  const elements = elementsOf(rules.filter(({ action }) => action === "quarantine").flatMap(claimsOf), "mac", ({ key }) => ({ mac: key }));
  const begin: readonly Statement[] = [{ do: "add table", table: whole }, { do: "delete table", table: whole }];
  if (elements.length === 0) return begin;
  const mitigations = [...new Set(rules.filter(({ action, mac }) => action === "quarantine" && mac !== null).map(({ mitigation }) => mitigation))].sort((a, b) => a - b);
  const map = quarantineMapNames.mac;
  const drop = (field: "ether saddr" | "ether daddr"): Statement => (
    { do: "add rule", table: whole, chain: forwardChain, rule: [{ object: "counter", key: [field], map }, { verdict: "drop" }] }
  );
  return [
    { comment: "Made anew in one transaction: its counters begin where they were." },
    ...begin,
    { do: "add table", table: whole },
    ...mitigations.map((id): Statement => {
      const from = counted.get(counterName(id));
      return { do: "add counter", table: whole, name: counterName(id), ...(from ? { packets: from.packets, bytes: from.bytes } : {}) };
    }),
    { do: "add map", table: whole, name: map, key: ["ether_addr"], holds: "counter", flags: ["timeout"] },
    { do: "add chain", table: whole, name: forwardChain, base: { type: "filter", hook: "forward", priority: { base: "filter", offset: -5 }, policy: "accept" } },
    { do: "add elements", table: whole, set: map, elements },
    drop("ether saddr"),
    drop("ether daddr"),
  ];
}

/** One element a device: of several mitigations the one that lasts longest counts. */
function elementsOf(claims: readonly Claim[], by: Claim["selector"]["by"], value: (selector: Claim["selector"]) => Element["key"][number], family?: 4 | 6): Element[] {
  const chosen = claims.filter(({ selector, family: of }) => selector.by === by && (family === undefined || of === family));
  return [...groupBy(chosen, ({ selector }) => selector.key).values()].flatMap((same) => {
    const longest = same.reduce((a, b) => (b.timeout > a.timeout ? b : a));
    return [{ key: [value(longest.selector)], timeout: longest.timeout, value: { object: counterName(longest.mitigation) } }];
  });
}
