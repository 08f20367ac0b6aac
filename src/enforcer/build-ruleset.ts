import type { EnforcementRule } from "../model/enforcement.ts";
import type { DropCount, MitigationId } from "../model/mitigation.ts";
import { renderTransaction } from "../nftables/render-statement.ts";
import type { TableNames } from "../nftables/read-json.ts";
import type { Statement } from "../nftables/statement.ts";
import { claimsOf } from "./claim.ts";
import type { Claim } from "./claim.ts";
import { layDeviceChains } from "./device-chains.ts";
import { exactKeysOf } from "./exact-keys.ts";
import { layHashMaps } from "./hash-maps.ts";
import { counterName, forwardChain, limitName, table } from "./names.ts";
import { findOverlapping } from "./overlap.ts";
import type { ChainClaim, ExactClaim } from "./parts.ts";
import { groupBy, selectorText } from "./parts.ts";

/** An empty table, or none. */
export const nothingHeld: TableNames = { chains: [], sets: [], maps: [], counters: [], limits: [] };

/** As `buildRuleset`, as text for `nft -f`. */
export function renderRuleset(...parameters: Parameters<typeof buildRuleset>): string {
  return renderTransaction(buildRuleset(...parameters));
}

/**
 * The transaction that makes the kernel hold exactly these rules, whether or not the table exists, with every timeout
 * begun anew. Counters and limits that stay keep their state.
 * `held`: what the table may hold before. Too little is harmless; what is not there makes nft refuse the transaction.
 * `counted`: where a counter starts if the kernel has lost it.
 *
 * Traffic that can be named exactly is an element of a hash map, whatever the number of rules. The rest, and what
 * several mitigations claim, are rules in a chain of the device, which the traffic of other devices never enters.
 * Throws InvalidRule.
 */
export function buildRuleset(
  rules: readonly EnforcementRule[], held: TableNames = nothingHeld, counted: ReadonlyMap<MitigationId, DropCount> = new Map(),
): readonly Statement[] {
  // Deleting what may be absent: after `add` it is not.
  if (rules.length === 0) return [{ do: "add table", table }, { do: "delete table", table }];

  const claims = rules.flatMap(claimsOf);
  const { exact, others } = partClaims(claims);
  const hashMaps = layHashMaps(exact);
  const chains = layDeviceChains(others);
  const mitigations = [...new Set(rules.map(({ mitigation }) => mitigation))].sort((a, b) => a - b);
  const declared: readonly Statement[] = [
    { do: "add table", table },
    ...mitigations.map((id): Statement => ({ do: "add counter", table, name: counterName(id), ...counted.get(id) })),
    ...declareLimits(claims),
    ...hashMaps.declared,
    ...chains.declared,
    { do: "add chain", table, name: forwardChain, base: { type: "filter", hook: "forward", priority: { base: "filter", offset: -5 }, policy: "accept" } },
  ];
  return [
    { comment: "What is needed; what is there already stays, and so does what it has counted." },
    ...declared,
    { comment: "Emptied in the same transaction that fills it again: no packet sees it empty." },
    { do: "flush table", table },
    ...flushAll(declared),
    ...deleteOthers(held, namesDeclared(declared)),
    ...(claims.length > 0 ? [{ comment: "Each ends by itself, whatever becomes of the daemon." }] : []),
    ...hashMaps.elements,
    ...chains.elements,
    ...hashMaps.rules,
    ...chains.rules,
  ];
}

/** What the table holds once these statements have taken effect. */
export function namesDeclared(statements: readonly Statement[]): TableNames {
  const named = (kind: string): string[] => statements.flatMap((statement) => (
    "name" in statement && statement.do === `add ${kind}` ? [statement.name] : []
  ));
  return { chains: named("chain"), sets: named("set"), maps: named("map"), counters: named("counter"), limits: named("limit") };
}

function partClaims(claims: readonly Claim[]): { exact: ExactClaim[]; others: ChainClaim[] } {
  const exact: ExactClaim[] = [];
  const others: ChainClaim[] = [];
  for (const blocked of groupBy(claims.filter(({ allowed }) => allowed === null), selectorText).values()) {
    const shared = findOverlapping(blocked);
    for (const claim of blocked) {
      // A hash map has one counter for a key, and the first drop ends a packet: what is shared must go elsewhere.
      const keys = shared.has(claim) ? undefined : exactKeysOf(claim);
      if (keys) exact.push({ claim, keys });
      else others.push({ claim, shared: shared.has(claim) });
    }
  }
  for (const claim of claims) if (claim.allowed !== null) others.push({ claim, shared: false });
  return { exact, others };
}

function declareLimits(claims: readonly Claim[]): Statement[] {
  const limits = new Map<string, Statement>();
  for (const { mitigation, allowed } of claims) {
    if (allowed === null) continue;
    const name = limitName(mitigation, allowed);
    // A second's worth may come at once.
    limits.set(name, { do: "add limit", table, name, packetsPerSecond: allowed, burst: allowed });
  }
  return [...limits.values()];
}

function flushAll(declared: readonly Statement[]): Statement[] {
  const { sets, maps } = namesDeclared(declared);
  return [
    ...maps.map((name): Statement => ({ do: "flush map", table, name })),
    ...sets.map((name): Statement => ({ do: "flush set", table, name })),
  ];
}

// Maps first: their elements refer to chains and counters.
function deleteOthers(held: TableNames, wanted: TableNames): Statement[] {
  const gone = [
    { do: "delete map", names: held.maps, wanted: wanted.maps },
    { do: "delete set", names: held.sets, wanted: wanted.sets },
    { do: "delete chain", names: held.chains, wanted: wanted.chains },
    { do: "delete counter", names: held.counters, wanted: wanted.counters },
    { do: "delete limit", names: held.limits, wanted: wanted.limits },
  ] as const;
  return gone.flatMap(({ do: verb, names, wanted: kept }) => {
    const keep = new Set(kept);
    return names.filter((name) => !keep.has(name)).map((name): Statement => ({ do: verb, table, name }));
  });
}
