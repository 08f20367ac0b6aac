import type { ReportedTraffic } from "../model/enforcement.ts";
import type { MitigationId } from "../model/mitigation.ts";
import type { Statement } from "../nftables/statement.ts";
import { matchService } from "./device-chains.ts";
import { leftCounterName, netdevTable as table, reportedChainName, reportedMapName } from "./names.ts";
import { groupBy, type Parts } from "./parts.ts";
import { chainsOf, dispatchElement, lookUpTarget, mapType, matchSource, reportedNow, reportsOf } from "./reported-chains.ts";

/**
 * Counts, at the network cards, what leaves of the traffic that may not: the proof of effect. Here pass also the flows that software
 * flow offloading takes past every other hook. Only for what tells by itself whose it is: a frame that leaves bears the router's own
 * MAC address.
 */
export function layEgress(reported: ReportedTraffic, devices: readonly string[]): Parts & { readonly mitigations: readonly MitigationId[] } {
  // A target of everything has no key to be looked up by.
  const chains = devices.length === 0 ? [] : chainsOf(reportedNow(reported).filter(({ action, senders }) => action === "drop" && senders === null).flatMap(reportsOf)).filter(({ prefix }) => prefix.length > 0);
  const maps = [...groupBy(chains, ({ prefix }) => reportedMapName(prefix))];
  const hooks = chains.length === 0 ? [] : devices.map((device, at) => ({ chain: `egress${at}`, device }));
  return {
    mitigations: [...new Set(chains.flatMap(({ reports }) => reports.map(({ flows }) => flows.mitigation)))].sort((a, b) => a - b),
    declared: [
      ...maps.flatMap(([name, [first]]): Statement[] => (first ? [{ do: "add map", table, name, key: [mapType(first.prefix)], holds: "verdict", flags: ["timeout"] }] : [])),
      ...chains.map(({ prefix }): Statement => ({ do: "add chain", table, name: reportedChainName(prefix) })),
      ...hooks.map(({ chain, device }): Statement => ({ do: "add chain", table, name: chain, base: { type: "filter", hook: "egress", device, priority: 0, policy: "accept" } })),
    ],
    elements: maps.map(([set, members]): Statement => ({ do: "add elements", table, set, elements: members.map(dispatchElement) })),
    rules: [
      ...chains.flatMap(({ prefix, reports }) => reports.flatMap((report) => report.services.map((service): Statement => ({
        do: "add rule", table, chain: reportedChainName(prefix),
        rule: [...matchSource(report), ...matchService(report, service), { object: "counter", name: leftCounterName(report.flows.mitigation) }],
      })))),
      ...hooks.flatMap(({ chain }) => maps.flatMap(([, [first]]): Statement[] => (first ? [{ do: "add rule", table, chain, rule: [lookUpTarget(first.prefix)] }] : []))),
    ],
  };
}
