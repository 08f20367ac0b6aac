import type { Expression, Statement } from "nftables-js";
import type { Claim } from "./traffic-match.ts";
import { connected } from "./connected.ts";
import { selectorField, selectorType, selectorValue } from "./exact-keys.ts";
import type { Lists } from "./lists.ts";
import { matchService, matchTarget } from "./match-traffic.ts";
import { aliveSetName, counterName, deviceChainName, deviceMapName, forwardChain, limitName, selectorFamily, table } from "./names.ts";
import { trafficText } from "./memoise.ts";
import { groupBy, selectorText } from "./ruleset-parts.ts";
import type { ChainClaim, Parts } from "./ruleset-parts.ts";

/**
 * A chain for each device, reached through a verdict map: other devices pay one look-up, however many rules there are. Devices of one
 * mitigation share a chain: its rules stand there once, however many devices it has.
 */
export function layDeviceChains(claims: readonly ChainClaim[], lists: Lists): Parts {
  const shared = connected(claims, ({ claim }) => [selectorText(claim), `${claim.mitigation} ${claim.selector.by}`]);
  const chains = shared.map((members): DeviceChain => ({ name: chainNameOf(members), members, rules: oncePerMitigation(members) }));
  const chainOf = new Map(chains.flatMap(({ name, members }) => members.map(({ claim }) => [selectorText(claim), name] as const)));
  return {
    declared: [...declareSets(claims), ...chains.map(({ name }): Statement => ({ do: "add chain", table, name }))],
    elements: [...aliveElements(claims), ...dispatchElements(claims, chainOf)],
    rules: [...chains.flatMap((chain) => deviceRules(chain, lists)), ...dispatchRules(claims)],
  };
}

interface DeviceChain {
  readonly name: string;
  readonly members: readonly ChainClaim[];
  /** One for each kind of traffic of a mitigation, whichever of its devices it names. */
  readonly rules: readonly ChainClaim[];
}

/** After the device that comes first, whatever their order. */
function chainNameOf(members: readonly ChainClaim[]): string {
  const names = members.map(({ claim }) => deviceChainName(claim.selector));
  return names.reduce((first, name) => (name < first ? name : first));
}

function oncePerMitigation(members: readonly ChainClaim[]): ChainClaim[] {
  const same = groupBy(members, ({ claim }) => `${claim.mitigation} ${claim.selector.by} ${claim.family} ${claim.allowed ?? "none"} ${trafficText(claim)}`);
  return [...same.values()].flatMap((
    [first, ...others],
  ) => (first ? [{ claim: first.claim, shared: first.shared || others.some(({ shared }) => shared) }] : []));
}

/**
 * First all that is shared is counted, for every mitigation that claims it, then it is dropped: each upstream hears
 * of its own drops, and when one mitigation ends the other holds. What is limited comes last; it is not blocked.
 */
function deviceRules({ name, rules }: DeviceChain, lists: Lists): Statement[] {
  const rulesOf = (claim: Claim, then: readonly Expression[]): Statement[] =>
    claim.services.map((service) => ({
      do: "add rule",
      table,
      chain: name,
      rule: [stillAlive(claim), ...matchFamily(claim), ...matchTarget({ ...claim, lists }, claim.prefixes), ...matchService({ ...claim, lists }, service),
        ...then],
    }));
  const counting = rules.filter(({ shared }) => shared).flatMap(({ claim }) => rulesOf(claim, [count(claim)]));
  const dropping = rules.filter(({ claim }) => claim.allowed === null)
    .flatMap(({ claim, shared }) => rulesOf(claim, shared ? [{ verdict: "drop" }] : [count(claim), { verdict: "drop" }]));
  const limiting = rules.flatMap(({ claim }) => (
    claim.allowed === null ? [] : rulesOf(claim, [{ object: "limit", name: limitName(claim.mitigation, claim.allowed) }, count(claim), { verdict: "drop" }])
  ));
  return [...counting, ...dropping, ...limiting];
}

function count({ mitigation }: Claim): Expression {
  return { object: "counter", name: counterName(mitigation) };
}

/** Rules have no timeouts, elements have: the rule holds while the kernel has the device in the mitigation's set. */
function stillAlive({ mitigation, selector, family }: Claim): Expression {
  return { match: selectorField(selector.by, family), set: aliveSetName(mitigation, selector) };
}

/** An Ethernet address alone says nothing of the family, nor does a target of everything. */
function matchFamily({ selector, family, prefixes }: Claim): Expression[] {
  return selector.by === "mac" && prefixes.some(({ length }) => length === 0) ? [{ match: "meta nfproto", values: [{ nfproto: `ipv${family}` }] }] : [];
}

function declareSets(claims: readonly ChainClaim[]): Statement[] {
  const declared = new Map<string, Statement>();
  for (const { claim } of claims) {
    const key = [selectorType(claim.selector.by, selectorFamily(claim))];
    const alive = aliveSetName(claim.mitigation, claim.selector);
    declared.set(alive, { do: "add set", table, name: alive, key, flags: ["timeout"] });
    const dispatch = deviceMapName(claim.selector);
    declared.set(dispatch, { do: "add map", table, name: dispatch, key, holds: "verdict", flags: ["timeout"] });
  }
  return [...declared.values()];
}

function aliveElements(claims: readonly ChainClaim[]): Statement[] {
  return [...groupBy(claims, ({ claim }) => aliveSetName(claim.mitigation, claim.selector))].map(([set, members]) => ({
    do: "add elements",
    table,
    set,
    elements: longestLived(members).map(({ selector, timeout }) => ({ key: [selectorValue(selector)], timeout })),
  }));
}

function dispatchElements(claims: readonly ChainClaim[], chainOf: ReadonlyMap<string, string>): Statement[] {
  return [...groupBy(claims, ({ claim }) => deviceMapName(claim.selector))].map(([set, members]) => ({
    do: "add elements",
    table,
    set,
    elements: longestLived(members).map((claim) => (
      {
        key: [selectorValue(claim.selector)],
        timeout: claim.timeout,
        value: { verdict: { jump: chainOf.get(selectorText(claim)) ?? deviceChainName(claim.selector) } },
      }
    )),
  }));
}

/** For each device the claim that lasts longest. */
function longestLived(claims: readonly ChainClaim[]): Claim[] {
  return [...groupBy(claims.map(({ claim }) => claim), selectorText).values()]
    .flatMap((same) => same.reduce((longest, claim) => (claim.timeout > longest.timeout ? claim : longest)));
}

function dispatchRules(claims: readonly ChainClaim[]): Statement[] {
  return [...groupBy(claims, ({ claim }) => deviceMapName(claim.selector))].flatMap(([vmap, [first]]) => (
    first
      ? [
        {
          do: "add rule",
          table,
          chain: forwardChain,
          rule: [{ vmap, key: [selectorField(first.claim.selector.by, selectorFamily(first.claim))] }],
        } satisfies Statement,
      ]
      : []
  ));
}
