import type { Statement } from "nftables-js";
import type { Claim } from "./traffic-match.ts";
import type { ExactKey } from "./exact-keys.ts";

/** Parts of a table, for `buildRuleset` to put in order. */
export interface Parts {
  /** `add set`, `add map`, `add chain`. */
  readonly declared: readonly Statement[];
  readonly elements: readonly Statement[];
  readonly rules: readonly Statement[];
}

/** A claim that hash keys cover. No other mitigation claims any of its packets. */
export interface ExactClaim {
  readonly claim: Claim;
  readonly keys: readonly ExactKey[];
}

/** A claim that takes a rule; `shared` if another mitigation claims some of the same packets. */
export interface ChainClaim {
  readonly claim: Claim;
  readonly shared: boolean;
}

/** A claim's selector as a key for maps. */
export function selectorText({ selector }: Claim): string {
  return `${selector.by} ${selector.key}`;
}

/** Items by key, in the order of their first appearance. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
