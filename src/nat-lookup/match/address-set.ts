import { addressLength, formatIpAddress, isSingleAddress, parseIpAddress, prefixContains, readIpv4 } from "../../model/ip-prefix.ts";
import type { IpPrefix } from "../../model/ip-prefix.ts";

/** Whether an address, given as text, belongs. */
export type AddressSet = (address: string) => boolean;

/** IPv6 addresses whose text was read lately; connection tracking names the same few again and again. */
const rememberedAddresses = 1024;

/**
 * The addresses that lie in one of the prefixes; none for an empty list. Made once for a request and asked for each entry of a
 * table of 65,000, so IPv4 is compared as 32-bit numbers and an IPv6 address is read only if its text is not one of the set.
 */
export function addressSet(prefixes: readonly IpPrefix[]): AddressSet {
  const networks = prefixes.filter((prefix) => prefix.family === 4).map(networkOf);
  const wide6 = prefixes.filter((prefix) => prefix.family === 6);
  const texts6 = new Set(wide6.filter(isSingleAddress).map(formatIpAddress));
  const remembered = new Map<string, boolean>();

  return (address) => {
    if (!address.includes(":")) {
      if (networks.length === 0) return false;
      const bits = readIpv4(address);
      return bits !== undefined && networks.some((network) => ((bits ^ network.bits) & network.mask) === 0);
    }
    if (wide6.length === 0) return false;
    if (texts6.has(address)) return true;
    let held = remembered.get(address);
    if (held === undefined) {
      const read = parseIpAddress(address);
      held = read !== undefined && wide6.some((prefix) => prefixContains(prefix, read));
      if (remembered.size >= rememberedAddresses) remembered.clear();
      remembered.set(address, held);
    }
    return held;
  };
}

function networkOf(prefix: IpPrefix): { bits: number; mask: number } {
  const host = addressLength(4) - prefix.length;
  return { bits: Number(prefix.bits) | 0, mask: host === 32 ? 0 : -1 << host };
}
