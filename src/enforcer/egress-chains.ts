import type { DropCount } from "../model/mitigation.ts";
import type { ReportedTraffic } from "../model/enforcement.ts";
import type { Statement } from "../nftables/statement.ts";
import { matchService } from "./device-chains.ts";
import { egressTable, leftCounterName, reportedChainName, reportedMapName } from "./names.ts";
import { groupBy } from "./parts.ts";
import { chainsOf, dispatchElement, lookUpTarget, mapType, matchSource, reportedNow, reportsOf } from "./reported-chains.ts";

/**
 * The transaction that counts, at the network card, what leaves of the traffic that may not: the proof of effect. Here pass also
 * the flows that software flow offloading takes past every other hook. Only for what tells by itself whose it is: a frame that
 * leaves bears the router's own MAC address.
 */
export function buildEgressRuleset(reported: ReportedTraffic, devices: readonly string[], counted: ReadonlyMap<string, DropCount> = new Map()): readonly Statement[] {
  const table = egressTable;
  const begin: readonly Statement[] = [{ do: "add table", table }, { do: "delete table", table }];
  // A target of everything has no key to be looked up by.
  const chains = chainsOf(reportedNow(reported).filter(({ action, senders }) => action === "drop" && senders === null).flatMap(reportsOf)).filter(({ prefix }) => prefix.length > 0);
  if (chains.length === 0 || devices.length === 0) return begin;
  const ids = [...new Set(chains.flatMap(({ reports }) => reports.map(({ flows }) => flows.mitigation)))].sort((a, b) => a - b);
  const maps = [...groupBy(chains, ({ prefix }) => reportedMapName(prefix))];
  return [
    { comment: "Made anew in one transaction: its counters begin where they were." },
    ...begin,
    { do: "add table", table },
    ...ids.map((id): Statement => {
      const from = counted.get(leftCounterName(id));
      return { do: "add counter", table, name: leftCounterName(id), ...(from ? { packets: from.packets, bytes: from.bytes } : {}) };
    }),
    ...maps.flatMap(([name, [first]]): Statement[] => (first ? [{ do: "add map", table, name, key: [mapType(first.prefix)], holds: "verdict", flags: ["timeout"] }] : [])),
    ...chains.map(({ prefix }): Statement => ({ do: "add chain", table, name: reportedChainName(prefix) })),
    ...chains.flatMap(({ prefix, reports }) => reports.flatMap((report) => report.services.map((service): Statement => ({
      do: "add rule", table, chain: reportedChainName(prefix),
      rule: [...matchSource(report), ...matchService(report, service), { object: "counter", name: leftCounterName(report.flows.mitigation) }],
    })))),
    ...maps.map(([set, members]): Statement => ({ do: "add elements", table, set, elements: members.map(dispatchElement) })),
    ...devices.flatMap((device, at): Statement[] => [
      { do: "add chain", table, name: `egress${at}`, base: { type: "filter", hook: "egress", device, priority: 0, policy: "accept" } },
      ...maps.flatMap(([, [first]]): Statement[] => (first ? [{ do: "add rule", table, chain: `egress${at}`, rule: [lookUpTarget(first.prefix)] }] : [])),
    ]),
  ];
}
