import type { Certainty, MacAddress } from "../../model/device.ts";
import { latest, wallInstant, type WallInstant } from "../../model/time.ts";
import type { DeviceMatch } from "./match-flows.ts";
import type { NeighbourBook } from "../identity/neighbour-book.ts";

/** A device, with the flows that name it. */
export interface Suspect {
  readonly mac: MacAddress | null;
  readonly addresses: Set<string>;
  readonly matches: DeviceMatch[];
}

/** One suspect for each MAC address, and for each address whose MAC address is not known. */
export function gatherSuspects(matches: readonly DeviceMatch[], book: NeighbourBook): Suspect[] {
  const suspects = new Map<string, Suspect>();
  for (const found of matches) {
    const address = found.view.deviceAddress;
    // Who had the address then, not who has it now.
    const mac = found.sighting?.mac ?? book.macOf(address);
    const key = mac ?? address;
    let suspect = suspects.get(key);
    if (!suspect) suspects.set(key, suspect = { mac, addresses: new Set(), matches: [] });
    suspect.addresses.add(address);
    suspect.matches.push(found);
  }
  return [...suspects.values()];
}

/** When it was last seen to take part; `now` while a flow of it lives. */
export function lastSeen({ matches }: Suspect, now: WallInstant): WallInstant {
  return latest(wallInstant(0), ...matches.map(({ sighting }) => sighting?.endedAt ?? now));
}

/** When the first of its flows began; null if they all were there before the journal. */
export function firstSeen({ matches }: Suspect): WallInstant | null {
  return matches.reduce<WallInstant | null>((first, { sighting }) => {
    const at = sighting?.firstSeen ?? null;
    return at === null || (first !== null && first <= at) ? first : at;
  }, null);
}

/** ICMP types are few and the same for all: they single a device out only where it alone uses them. */
export function isToldApart(found: DeviceMatch): boolean {
  return found.toldApartBy.some((by) => by !== "icmp-type");
}

/**
 * How certain it is that the report means this device, where `rivals` suspects match by nothing that is their own. Never exact: a flow
 * names an address, and any device can send from the address of another.
 */
export function certaintyOf(suspect: Suspect, rivals: number): Certainty {
  return rivals > 1 && !suspect.matches.some(isToldApart) ? "ambiguous" : "likely";
}
