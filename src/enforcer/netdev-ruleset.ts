import type { MacAddress } from "../model/device.ts";
import type { EnforcementRule, ReportedTraffic } from "../model/enforcement.ts";
import type { DropCount } from "../model/mitigation.ts";
import type { BaseChain, Statement } from "nftables-js";
import { layEgress } from "./egress-chains.ts";
import { layIngress } from "./ingress-chains.ts";
import { createLists } from "./lists.ts";
import { counterName, leftCounterName, netdevTable as table } from "./names.ts";

/** The network cards of the home, as far as they concern what is held. */
export interface Cards {
  /** Where traffic leaves the home. */
  readonly wan: readonly string[];
  /** The bridge port that each MAC address was seen on last. */
  readonly ports: ReadonlyMap<MacAddress, string>;
}

/**
 * The transaction for the netdev family: drops at the devices' ports, proof of effect at the WAN. Optional as a whole and in its parts.
 * Nothing where nothing is needed. `refused`: chains that this kernel would not have, so that the others are: a card is gone, or (before 5.16) there is no egress hook.
 */
export function buildNetdevRuleset(
  rules: readonly EnforcementRule[],
  reported: ReportedTraffic,
  { wan, ports }: Cards,
  counted: ReadonlyMap<string, DropCount> = new Map(),
  refused: readonly BaseChain[] = [],
): readonly Statement[] {
  const gone = new Set(refused.map(({ hook, device }) => `${hook} ${device ?? ""}`));
  const lists = createLists(table);
  const ingress = layIngress(rules, new Map([...ports].filter(([, port]) => !gone.has(`ingress ${port}`))), lists);
  // What left by one card of two would not be what left.
  const egress = layEgress(reported, wan.some((device) => gone.has(`egress ${device}`)) ? [] : wan, lists);
  const counters = [...ingress.mitigations.map(counterName), ...egress.mitigations.map(leftCounterName)];
  if (counters.length === 0) return [];
  return [
    { comment: "Rewritten in one transaction: its counters begin where they were." },
    { do: "add table", table },
    { do: "delete table", table },
    { do: "add table", table },
    ...counters.map((name): Statement => {
      const from = counted.get(name);
      return { do: "add counter", table, name, ...(from ? { packets: from.packets, bytes: from.bytes } : {}) };
    }),
    ...ingress.declared,
    ...egress.declared,
    ...lists.declared(),
    ...lists.elements(),
    ...ingress.elements,
    ...egress.elements,
    ...ingress.rules,
    ...egress.rules,
  ];
}
