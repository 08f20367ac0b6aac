import { parseMac, type MacAddress } from "../../model/device.ts";

/** Bit of the first byte: the address was not given by a manufacturer (IEEE 802-2014 §8.4). */
const locallyAdministered = 0x02;

/** A device that makes up its own address, as phones do for each network. */
export function isRandomised(mac: MacAddress): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & locallyAdministered) !== 0;
}

/**
 * Who made the network card, from a list that `scripts/build-vendors.mjs` writes: a line a vendor, its name, a tab, and its 24-bit
 * prefixes in base 36, each less the one before. Null for one that is not listed.
 */
export function vendorOf(list: string, text: string): string | null {
  const mac = parseMac(text);
  if (mac === undefined || isRandomised(mac)) return null;
  const wanted = Number.parseInt(mac.replaceAll(":", "").slice(0, 6), 16);
  for (const line of list.split("\n")) {
    const tab = line.indexOf("\t");
    if (tab < 0) continue;
    let prefix = 0;
    for (const step of line.slice(tab + 1).split(" ")) {
      prefix += Number.parseInt(step, 36);
      if (prefix >= wanted) break;
    }
    if (prefix === wanted) return line.slice(0, tab);
  }
  return null;
}
