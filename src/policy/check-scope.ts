import type { HomeAddresses, SharedAddress } from "../model/home.ts";
import { prefixContains, prefixesOverlap, widenTo, type IpPrefix } from "../model/ip-prefix.ts";
import type { AttackFlows, AttackSource } from "../model/mitigation-request.ts";
import { rangesOverlap } from "../model/number-range.ts";
import type { Policy } from "../model/policy.ts";
import { badRequest, type Refusal } from "../model/refusal.ts";
import { checkTargets } from "./check-targets.ts";
import { otherWan, unknownWay, type CameOver } from "./other-wan.ts";

/**
 * Whether an upstream may speak about these sources and targets at all (RFC 9066 §5.3.1: the source-prefix MUST be within
 * our scope; §8: internal addresses only where the owner allows them). The texts tell an upstream nothing about the LAN.
 */
export function checkScope(asked: AttackFlows, home: HomeAddresses, policy: Policy, over: CameOver = unknownWay): Refusal | undefined {
  const ours = policy.allowInternalSources ? [...home.outside, ...home.inside] : home.outside;
  if (!asked.source.prefixes.every((prefix) => ours.some((own) => prefixContains(own, prefix))) || otherWan(asked, home, over) !== undefined)
    return badRequest("source-prefix is not ours");
  return checkShared(asked.source, home.shared ?? []) ?? checkWidth(asked.target.prefixes, policy) ?? checkTargets(asked.target.prefixes, home, over);
}

/** RFC 9066 §5.3.2: of an address that homes share, "the identification … MUST also rely on source port numbers". */
function checkShared({ prefixes, ports }: AttackSource, shared: readonly SharedAddress[]): Refusal | undefined {
  for (const { address, ports: own } of shared) {
    if (!prefixes.some((prefix) => prefixesOverlap(prefix, address))) continue;
    if (ports.length === 0) return badRequest("source-port-range is missing: other homes share this address");
    if (!ports.some((range) => own.some((each) => rangesOverlap(range, each))))
      return badRequest("source-port-range is not ours: other homes share this address");
  }
  return undefined;
}

/** So that no upstream cuts the home off from half of the world. */
function checkWidth(targets: readonly IpPrefix[], { minTargetPrefix4, minTargetPrefix6, maxTargetAddresses }: Policy): Refusal | undefined {
  if (maxTargetAddresses > 0) {
    return countAddresses(targets) > maxTargetAddresses ? badRequest(`target-prefix: at most ${String(maxTargetAddresses)} addresses in all`) : undefined;
  }
  for (const { family, length } of targets) {
    const shortest = family === 4 ? minTargetPrefix4 : minTargetPrefix6;
    if (length < shortest) return badRequest(`target-prefix is wider than /${String(shortest)}`);
  }
  return undefined;
}

/** Each address once; in IPv6, where a host has a /64 to itself, each /64. */
function countAddresses(targets: readonly IpPrefix[]): number {
  const units = targets.map((prefix) => (prefix.family === 6 ? widenTo(64, prefix) : prefix));
  const isCounted = (prefix: IpPrefix, at: number): boolean =>
    !units.some((other, where) => (
      where !== at && prefixContains(other, prefix) && (other.length < prefix.length || where < at)
    ));
  return units.filter(isCounted).reduce((sum, { family, length }) => sum + 2 ** ((family === 4 ? 32 : 64) - length), 0);
}
