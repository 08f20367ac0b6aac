import type { Instant } from "./time.ts";

/** A MAC address, lower case, `aa:bb:cc:dd:ee:ff`. */
export type MacAddress = string;

export type Certainty = "exact" | "likely" | "ambiguous";

/** What was seen of a device's part in the reported attack. */
export interface Evidence {
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
  readonly firstSeen: Instant | null;
  readonly lastSeen: Instant | null;
}

/** A device of the home that takes part in a reported attack. At least one of `mac` and `addresses` is known. */
export interface Device {
  readonly mac: MacAddress | null;
  /** As the owner, or else the DHCP lease, calls it. Hostile text: escape it wherever it is shown. */
  readonly name: string | null;
  /** Addresses in the home, IPv4 and IPv6, as text without a prefix length. */
  readonly addresses: readonly string[];
  /** The bridge port or SSID that it is connected to. */
  readonly port: string | null;
  readonly certainty: Certainty;
  readonly evidence: Evidence;
}

/** Lower case with colons, or undefined if the text is not a MAC address. */
export function parseMac(text: string): MacAddress | undefined {
  const mac = text.trim().toLowerCase().replaceAll("-", ":");
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? mac : undefined;
}
