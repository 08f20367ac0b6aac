import type { HomeAddresses } from "../model/home.ts";
import { parseIpPrefix, prefixesOverlap, type IpPrefix } from "../model/ip-prefix.ts";
import { badRequest, type Refusal } from "../model/refusal.ts";
import type { CameOver } from "./other-wan.ts";

/** No block may touch these: the home itself, what its connection hangs on, and what is no host on the internet. */
export function checkTargets(targets: readonly IpPrefix[], home: HomeAddresses, { peer }: CameOver): Refusal | undefined {
  const overlap = (those: readonly IpPrefix[]): boolean => inEveryForm(those).some((one) => targets.some((target) => prefixesOverlap(one, target)));
  if (overlap(reserved) || targets.some((target) => reservedOnly6.some((one) => prefixesOverlap(one, target)))) {
    return badRequest("target-prefix includes reserved, link-local or multicast addresses");
  }
  if (overlap([...home.inside, ...home.router, ...home.wans.flatMap(({ gateways }) => gateways), ...home.resolvers])) {
    return badRequest("target-prefix includes this home, its router or what that needs");
  }
  return peer && overlap([peer]) ? badRequest("target-prefix includes the address of this session's peer") : undefined;
}

/**
 * What is no target on the internet (IANA's special-purpose registries): this network, loopback, link-local, protocol assignments (DS-Lite's
 * tunnel among them), multicast, future use and broadcast. Private and shared addresses are not here: they may be an ISP's customers.
 */
const reserved = read("0.0.0.0/8 127.0.0.0/8 169.254.0.0/16 192.0.0.0/24 224.0.0.0/4 240.0.0.0/4");
/** Unspecified, loopback and IPv4-compatible; local-use translation (RFC 8215); discard; link-local and site-local; multicast. */
const reservedOnly6 = read("::/96 64:ff9b:1::/48 100::/64 fe80::/10 fec0::/10 ff00::/8");

/** With the IPv6 forms of IPv4 prefixes: NAT64 (RFC 6052), IPv4-translated (RFC 7915), 6to4 (RFC 3056). IPv4-mapped ones are read as IPv4. */
function inEveryForm(prefixes: readonly IpPrefix[]): readonly IpPrefix[] {
  return prefixes.flatMap((prefix) => (prefix.family === 6 ? [prefix] : [
    prefix,
    embedded(prefix, 0x64_ff9bn << 96n, 96),
    embedded(prefix, 0xffff_0000n << 32n, 96),
    embedded(prefix, 0x2002n << 112n, 16),
  ]));
}

/** Behind `offset` bits of the prefix `bits`. */
function embedded({ bits, length }: IpPrefix, prefix: bigint, offset: number): IpPrefix {
  return { family: 6, bits: prefix | (bits << BigInt(96 - offset)), length: offset + length };
}

function read(texts: string): readonly IpPrefix[] {
  return texts.split(" ").flatMap((text) => parseIpPrefix(text) ?? []);
}
