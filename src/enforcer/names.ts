import type { DropCount, MitigationId } from "../model/mitigation.ts";
import type { IpFamily } from "../model/ip-prefix.ts";
import type { Table } from "../nftables/statement.ts";
import type { Claim, Selector } from "./claim.ts";
import type { Shape } from "./exact-keys.ts";

/** All that we do happens in this table (docs: contract, nftables). */
export const table: Table = { family: "inet", name: "dots_callhome" };

export const forwardChain = "forward";

/** Counts what a mitigation drops. */
export function counterName(mitigation: MitigationId): string {
  return `m${String(mitigation)}`;
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

/** The rules of one device. */
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

/** What the mitigations dropped, from the table's counters; counters that are not ours are passed over. */
export function dropsByMitigation(counters: ReadonlyMap<string, DropCount>): ReadonlyMap<MitigationId, DropCount> {
  const drops = new Map<MitigationId, DropCount>();
  for (const [name, { packets, bytes }] of counters) {
    const id = /^m(0|[1-9]\d{0,15})$/.exec(name)?.[1];
    if (id !== undefined) drops.set(Number(id), { packets, bytes });
  }
  return drops;
}
