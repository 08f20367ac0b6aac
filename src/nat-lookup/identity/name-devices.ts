import type { MacAddress } from "../../model/device.ts";
import { cleanName } from "./clean-name.ts";
import { neighbourBook } from "./neighbour-book.ts";
import type { KnownNeighbour } from "./neighbour-book.ts";
import type { Lease } from "./parse-leases.ts";

/**
 * Names by MAC address. A lease that carries the MAC address counts before one whose address the neighbour table knows, and that
 * before a MAC address taken from a DUID; among equals the first one counts.
 */
export function nameDevices(leases: readonly Lease[], neighbours: readonly KnownNeighbour[]): Map<MacAddress, string> {
  const book = neighbourBook(neighbours);
  const ways: ((lease: Lease) => readonly (MacAddress | null)[])[] = [
    (lease) => [lease.mac],
    (lease) => lease.addresses.map((address) => book.macOf(address)),
    (lease) => [lease.duidMac],
  ];
  const names = new Map<MacAddress, string>();
  for (const macsOf of ways) {
    for (const lease of leases) {
      const name = lease.name === null ? null : cleanName(lease.name);
      if (name === null) continue;
      for (const mac of macsOf(lease)) if (mac !== null && !names.has(mac)) names.set(mac, name);
    }
  }
  return names;
}
