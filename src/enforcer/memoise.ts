import type { EnforcementRule } from "../model/enforcement.ts";
import { formatIpPrefix } from "../model/ip-prefix.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import { renderValue, type Value } from "nftables-js";
import { claimsOf } from "./traffic-match.ts";
import type { Claim } from "./traffic-match.ts";
import { exactKeysOf } from "./exact-keys.ts";

// Everything is worked out again at each decision, though most mitigations are as they were. What follows from a value that has not
// changed is remembered for as long as the value itself lives; nothing else depends on it.

/** As `claimsOf`. */
export function claimsOnce(rule: EnforcementRule): readonly Claim[] {
  // Rules are new objects each time, what was asked for is not.
  const before = knownClaims.get(rule.target)?.find((known) => isSame(known.rule, rule));
  if (before) return before.claims;
  const claims = claimsOf(rule);
  knownClaims.set(rule.target, [{ rule, claims }, ...(knownClaims.get(rule.target) ?? []).slice(0, mostOfOneTarget - 1)]);
  return claims;
}

const knownClaims = new WeakMap<AttackTarget, readonly { readonly rule: EnforcementRule; readonly claims: readonly Claim[] }[]>();
/** As many devices as a mitigation may have. */
const mostOfOneTarget = 64;

function isSame(a: EnforcementRule, b: EnforcementRule): boolean {
  const keys = Object.keys(a) as (keyof EnforcementRule)[];
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** As `exactKeysOf`. */
export const exactKeysOnce = memoise(exactKeysOf);

/** What is claimed, as text, to compare claims by. */
export function trafficText({ prefixes, services }: Claim): string {
  return `${prefixesText(prefixes)} ${servicesText(services)}`;
}

const prefixesText = memoise((prefixes: Claim["prefixes"]): string => prefixes.map(formatIpPrefix).join(" "));
const servicesText = memoise((services: Claim["services"]): string => JSON.stringify(services));

/** A key as text, to compare keys by. */
export const keyText = memoise((key: readonly Value[]): string => key.map(renderValue).join(" . "));

/** The function, which works each value out once, for as long as the value lives. */
export function memoise<T extends object, R>(compute: (value: T) => R): (value: T) => R {
  const known = new WeakMap<T, { readonly result: R }>();
  return (value) => {
    const before = known.get(value);
    if (before) return before.result;
    const result = compute(value);
    known.set(value, { result });
    return result;
  };
}
