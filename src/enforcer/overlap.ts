import { addressLength, prefixesOverlap } from "../model/ip-prefix.ts";
import type { IpPrefix } from "../model/ip-prefix.ts";
import { rangesOverlap } from "../model/number-range.ts";
import type { NumberRange } from "../model/number-range.ts";
import type { Claim, Service } from "./claim.ts";

/** The claims, all of one selector, that share a packet with a claim of another mitigation. */
export function findOverlapping(claims: readonly Claim[]): ReadonlySet<Claim> {
  const byPrefix = new Map<string, Claim[]>();
  const lengths = new Set<number>();
  for (const claim of claims) {
    for (const prefix of claim.prefixes) {
      lengths.add(prefix.length);
      const same = byPrefix.get(prefixKey(prefix, prefix.length));
      if (same) same.push(claim);
      else byPrefix.set(prefixKey(prefix, prefix.length), [claim]);
    }
  }
  // Of two prefixes that share an address one contains the other: only those that contain this one are looked at.
  const overlapping = new Set<Claim>();
  for (const claim of claims) {
    for (const prefix of claim.prefixes) {
      for (const length of lengths) {
        for (const other of (length <= prefix.length && byPrefix.get(prefixKey(prefix, length))) || []) {
          if (other.mitigation !== claim.mitigation && claimsOverlap(claim, other)) overlapping.add(claim).add(other);
        }
      }
    }
  }
  return overlapping;
}

function prefixKey({ family, bits }: IpPrefix, length: number): string {
  return `${family} ${length} ${String(bits >> BigInt(addressLength(family) - length))}`;
}

function claimsOverlap(a: Claim, b: Claim): boolean {
  return a.family === b.family && some(a.prefixes, b.prefixes, prefixesOverlap) && some(a.services, b.services, servicesOverlap);
}

function servicesOverlap(a: Service, b: Service): boolean {
  return meet(a.protocols, b.protocols, (one, other) => one === other) && meet(a.ports, b.ports, rangesOverlap)
    && meet<NumberRange>(a.icmpTypes, b.icmpTypes, rangesOverlap);
}

/** As `some`, for lists that do not restrict when they are empty. */
function meet<T>(as: readonly T[], bs: readonly T[], test: (a: T, b: T) => boolean): boolean {
  return as.length === 0 || bs.length === 0 || some(as, bs, test);
}

function some<T>(as: readonly T[], bs: readonly T[], test: (a: T, b: T) => boolean): boolean {
  return as.some((a) => bs.some((b) => test(a, b)));
}
