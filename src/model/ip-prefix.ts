import ipaddr from "ipaddr.js";

export type IpFamily = 4 | 6;

/** An IPv4 or IPv6 prefix; `bits` is the network address with its host bits zero. An address is a prefix of full length. */
export interface IpPrefix {
  readonly family: IpFamily;
  readonly bits: bigint;
  readonly length: number;
}

/** Bits in an address of the family: 32 or 128. */
export function addressLength(family: IpFamily): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/**
 * Reads an address or a prefix in CIDR notation (RFC 4632). Host bits are cleared, as in the canonical form of
 * inet:ip-prefix (RFC 6991). Zone identifiers, octal and shortened IPv4 forms are refused.
 * Returns undefined if the text is not one; IPv4-mapped IPv6 addresses become IPv4.
 */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const slash = text.indexOf("/");
  const bits = parseBits(slash < 0 ? text : text.slice(0, slash));
  if (bits === undefined) return undefined;
  if (slash < 0) return prefixOf(bits.family, bits.bits, addressLength(bits.family));
  const lengthText = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText)) return undefined;
  const length = Number(lengthText) - bits.mappedLength;
  if (length < 0 || length > addressLength(bits.family)) return undefined;
  return prefixOf(bits.family, bits.bits, length);
}

/** Reads a single address; undefined for anything else, a prefix included. */
export function parseIpAddress(text: string): IpPrefix | undefined {
  return text.includes("/") ? undefined : parseIpPrefix(text);
}

/** CIDR notation, always with its length: `203.0.113.7/32`. */
export function formatIpPrefix(prefix: IpPrefix): string {
  return `${formatIpAddress(prefix)}/${String(prefix.length)}`;
}

/** The network address alone: `203.0.113.7`. */
export function formatIpAddress(prefix: IpPrefix): string {
  if (prefix.family === 4) {
    const bits = Number(prefix.bits);
    return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
  }
  const bytes: number[] = [];
  for (let shift = addressLength(prefix.family) - 8; shift >= 0; shift -= 8) {
    bytes.push(Number((prefix.bits >> BigInt(shift)) & 0xffn));
  }
  return ipaddr.fromByteArray(bytes).toString();
}

/** Whether every address of `inner` lies in `outer`. */
export function prefixContains(outer: IpPrefix, inner: IpPrefix): boolean {
  return outer.family === inner.family && outer.length <= inner.length
    && (outer.bits ^ inner.bits) >> BigInt(addressLength(outer.family) - outer.length) === 0n;
}

/** The prefix of this length that holds it; itself where it is as wide already. */
export function widenTo(length: number, prefix: IpPrefix): IpPrefix {
  return length < prefix.length ? prefixOf(prefix.family, prefix.bits, length) : prefix;
}

/** Whether the two share an address. */
export function prefixesOverlap(a: IpPrefix, b: IpPrefix): boolean {
  return prefixContains(a, b) || prefixContains(b, a);
}

/** Whether the prefix is one address: /32 or /128. */
export function isSingleAddress(prefix: IpPrefix): boolean {
  return prefix.length === addressLength(prefix.family);
}

/** What an address is for: `unicast`, `multicast`, `loopback`, `linkLocal`, `private`, `broadcast`, ... (ipaddr.js names). */
export function addressScope(prefix: IpPrefix): string {
  return ipaddr.parse(formatIpAddress(prefix)).range();
}

/** Whether the world may see it: private IPv4 counts, since a WAN may lie behind another router. */
export function isGlobal(prefix: IpPrefix): boolean {
  return !["linkLocal", "uniqueLocal", "loopback", "multicast", "unspecified", "broadcast"].includes(addressScope(prefix));
}

/** Whether the address is link-local: 169.254.0.0/16 or fe80::/10. */
export function isLinkLocal(prefix: IpPrefix): boolean {
  return addressScope(prefix) === "linkLocal";
}

function prefixOf(family: IpFamily, bits: bigint, length: number): IpPrefix {
  const host = BigInt(addressLength(family) - length);
  return { family, bits: (bits >> host) << host, length };
}

function parseBits(text: string): { family: IpFamily; bits: bigint; mappedLength: number } | undefined {
  if (text.length > 45 || text.includes("%")) return undefined;
  const ipv4 = readIpv4(text);
  if (ipv4 !== undefined) return { family: 4, bits: BigInt(ipv4 >>> 0), mappedLength: 0 };
  if (!text.includes(":") || !ipaddr.IPv6.isValid(text)) return undefined;
  // Of an IPv4 tail, ipaddr.js also reads octal, and it takes the deprecated ::192.0.2.1 (RFC 4291 §2.5.5.1) for a mapped address.
  const tail = text.slice(text.lastIndexOf(":") + 1);
  if (tail.includes(".") && (readIpv4(tail) === undefined || text === `::${tail}`)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress()
    ? { family: 4, bits: fromBytes(address.toIPv4Address().toByteArray()), mappedLength: 96 }
    : { family: 6, bits: fromBytes(address.toByteArray()), mappedLength: 0 };
}

/**
 * Four decimal numbers without leading zeros, as a signed 32-bit number; undefined if the text is anything else. By hand: ipaddr.js compiles
 * case-folding expressions for it, 5 ms of each start, and a lookup reads 65,000 of them.
 */
export function readIpv4(text: string): number | undefined {
  let bits = 0;
  let byte = -1;
  let dots = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 46) {
      if (byte < 0) return undefined;
      bits = (bits << 8) | byte;
      byte = -1;
      dots += 1;
    } else if (code >= 48 && code <= 57 && byte !== 0) {
      byte = (byte < 0 ? 0 : byte * 10) + code - 48;
      if (byte > 255) return undefined;
    } else return undefined;
  }
  return byte < 0 || dots !== 3 ? undefined : (bits << 8) | byte;
}

function fromBytes(bytes: readonly number[]): bigint {
  return bytes.reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}
