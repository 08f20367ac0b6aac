import type { MacAddress } from "../model/device.ts";
import type { EnforcementRule } from "../model/enforcement.ts";
import type { MitigationId } from "../model/mitigation.ts";
import type { Expression, Field, Statement } from "nftables-js";
import { declareLimits, partClaims } from "./build-ruleset.ts";
import { layDeviceChains } from "./device-chains.ts";
import { layHashMaps } from "./hash-maps.ts";
import type { Lists } from "./lists.ts";
import { counterName, forwardChain, netdevTable as table, quarantinedName, quarantineMapNames } from "./names.ts";
import { claimsOnce } from "./memoise.ts";
import { groupBy, type Parts } from "./ruleset-parts.ts";
import { boundNotice, elementsOf, matchServices, quarantineClaimsOf, webPort } from "./quarantine-chains.ts";

/** Before flowtables, whose own hook comes later: what is offloaded is dropped too, without its connection being ended. */
const priority = -150;

/**
 * Drops what a device may not send already at the bridge port that it is on: no later hook sees a flow that is offloaded. What the
 * forward chain would do, with maps and chains of its own; what is dropped here never gets there, so it is counted once.
 * `ports`: where each MAC address was seen last. A device without one is left to the forward chain.
 */
export function layIngress(rules: readonly EnforcementRule[], ports: ReadonlyMap<MacAddress, string>, lists: Lists): Parts & {
  readonly mitigations: readonly MitigationId[];
} {
  const here = rulesAtPorts(rules, ports);
  // A target of everything, which policy refuses, has no key here.
  const claims = here.filter(({ action }) => action !== "quarantine").flatMap(claimsOnce).filter(({ prefixes }) => prefixes.every(({ length }) => length > 0));
  const quarantined = quarantineClaimsOf(here);
  const held = [...claims, ...quarantined].filter(({ selector }) => selector.by === "mac");
  const devices = [...new Set(held.flatMap(({ selector }) => ports.get(selector.key) ?? []))].sort();
  const hooks = devices.map((device, at) => ({ chain: `ingress${at}`, device }));
  const { exact, others } = partClaims(claims);
  const parts = [layHashMaps(exact), layDeviceChains(others, lists), layQuarantined(quarantined)];
  return {
    mitigations: [...new Set(held.map(({ mitigation }) => mitigation))].sort((a, b) => a - b),
    declared: [
      ...[...declareLimits(claims), ...parts.flatMap(({ declared }) => declared)].map(inTable),
      ...hooks.map(({ chain, device }): Statement => ({
        do: "add chain",
        table,
        name: chain,
        base: { type: "filter", hook: "ingress", device, priority, policy: "accept" },
      })),
    ],
    elements: parts.flatMap(({ elements }) => elements).map(inTable),
    // What would stand in the forward chain stands in the chain of each port.
    rules: parts.flatMap((part) => part.rules).flatMap((statement): Statement[] => {
      if (!("rule" in statement)) return [inTable(statement)];
      const chains = statement.chain === forwardChain ? hooks.map(({ chain }) => chain) : [statement.chain];
      return chains.map((chain) => ({ ...statement, table, chain, rule: [...matchProtocol(statement.rule), ...statement.rule] }));
    }),
  };
}

/** Where a device is quarantined and claimed by another mitigation too, the forward chain counts the drops for both, so it keeps them. */
function rulesAtPorts(rules: readonly EnforcementRule[], ports: ReadonlyMap<MacAddress, string>): EnforcementRule[] {
  const known = rules.filter(({ mac }) => mac !== null && ports.has(mac));
  return [...groupBy(known, ({ mac }) => mac ?? "").values()]
    .filter((same) => !same.some(({ action }) => action === "quarantine") || same.every(({ mitigation }) => mitigation === same[0]?.mitigation))
    .flat();
}

function layQuarantined(claims: ReturnType<typeof quarantineClaimsOf>): Parts {
  const counters = elementsOf(claims, "mac", counterName);
  if (counters.length === 0) return { declared: [], elements: [], rules: [] };
  const map = quarantineMapNames.mac;
  const notice = boundNotice(claims, table, quarantinedName, [webPort]);
  const rule = (chain: string, ...steps: Extract<Statement, { do: "add rule" }>["rule"]): Statement => ({ do: "add rule", table, chain, rule: steps });
  return {
    declared: [
      { do: "add set", table, name: quarantinedName, key: ["ether_addr"], flags: ["timeout"] },
      { do: "add map", table, name: map, key: ["ether_addr"], holds: "counter", flags: ["timeout"] },
      ...notice.declared,
      { do: "add chain", table, name: quarantinedName },
    ],
    elements: [
      { do: "add elements", table, set: quarantinedName, elements: counters.map(({ key, timeout = 1 }) => ({ key, timeout })) },
      { do: "add elements", table, set: map, elements: counters },
      ...notice.elements,
    ],
    rules: [
      rule(forwardChain, { match: "ether saddr", set: quarantinedName }, { verdict: { goto: quarantinedName } }),
      // ARP, and the handshakes by which a device stays on the Wi-Fi (EAPOL). What else is not IP is dropped on the bridge.
      rule(quarantinedName, { match: "meta protocol", values: [{ word: "ip" }, { word: "ip6" }], not: true }, { verdict: "accept" }),
      ...notice.rules,
      ...matchServices("th dport", [webPort]).map((match) => rule(quarantinedName, ...match, { verdict: "accept" })),
      rule(quarantinedName, { object: "counter", key: ["ether saddr"], map }, { verdict: "drop" }),
    ],
  };
}

/**
 * Which IP it is must be asked first: after an Ethernet address nft would look for it in the frame itself, where a VLAN tag may stand.
 * The kernel has taken one tag off when it asks here.
 */
function matchProtocol(rule: readonly Expression[]): Expression[] {
  const fields = rule.flatMap((step): readonly Field[] => ("match" in step ? [step.match].flat() : "key" in step ? step.key : []));
  const word = fields.some((field) => field.startsWith("ip6 ")) ? "ip6" : fields.some((field) => field.startsWith("ip ")) ? "ip" : undefined;
  return word ? [{ match: "meta protocol", values: [{ word }] }] : [];
}

function inTable(statement: Statement): Statement {
  return "table" in statement ? { ...statement, table } : statement;
}
