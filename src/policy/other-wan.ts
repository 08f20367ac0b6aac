import type { HomeAddresses, Wan } from "../model/home.ts";
import { formatIpAddress, prefixContains, prefixesOverlap, type IpPrefix } from "../model/ip-prefix.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";

/** Where a request came in, as far as that is known. */
export interface CameOver {
  /** The upstream's own address. */
  readonly peer: IpPrefix | null;
  /** Our address, that the session was dialled from. */
  readonly local: IpPrefix | null;
  /** `bind_device`. */
  readonly device: string | null;
}

export const unknownWay: CameOver = { peer: null, local: null, device: null };

/**
 * RFC 9284 (and RFC 9132 §3, figure 3): of a home with several provisioning domains, an upstream speaks for the WAN that it is bound to, or
 * else that its session leaves by. The device of another WAN whose addresses it names; undefined if it names none. What belongs to no
 * WAN for sure (`source_scope`, prefixes that nobody says who delegated) is not another's.
 */
export function otherWan({ source }: AttackFlows, { wans }: HomeAddresses, { local, device }: CameOver): string | undefined {
  const own = ownWan(wans, { local, device });
  if (!own) return undefined;
  const foreign = source.prefixes.filter((prefix) => !holds(own, prefix));
  return wans.find((wan) => wan.device !== own.device && foreign.some((asked) => wan.prefixes.some((prefix) => prefixesOverlap(prefix, asked))))?.device;
}

/** The WAN that an upstream is bound to, which may have no address now, or else that its session leaves by; undefined if it has none. */
export function ownWan(wans: readonly Wan[], { local, device }: Pick<CameOver, "local" | "device">): Pick<Wan, "device" | "prefixes"> | undefined {
  if (device === null) return wans.find((wan) => local !== null && holds(wan, local));
  return wans.find((wan) => wan.device === device) ?? { device, prefixes: [] };
}

function holds({ prefixes }: Pick<Wan, "prefixes">, asked: IpPrefix): boolean {
  return prefixes.some((prefix) => prefixContains(prefix, asked));
}

/** For the owner's eyes: why a request that names another WAN's addresses is refused. */
export function whyOtherWan(other: string, { local, device }: CameOver): string {
  const way = device === null ? `its session leaves from ${local === null ? "elsewhere" : formatIpAddress(local)}` : `it is bound to ${device}`;
  return `it names addresses of ${other}, but ${way}; option bind_device says which WAN an upstream speaks for`;
}
