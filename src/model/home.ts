import type { MacAddress } from "./device.ts";
import type { IpPrefix } from "./ip-prefix.ts";
import type { PortRange } from "./number-range.ts";

/** The addresses and prefixes of this home. */
export interface HomeAddresses {
  /** Seen from outside: addresses of the WAN devices, global IPv6 prefixes, and the configured source_scope. */
  readonly outside: readonly IpPrefix[];
  /** Addresses of this router itself. */
  readonly router: readonly IpPrefix[];
  /** Prefixes of the LAN devices. */
  readonly inside: readonly IpPrefix[];
  /** What of `outside` other homes have too, and which of its ports are ours. */
  readonly shared?: readonly SharedAddress[];
  /** By WAN device, what of `outside` is its own. */
  readonly wans: readonly Wan[];
  /** Name servers that the router or its resolver asks. */
  readonly resolvers: readonly IpPrefix[];
}

/** An IPv4 address that the provider gives to several homes, each with ports of its own (MAP-E, MAP-T, lw4o6: RFC 9066 §5.3.2). */
export interface SharedAddress {
  readonly address: IpPrefix;
  /** Port sets of this home. */
  readonly ports: readonly PortRange[];
}

export interface Wan {
  readonly device: string;
  /** Its addresses, its IPv6 networks, and the prefixes that its default routes are for (netifd makes one for each delegated prefix). */
  readonly prefixes: readonly IpPrefix[];
  /** Where its default routes lead; link-local ones included. */
  readonly gateways: readonly IpPrefix[];
}

/** What the connection of the home hangs on: this router, and the gateways that it reaches the internet by. */
export interface Infrastructure {
  readonly macs: readonly MacAddress[];
  readonly prefixes: readonly IpPrefix[];
}

/** An entry of the kernel's neighbour table. */
export interface Neighbour {
  readonly address: string;
  readonly mac: MacAddress;
  /** The interface that the kernel saw it on. */
  readonly device: string;
}
