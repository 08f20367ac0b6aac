import { addressLength } from "../model/ip-prefix.ts";
import type { IpPrefix } from "../model/ip-prefix.ts";
import type { NumberRange } from "../model/number-range.ts";
import type { Claim, Service } from "./traffic-match.ts";

/** Whether two claims of one family, whose prefixes overlap, share a packet; what was compared once is known. */
export type Comparison = (a: Claim, b: Claim) => boolean;

/** The claims, all of one selector, that share a packet with a claim of another mitigation. */
export function findOverlapping(claims: readonly Claim[], compare: Comparison = createComparison()): ReadonlySet<Claim> {
  const byPrefix = new Map<string, Claim[]>();
  const lengths = new Set<number>();
  for (const claim of claims) {
    for (const prefix of claim.prefixes) {
      lengths.add(prefix.length);
      const key = prefixKey(prefix, prefix.length);
      const same = byPrefix.get(key);
      if (same) same.push(claim);
      else byPrefix.set(key, [claim]);
    }
  }
  // Two prefixes that share an address contain one another: only those that contain this one are looked at.
  const overlapping = new Set<Claim>();
  for (const claim of claims) {
    for (const prefix of claim.prefixes) {
      for (const length of lengths) {
        for (const other of (length <= prefix.length && byPrefix.get(prefixKey(prefix, length))) || []) {
          if (other.mitigation === claim.mitigation || (overlapping.has(claim) && overlapping.has(other))) continue;
          if (compare(claim, other)) overlapping.add(claim).add(other);
        }
      }
    }
  }
  return overlapping;
}

/** The prefix, cut to that length, as text. */
export function prefixKey({ family, bits }: IpPrefix, length: number): string {
  return `${family} ${length} ${String(bits >> BigInt(addressLength(family) - length))}`;
}

/** The devices of a mitigation share its services: two mitigations are compared once, not once for each pair of devices and prefixes. */
export function createComparison(): Comparison {
  const known = new Map<readonly Service[], Map<readonly Service[], boolean>>();
  return ({ services: a }, { services: b }) => {
    const ofA = known.get(a) ?? new Map<readonly Service[], boolean>();
    known.set(a, ofA);
    const before = ofA.get(b);
    if (before !== undefined) return before;
    const result = a.some((one) => b.some((other) => servicesOverlap(one, other)));
    ofA.set(b, result);
    return result;
  };
}

function servicesOverlap(a: Service, b: Service): boolean {
  return (a.protocols.length === 0 || b.protocols.length === 0 || a.protocols.some((protocol) => b.protocols.includes(protocol)))
    && rangesMeet(a.ports, b.ports) && rangesMeet(a.icmpTypes, b.icmpTypes);
}

/** Of ranges that are sorted and disjoint, side by side; an empty list does not restrict. */
function rangesMeet(as: readonly NumberRange[], bs: readonly NumberRange[]): boolean {
  if (as.length === 0 || bs.length === 0) return true;
  for (let a = 0, b = 0;;) {
    const [one, other] = [as[a], bs[b]];
    if (!one || !other) return false;
    if (one.lower <= other.upper && other.lower <= one.upper) return true;
    if (one.upper < other.upper) a += 1;
    else b += 1;
  }
}
