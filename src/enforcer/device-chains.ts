import { formatIpAddress, formatIpPrefix, isSingleAddress } from "../model/ip-prefix.ts";
import type { NumberRange } from "../model/number-range.ts";
import type { Expression, Field, Statement, Value } from "../nftables/statement.ts";
import type { Claim, Service } from "./claim.ts";
import { selectorField, selectorType, selectorValue } from "./exact-keys.ts";
import { aliveSetName, counterName, deviceChainName, deviceMapName, forwardChain, limitName, selectorFamily, table } from "./names.ts";
import { groupBy, selectorText } from "./parts.ts";
import type { ChainClaim, Parts } from "./parts.ts";

/** A chain for each device, reached through a verdict map: other devices pay one look-up, however many rules there are. */
export function layDeviceChains(claims: readonly ChainClaim[]): Parts {
  const devices = [...groupBy(claims, ({ claim }) => selectorText(claim)).values()];
  return {
    declared: [...declareSets(claims), ...devices.flatMap(([first]) => (first ? [addChain(first.claim)] : []))],
    elements: [...aliveElements(claims), ...dispatchElements(claims)],
    rules: [...devices.flatMap(deviceRules), ...dispatchRules(claims)],
  };
}

/**
 * First all that is shared is counted, for every mitigation that claims it, then it is dropped: each upstream hears
 * of its own drops, and when one mitigation ends the other holds. What is limited comes last; it is not blocked.
 */
function deviceRules(claims: readonly ChainClaim[]): Statement[] {
  const counting = claims.filter(({ shared }) => shared).flatMap(({ claim }) => ruleStatements(claim, [count(claim)]));
  const dropping = claims.filter(({ claim }) => claim.allowed === null)
    .flatMap(({ claim, shared }) => ruleStatements(claim, shared ? [{ verdict: "drop" }] : [count(claim), { verdict: "drop" }]));
  const limiting = claims.flatMap(({ claim }) => (
    claim.allowed === null ? [] : ruleStatements(claim, [{ object: "limit", name: limitName(claim.mitigation, claim.allowed) }, count(claim), { verdict: "drop" }])
  ));
  return [...counting, ...dropping, ...limiting];
}

function count({ mitigation }: Claim): Expression {
  return { object: "counter", name: counterName(mitigation) };
}

/** A rule for each kind of traffic that is claimed. */
function ruleStatements(claim: Claim, then: readonly Expression[]): Statement[] {
  return claim.services.map((service) => (
    { do: "add rule", table, chain: deviceChainName(claim.selector), rule: [stillAlive(claim), ...matchTarget(claim), ...matchService(claim, service), ...then] }
  ));
}

/** Rules have no timeouts, elements have: the rule holds while the kernel has the device in the mitigation's set. */
function stillAlive({ mitigation, selector, family }: Claim): Expression {
  return { match: selectorField(selector.by, family), set: aliveSetName(mitigation, selector) };
}

function matchTarget({ selector, family, prefixes }: Claim): Expression[] {
  if (prefixes.some(({ length }) => length === 0)) {
    return selector.by === "mac" ? [{ match: "meta nfproto", values: [{ nfproto: `ipv${family}` }] }] : [];
  }
  return [{ match: family === 4 ? "ip daddr" : "ip6 daddr", values: prefixes.map((prefix) => ({ ip: isSingleAddress(prefix) ? formatIpAddress(prefix) : formatIpPrefix(prefix) })) }];
}

/** The steps of a rule that tell the service. */
export function matchService({ family }: Pick<Claim, "family">, { protocols, ports, icmpTypes, sourcePorts = [] }: Service): Expression[] {
  const restrict = (match: Field, values: readonly Value[]): Expression[] => (values.length > 0 ? [{ match, values }] : []);
  return [
    ...restrict("meta l4proto", protocols.map((number) => ({ number }))),
    ...restrict("th sport", sourcePorts.map(rangeValue)),
    ...restrict("th dport", ports.map(rangeValue)),
    ...restrict(family === 4 ? "icmp type" : "icmpv6 type", icmpTypes.map(rangeValue)),
  ];
}

function rangeValue({ lower, upper }: NumberRange): Value {
  return lower === upper ? { number: lower } : { range: [lower, upper] };
}

function addChain({ selector }: Claim): Statement {
  return { do: "add chain", table, name: deviceChainName(selector) };
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
    do: "add elements", table, set,
    elements: longestLived(members).map(({ selector, timeout }) => ({ key: [selectorValue(selector)], timeout })),
  }));
}

function dispatchElements(claims: readonly ChainClaim[]): Statement[] {
  return [...groupBy(claims, ({ claim }) => deviceMapName(claim.selector))].map(([set, members]) => ({
    do: "add elements", table, set,
    elements: longestLived(members).map(({ selector, timeout }) => (
      { key: [selectorValue(selector)], timeout, value: { verdict: { jump: deviceChainName(selector) } } }
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
    first ? [{ do: "add rule", table, chain: forwardChain, rule: [{ vmap, key: [selectorField(first.claim.selector.by, selectorFamily(first.claim))] }] } satisfies Statement] : []
  ));
}
