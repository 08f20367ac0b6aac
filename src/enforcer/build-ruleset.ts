import type { EnforcementRule, FilterCount, ReportedTraffic } from "../model/enforcement.ts";
import type { DropCount, MitigationId } from "../model/mitigation.ts";
import type { Statement, TableNames } from "nftables-js";
import type { Claim } from "./traffic-match.ts";
import { claimsOnce, exactKeysOnce, trafficText } from "./memoise.ts";
import { layDeviceChains } from "./device-chains.ts";
import { layHashMaps } from "./hash-maps.ts";
import { createLists } from "./lists.ts";
import { counterName, forwardChain, leftCounterName, limitName, table, wanChain, wanLimitName } from "./names.ts";
import { createComparison, findOverlapping } from "./overlap.ts";
import type { ChainClaim, ExactClaim } from "./ruleset-parts.ts";
import { groupBy, selectorText } from "./ruleset-parts.ts";
import { isLaidByQuarantine, layQuarantine } from "./quarantine-chains.ts";
import { layReportedChains, nothingReported, reportedNow } from "./reported-chains.ts";

/** An empty table, or none. */
export const nothingHeld: TableNames = { chains: [], sets: [], maps: [], counters: [], limits: [] };

/**
 * The transaction that makes the kernel hold exactly these rules, whether or not the table exists, with every timeout
 * rewritten. Counters and limits that stay keep their state.
 * `held`: what the table may hold before. Too little is harmless; what is not there makes nft refuse the transaction.
 * `counted`: where a counter starts if the kernel has lost it.
 *
 * Traffic that can be named exactly is an element of a hash map, whatever the number of rules. The rest, and what
 * several mitigations claim, are rules in a chain of the device, which the traffic of other devices never enters.
 * `notice`: as for `layQuarantine`.
 * Throws InvalidRule.
 */
export function buildRuleset(
  rules: readonly EnforcementRule[],
  held: TableNames = nothingHeld,
  counted: ReadonlyMap<MitigationId, FilterCount> = new Map(),
  reported: ReportedTraffic = nothingReported,
  notice = true,
): readonly Statement[] {
  // Deleting what may be absent: after `add` it is not.
  const watched = reportedNow(reported);
  if (rules.length === 0 && watched.length === 0) return [{ do: "add table", table }, { do: "delete table", table }];

  const claims = rules.flatMap(claimsOnce);
  const { exact, others } = partClaims(claims);
  const hashMaps = layHashMaps(exact);
  const lists = createLists(table);
  const chains = layDeviceChains(others, lists);
  const wan = layReportedChains(reported, lists);
  const quarantine = layQuarantine(rules, notice);
  const mitigations = [...new Set([...rules, ...watched].map(({ mitigation }) => mitigation))].sort((a, b) => a - b);
  const watchedIds = new Set(watched.map(({ mitigation }) => mitigation));
  const declared: readonly Statement[] = [
    { do: "add table", table },
    ...mitigations.flatMap((id) => declareCounters(id, counted.get(id), watchedIds.has(id))),
    ...declareLimits(claims, reported),
    ...hashMaps.declared,
    ...chains.declared,
    ...quarantine.declared,
    ...wan.declared,
    ...lists.declared(),
    { do: "add chain", table, name: forwardChain, base: { type: "filter", hook: "forward", priority: { base: "filter", offset: -5 }, policy: "accept" } },
    ...(watched.length > 0
      ? [
        {
          do: "add chain",
          table,
          name: wanChain,
          base: { type: "filter", hook: "postrouting", priority: { base: "srcnat", offset: 10 }, policy: "accept" },
        } as const,
      ]
      : []),
  ];
  return [
    { comment: "What is needed; what is there already stays, and so does what it has counted." },
    ...declared,
    { comment: "Emptied in the same transaction that fills it again: no packet sees it empty." },
    { do: "flush table", table },
    ...flushAll(declared),
    ...deleteOthers(held, namesDeclared(declared)),
    ...(lists.elements().length > 0 ? [{ comment: "What rules compare packets with." } as const] : []),
    ...lists.elements(),
    ...(claims.length > 0 || watched.length > 0 ? [{ comment: "Each ends by itself, whatever becomes of the daemon." }] : []),
    ...hashMaps.elements,
    ...chains.elements,
    ...quarantine.elements,
    ...wan.elements,
    ...hashMaps.rules,
    ...chains.rules,
    ...quarantine.rules,
    ...wan.rules,
  ];
}

/** What the table holds once these statements have taken effect. */
export function namesDeclared(statements: readonly Statement[]): TableNames {
  const named = { chains: [] as string[], sets: [] as string[], maps: [] as string[], counters: [] as string[], limits: [] as string[] };
  for (const statement of statements) {
    if (!("name" in statement)) continue;
    if (statement.do === "add chain") named.chains.push(statement.name);
    else if (statement.do === "add set") named.sets.push(statement.name);
    else if (statement.do === "add map") named.maps.push(statement.name);
    else if (statement.do === "add counter") named.counters.push(statement.name);
    else if (statement.do === "add limit") named.limits.push(statement.name);
  }
  return named;
}

/** Elements of hash maps that one mitigation may take, with all its devices; one that would need more takes rules, whose lists stand there once. */
const mostKeys = 32;

/** What is laid in hash maps, and what in chains; a quarantine that nobody shares is laid by `layQuarantine`. */
export function partClaims(claims: readonly Claim[]): { exact: ExactClaim[]; others: ChainClaim[] } {
  const blocked = claims.filter(({ allowed }) => allowed === null);
  const shared = findShared(blocked);
  const laid = blocked.filter((claim) => !isLaidByQuarantine(claim) || shared.has(claim));
  const keyed = laid.map((claim) => ({ claim, keys: shared.has(claim) ? undefined : exactKeysOnce(claim) }));
  const keysOf = new Map<MitigationId, number>();
  for (const { claim: { mitigation }, keys } of keyed) keysOf.set(mitigation, (keysOf.get(mitigation) ?? 0) + (keys?.length ?? 0));
  const exact: ExactClaim[] = [];
  const others: ChainClaim[] = [];
  for (const { claim, keys } of keyed) {
    // A hash map has one counter for a key, and the first drop ends a packet: what is shared must go elsewhere.
    if (keys && (keysOf.get(claim.mitigation) ?? 0) <= mostKeys) exact.push({ claim, keys });
    else others.push({ claim, shared: shared.has(claim) });
  }
  for (const claim of claims) if (claim.allowed !== null) others.push({ claim, shared: false });
  return { exact, others };
}

function findShared(blocked: readonly Claim[]): ReadonlySet<Claim> {
  const compare = createComparison();
  // Devices that the same mitigations name are looked at once.
  const known = new Map<string, ReadonlySet<number>>();
  return new Set([...groupBy(blocked, selectorText).values()].flatMap((ofDevice) => {
    if (ofDevice.length === 1) return [];
    const key = ofDevice.map((claim) => `${claim.mitigation} ${claim.family} ${trafficText(claim)}`).join(";");
    const overlapping = known.has(key) ? undefined : findOverlapping(ofDevice, compare);
    const places = known.get(key) ?? new Set(ofDevice.flatMap((claim, at) => (overlapping?.has(claim) === true ? [at] : [])));
    known.set(key, places);
    return ofDevice.filter((_, at) => places.has(at));
  }));
}

function declareCounters(id: MitigationId, from: FilterCount | undefined, isWatched: boolean): Statement[] {
  const counter = (name: string, start: DropCount | undefined): Statement => ({
    do: "add counter",
    table,
    name,
    ...(start ? { packets: start.packets, bytes: start.bytes } : {}),
  });
  return [counter(counterName(id), from), ...(isWatched ? [counter(leftCounterName(id), from?.leaked)] : [])];
}

/** Those of `limit`. */
export function declareLimits(claims: readonly Claim[], reported: ReportedTraffic = nothingReported): Statement[] {
  const limits = new Map<string, number>();
  for (const { mitigation, allowed } of claims) if (allowed !== null) limits.set(limitName(mitigation, allowed), allowed);
  for (const { mitigation, action, packetsPerSecond } of reportedNow(reported))
    if (action === "limit") limits.set(wanLimitName(mitigation, packetsPerSecond), packetsPerSecond);
  // A second's worth may come at once.
  return [...limits].map(([name, packetsPerSecond]) => ({ do: "add limit", table, name, packetsPerSecond, burst: packetsPerSecond }));
}

function flushAll(declared: readonly Statement[]): Statement[] {
  // What packets have written into a dynamic set stays.
  const { sets, maps } = namesDeclared(declared.filter((statement) => !("flags" in statement && statement.flags.includes("dynamic"))));
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
