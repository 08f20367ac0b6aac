import { prefixContains, type IpPrefix } from "../model/ip-prefix.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";
import type { Policy } from "../model/policy.ts";
import { badRequest, type Refusal } from "../model/refusal.ts";

/** Which prefixes are this home's: seen from outside, and inside the LAN. */
export interface HomeScope {
  readonly outside: readonly IpPrefix[];
  readonly inside: readonly IpPrefix[];
}

/**
 * Whether an upstream may speak about these sources and targets at all (RFC 9066 §5.3.1: the source-prefix MUST be within
 * our scope; §8: internal addresses only where the owner allows them). The texts tell an upstream nothing about the LAN.
 */
export function checkScope(asked: AttackFlows, home: HomeScope, policy: Policy): Refusal | undefined {
  const ours = policy.allowInternalSources ? [...home.outside, ...home.inside] : home.outside;
  if (!asked.source.prefixes.every((prefix) => ours.some((own) => prefixContains(own, prefix)))) return badRequest("source-prefix is not ours");
  for (const prefix of asked.target.prefixes) {
    const shortest = prefix.family === 4 ? policy.minTargetPrefix4 : policy.minTargetPrefix6;
    if (prefix.length < shortest) return badRequest(`target-prefix is wider than /${String(shortest)}`);
  }
  return undefined;
}
