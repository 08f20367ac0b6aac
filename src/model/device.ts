import type { WallInstant } from "./time.ts";

/** A MAC address, lower case, `aa:bb:cc:dd:ee:ff`. */
export type MacAddress = string;

/**
 * `exact`: the kernel saw the device's MAC address on the reported packets. `likely`: connection tracking and the neighbour table
 * name it alone, by an address, which can be forged. `ambiguous`: they name several.
 */
export type Certainty = "exact" | "likely" | "ambiguous";

/** What was seen of a device's part in the reported attack. */
export interface Evidence {
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
  readonly firstSeen: WallInstant | null;
  readonly lastSeen: WallInstant | null;
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
  /** It was named in place of another device, whose address its packets carry; absent where nothing was forged. */
  readonly insteadOf?: NamedBefore;
}

/** A device that was named by its address alone, until the packets showed another sender. */
export interface NamedBefore {
  readonly mac: MacAddress | null;
  /** Hostile text. */
  readonly name: string | null;
  /** The address that the packets carry. */
  readonly address: string;
}

/** Lower case with colons, or undefined if the text is not a MAC address. */
export function parseMac(text: string): MacAddress | undefined {
  const mac = text.trim().toLowerCase().replaceAll("-", ":");
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? mac : undefined;
}
