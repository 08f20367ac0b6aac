import type { Device } from "../model/device.ts";
import type { ObservedSender } from "../model/enforcement.ts";
import { ownAddresses, type KnownHome } from "./find-devices.ts";
import { neighbourBook } from "./identity/neighbour-book.ts";
import { witnessedDevices } from "./witnessed-devices.ts";

/**
 * Devices of a mitigation, a while later. `devices`: with the addresses that they have now; `changed`: MAC addresses that send the
 * reported traffic from the address of one of them. That is the same device, which calls itself something else: another one that
 * NAT has given a reported port since has an address of its own.
 */
export function followDevices(devices: readonly Device[], witnessed: readonly ObservedSender[],
  home: Pick<KnownHome, "neighbours" | "names" | "ownerNames" | "titleOf" | "borders">
): {
  readonly devices: readonly Device[];
  readonly changed: readonly Device[];
} {
  const book = neighbourBook(home.neighbours);
  const addresses = new Set(devices.flatMap((device) => device.addresses));
  const strangers = witnessed.filter(({ mac, address }) => addresses.has(address) && !devices.some((device) => device.mac === mac));
  return {
    devices: devices.map((device) => (device.mac === null ? device : { ...device, addresses: ownAddresses(device.mac, device.addresses, book) })),
    changed: witnessedDevices(strangers, home),
  };
}
