import { addressScope, formatIpAddress, parseIpAddress, type IpFamily } from "../../model/ip-prefix.ts";

/** What one DHCP exchange says of the provider's DOTS client (RFC 8973 §5). */
export interface DhcpOffer {
  readonly name: string | null;
  /** Most preferred first. */
  readonly addresses: readonly string[];
}

/** The options as they came: 147 and 148 of DHCPv4, 141 and 142 of DHCPv6. */
export interface DhcpOptions {
  readonly name: Uint8Array | null;
  readonly addresses: Uint8Array | null;
}

const mostAddresses = 8;

/** Reads the options; what is not valid in them is not there (§5.1.3, §5.2.3). */
export function readDhcpOffer(family: IpFamily, { name, addresses }: DhcpOptions): DhcpOffer {
  return { name: name && readFirstName(name), addresses: addresses ? readAddresses(family, addresses) : [] };
}

/**
 * The first name of a list, in the encoding of RFC 8415 §10: labels with their lengths, ended by the root, not compressed. Null if it is
 * no name of a host: a label has letters, digits, `-` and `_`.
 */
function readFirstName(bytes: Uint8Array): string | null {
  const labels: string[] = [];
  for (let at = 0;;) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at + 1 + length > bytes.length) return null;
    if (length === 0) break;
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return isHostName(labels.join(".")) ? labels.join(".").toLowerCase() : null;
}

/** Whether DNS may be asked for it: of DHCP and DNS alike, what they name is not to be trusted. */
export function isHostName(name: string): boolean {
  return name.length > 0 && name.length <= 253 && name.split(".").every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

function readAddresses(family: IpFamily, bytes: Uint8Array): string[] {
  const size = family === 4 ? 4 : 16;
  if (bytes.length % size !== 0) return []; // "This MUST be a multiple of 16", "Set to 4*N"
  const all = Array.from({ length: bytes.length / size }, (_, at) => [...bytes.subarray(at * size, (at + 1) * size)]);
  const texts = all.map((each) =>
    family === 4 ? each.join(".") : each.map((byte) => byte.toString(16).padStart(2, "0")).join("").replace(/(....)(?=.)/g, "$1:")
  );
  // An IPv4-mapped address becomes the IPv4 address that it stands for (§5.1.2).
  return texts.flatMap((text) => parseIpAddress(text) ?? []).map(formatIpAddress).filter(isDiallable).slice(0, mostAddresses);
}

/** Not multicast, not this host (§5.1.3, §5.2.3), none that needs an interface to be named beside it. */
export function isDiallable(address: string): boolean {
  const parsed = parseIpAddress(address);
  return parsed !== undefined && !["multicast", "loopback", "unspecified", "broadcast", "linkLocal"].includes(addressScope(parsed));
}
