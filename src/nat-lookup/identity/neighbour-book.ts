import { parseMac } from "../../model/device.ts";
import type { MacAddress } from "../../model/device.ts";
import type { Neighbour } from "../../model/home.ts";

/** An entry of the neighbour table, as far as identity goes. */
export type KnownNeighbour = Pick<Neighbour, "address" | "mac">;

export interface NeighbourBook {
  /** The MAC address behind an address; null if there is none, or more than one. */
  macOf(address: string): MacAddress | null;
  /** How many MAC addresses answer for the address. */
  claimants(address: string): number;
  addressesOf(mac: MacAddress): readonly string[];
}

/** The neighbour table, to be asked in both directions. */
export function neighbourBook(neighbours: readonly KnownNeighbour[]): NeighbourBook {
  const macs = new Map<string, Set<MacAddress>>();
  const addresses = new Map<MacAddress, Set<string>>();
  for (const neighbour of neighbours) {
    const mac = parseMac(neighbour.mac);
    if (mac === undefined) continue;
    add(macs, neighbour.address, mac);
    add(addresses, mac, neighbour.address);
  }
  return {
    macOf(address) {
      const claims = macs.get(address);
      const [only] = claims ?? [];
      return claims?.size === 1 && only !== undefined ? only : null;
    },
    claimants: (address) => macs.get(address)?.size ?? 0,
    addressesOf: (mac) => [...(addresses.get(mac) ?? [])],
  };
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}
