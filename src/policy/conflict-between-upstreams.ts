import { formatIpPrefix, prefixContains, prefixesOverlap, type IpPrefix } from "../model/ip-prefix.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { MitigationRequest } from "../model/mitigation-request.ts";
import { conflictCause, type Conflict } from "../model/refusal.ts";
import { scopesOverlap } from "./admit-request.ts";

/**
 * What a living mitigation has in common with those of other upstreams (RFC 9132 §4.4.1.3); null = nothing. Our policy is to accept
 * all of them: rules only add up, and each upstream's block holds for as long as it asks for it. So a request is never
 * deactivated for another's sake, conflict-status is 2 (active), and there is no retry-timer. Only what this upstream named itself,
 * in part or whole, is in the scope that it is told.
 */
export function conflictBetweenUpstreams(mitigation: Mitigation, all: readonly Mitigation[]): Conflict | null {
  const { request } = mitigation;
  const others = all.filter((each) => each.state !== "ended" && each.request.upstream !== request.upstream);
  const common = new Map<string, IpPrefix>();
  for (const other of others) for (const [key, prefix] of commonOnce(request, other.request)) common.set(key, prefix);
  return common.size === 0 ? null : { cause: conflictCause.overlappingTargets, status: 2, targets: [...common.values()] };
}

/** Of `own` targets, what is also in the other's, with a text to know it by. Each pair of requests is compared once: all pairs are looked at whenever a mitigation comes or goes. */
function commonOnce(own: MitigationRequest, other: MitigationRequest): readonly Common[] {
  const ofOwn = known.get(own) ?? new WeakMap<MitigationRequest, readonly Common[]>();
  known.set(own, ofOwn);
  const common = ofOwn.get(other) ?? (scopesOverlap(own, other) ? own.target.prefixes.flatMap((prefix) => commonPart(prefix, other.target.prefixes)) : [])
    .map((prefix): Common => [formatIpPrefix(prefix), prefix]);
  ofOwn.set(other, common);
  return common;
}

type Common = readonly [key: string, prefix: IpPrefix];
const known = new WeakMap<MitigationRequest, WeakMap<MitigationRequest, readonly Common[]>>();

function commonPart(own: IpPrefix, others: readonly IpPrefix[]): IpPrefix[] {
  return others.filter((other) => prefixesOverlap(own, other)).map((other) => prefixContains(own, other) ? other : own);
}

/** Whether the upstream would read the same in both: cause, status and targets. */
export function isSameConflict(a: Conflict | null, b: Conflict | null): boolean {
  const targets = (conflict: Conflict | null): readonly IpPrefix[] => conflict?.targets ?? [];
  return a?.cause === b?.cause && a?.status === b?.status && targets(a).length === targets(b).length
    && targets(a).every((prefix) => targets(b).some((other) => isSame(prefix, other)));
}

function isSame(a: IpPrefix, b: IpPrefix): boolean {
  return a.family === b.family && a.bits === b.bits && a.length === b.length;
}
