import type { ReportedTraffic } from "../model/enforcement.ts";
import type { MitigationId } from "../model/mitigation.ts";
import type { Statement } from "nftables-js";
import type { Lists } from "./lists.ts";
import { matchService } from "./match-traffic.ts";
import { leftCounterName, netdevTable as table, reportedMapName } from "./names.ts";
import { groupBy, type Parts } from "./ruleset-parts.ts";
import { chainsOf, dispatchElement, doorsOf, lookUpTarget, mapType, matchReportedTarget, matchSource, reportedNow, reportsOf } from "./reported-chains.ts";

/**
 * Counts, at the network cards, what leaves of the traffic that may not: the proof of effect. Here pass also the flows that software
 * flow offloading takes past every other hook. Only for what tells by itself whose it is: a frame that leaves bears the router's own
 * MAC address.
 */
export function layEgress(reported: ReportedTraffic, devices: readonly string[], lists: Lists): Parts & { readonly mitigations: readonly MitigationId[] } {
  const counted = reportedNow(reported).filter(({ action, senders }) => action === "drop" && senders === null).flatMap(reportsOf)
    // A target of everything, which policy refuses, has no key to be looked up by.
    .filter(({ targets }) => targets.every(({ length }) => length > 0));
  const chains = devices.length === 0 ? [] : chainsOf(counted);
  const maps = [...groupBy(chains.flatMap(doorsOf), ({ prefix }) => reportedMapName(prefix))];
  const hooks = chains.length === 0 ? [] : devices.map((device, at) => ({ chain: `egress${at}`, device }));
  return {
    mitigations: [...new Set(chains.flatMap(({ reports }) => reports.map(({ flows }) => flows.mitigation)))].sort((a, b) => a - b),
    declared: [
      ...maps.flatMap((
        [name, [first]],
      ): Statement[] => (first ? [{ do: "add map", table, name, key: [mapType(first.prefix)], holds: "verdict", flags: ["timeout"] }] : [])),
      ...chains.map(({ name }): Statement => ({ do: "add chain", table, name })),
      ...hooks.map(({ chain, device }): Statement => ({
        do: "add chain",
        table,
        name: chain,
        base: { type: "filter", hook: "egress", device, priority: 0, policy: "accept" },
      })),
    ],
    elements: maps.map(([set, members]): Statement => ({ do: "add elements", table, set, elements: members.map(dispatchElement) })),
    rules: [
      ...chains.flatMap(({ name, reports }) =>
        reports.flatMap((report) =>
          report.services.map((service): Statement => ({
            do: "add rule",
            table,
            chain: name,
            rule: [
              ...matchReportedTarget(report, reports, lists),
              ...matchSource(report, lists),
              ...matchService({ mitigation: report.flows.mitigation, family: report.family, lists }, service),
              { object: "counter", name: leftCounterName(report.flows.mitigation) },
            ],
          }))
        )
      ),
      ...hooks.flatMap(({ chain }) =>
        maps.flatMap(([, [first]]): Statement[] => (first ? [{ do: "add rule", table, chain, rule: [lookUpTarget(first.prefix)] }] : []))
      ),
    ],
  };
}
