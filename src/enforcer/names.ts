import type { DropCount, MitigationId } from "../model/mitigation.ts";
import type { FilterCount } from "../model/enforcement.ts";
import type { IpFamily, IpPrefix } from "../model/ip-prefix.ts";
import type { Table } from "nftables-js";
import type { Claim, Selector } from "./traffic-match.ts";
import type { Shape } from "./exact-keys.ts";

/** All that we do happens in this table (docs: contract, nftables). */
export const table: Table = { family: "inet", name: "dots_callhome" };

/** For what stays within one bridge. */
export const bridgeTable: Table = { family: "bridge", name: "dots_callhome" };

/** At network cards, before and after all else: the ports that devices are on, and what leaves by the WAN. */
export const netdevTable: Table = { family: "netdev", name: "dots_callhome" };

export const forwardChain = "forward";
/** With the router itself. */
export const inputChain = "input";
export const outputChain = "output";
/** Before routing: to the page that says why. */
export const noticeChain = "notice";
/** At postrouting, after NAT. */
export const wanChain = "wan";

/** Counts what a mitigation drops. */
export function counterName(mitigation: MitigationId): string {
  return `m${String(mitigation)}`;
}

/** Counts reported traffic that left the router nevertheless. */
export function leftCounterName(mitigation: MitigationId): string {
  return `e${String(mitigation)}`;
}

/** Who was seen sending reported traffic: MAC address and address before NAT. */
export function witnessSetName(mitigation: MitigationId, family: IpFamily): string {
  return `seen${String(mitigation)}_${String(family)}`;
}

/** What a mitigation lists, where that is too long to stand in a rule. */
export function listName(mitigation: MitigationId,
  list: "to" | "from" | "addresses" | "senders" | "ports" | "source_ports" | "protocols" | "port_protocols" | "types", family?: IpFamily): string {
  return `${counterName(mitigation)}_${list}${family === undefined ? "" : String(family)}`;
}

/** The list of all protocols that have ports. */
export const portProtocolsName = "port_protocols";

/** From a reported target to its chain, for all targets of one prefix length. */
export function reportedMapName({ family, length }: IpPrefix): string {
  return `reported${String(family)}_${String(length)}`;
}

/** Of mitigations that have targets in common: after the first of them, so that the name stays when others join. */
export function reportedChainName(first: MitigationId, family: IpFamily): string {
  return `reported${String(first)}_${String(family)}`;
}

/** Of one mitigation: `ask` whether a packet is its own, and what then becomes of the `hit`. */
export function reportChainName(of: "ask" | "hit", mitigation: MitigationId, family: IpFamily): string {
  return `${of}${String(mitigation)}_${String(family)}`;
}

/** From a quarantined device to its limits: new connections to the notice page, and packets to it. */
export const noticeMapNames = { connections: "notice_by_mac", packets: "notice_packets_by_mac" } as const;

/** The limit on what a mitigation's device may send to the notice page. */
export function noticeLimitName(mitigation: MitigationId, of: keyof typeof noticeMapNames): string {
  return `notice${String(mitigation)}_${of}`;
}

/** At a network card: the set of these devices, and their chain. */
export const quarantinedName = "quarantined";

/** From a quarantined device to its counter. */
export const quarantineMapNames = { mac: "quarantine_by_mac", 4: "quarantine_by_destination4", 6: "quarantine_by_destination6" } as const;

export const sparedSetNames = { mac: "spared_by_mac", unasked: "unasked_by_mac", 4: "spared_by_address4", 6: "spared_by_address6" } as const;

/** What passed the device's own limit passes this one as well. */
export function wanLimitName(mitigation: MitigationId, packetsPerSecond: number): string {
  return `${limitName(mitigation, packetsPerSecond)}_wan`;
}

/** One for each rate, so that a new rate is a new object and an old one keeps its state. */
export function limitName(mitigation: MitigationId, packetsPerSecond: number): string {
  return `limit${String(mitigation)}_${String(packetsPerSecond)}`;
}

/** From a device, and what it sends, to the counter. */
export function shapeMapName(shape: Shape, by: Selector["by"], family: IpFamily): string {
  return `${shape}${String(family)}_by_${by}`;
}

/** From a device to its chain. `devices` is a reserved word of nft. */
export function deviceMapName(selector: Selector): string {
  return `device_by_${selectorKind(selector)}`;
}

/** The devices that a mitigation still holds for. */
export function aliveSetName(mitigation: MitigationId, selector: Selector): string {
  return `${counterName(mitigation)}_by_${selectorKind(selector)}`;
}

/** The rules of one device, and of others that share a mitigation with it. */
export function deviceChainName(selector: Selector): string {
  const key = selector.by === "mac" ? selector.key.replaceAll(":", "") : selector.key.replaceAll(/[.:]/g, "_");
  return `${selector.by === "destination" ? "to" : "device"}_${key}`;
}

function selectorKind(selector: Selector): string {
  return selector.by === "mac" ? "mac" : `${selector.by}${String(selector.family)}`;
}

/** The family that a selector's set is made for; a MAC address serves both. */
export function selectorFamily(claim: Claim): IpFamily {
  return claim.selector.by === "mac" ? claim.family : claim.selector.family;
}

/** Adds what was counted elsewhere: drops on a bridge and at network cards; what left, at the card, which knows best. */
export function withOtherCounts(
  counts: ReadonlyMap<MitigationId, FilterCount>,
  drops: readonly ReadonlyMap<string, DropCount>[],
  left: ReadonlyMap<string, DropCount>,
): ReadonlyMap<MitigationId, FilterCount> {
  return new Map([...counts].map(([id, count]) => {
    const more = drops.flatMap((counters) => counters.get(counterName(id)) ?? []);
    const sum = (unit: keyof DropCount): number => more.reduce((all, each) => all + each[unit], count[unit]);
    const out = left.get(leftCounterName(id)) ?? count.leaked;
    return [id, { packets: sum("packets"), bytes: sum("bytes"), ...(out ? { leaked: { packets: out.packets, bytes: out.bytes } } : {}) }];
  }));
}

/** What was counted for the mitigations, from the table's counters; counters that are not ours are passed over. */
export function countsByMitigation(counters: ReadonlyMap<string, DropCount>): ReadonlyMap<MitigationId, FilterCount> {
  const counts = new Map<MitigationId, FilterCount>();
  for (const [name, { packets, bytes }] of counters) {
    const id = /^m(0|[1-9]\d{0,15})$/.exec(name)?.[1];
    if (id === undefined) continue;
    const left = counters.get(leftCounterName(Number(id)));
    counts.set(Number(id), { packets, bytes, ...(left ? { leaked: { packets: left.packets, bytes: left.bytes } } : {}) });
  }
  return counts;
}
