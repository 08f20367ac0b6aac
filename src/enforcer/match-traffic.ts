import { formatIpAddress, formatIpPrefix, isSingleAddress, type IpFamily, type IpPrefix } from "../model/ip-prefix.ts";
import type { MitigationId } from "../model/mitigation.ts";
import type { NumberRange } from "../model/number-range.ts";
import type { Expression, Value } from "nftables-js";
import type { Service } from "./traffic-match.ts";
import type { Lists } from "./lists.ts";
import { listName } from "./names.ts";
import { once } from "./memoise.ts";

/** Whose traffic it is that the steps of a rule tell. */
export interface Told {
  readonly mitigation: MitigationId;
  readonly family: IpFamily;
  readonly lists: Lists;
}

/** The steps that tell the destination; none where it is everywhere. */
export function matchTarget({ mitigation, family, lists }: Told, prefixes: readonly IpPrefix[]): readonly Expression[] {
  if (prefixes.some(({ length }) => length === 0)) return [];
  return lists.match(listName(mitigation, "to", family), family === 4 ? "ip daddr" : "ip6 daddr", prefixValues(prefixes));
}

/** The steps that tell the service. */
export function matchService({ mitigation, family, lists }: Told, { protocols, ports, icmpTypes, sourcePorts = [] }: Service): readonly Expression[] {
  const isPorted = ports.length > 0 || sourcePorts.length > 0;
  return [
    ...lists.match(listName(mitigation, isPorted ? "port_protocols" : "protocols"), "meta l4proto", numberValues(protocols)),
    ...lists.match(listName(mitigation, "source_ports"), "th sport", rangeValues(sourcePorts)),
    ...lists.match(listName(mitigation, "ports"), "th dport", rangeValues(ports)),
    ...lists.match(listName(mitigation, "types", family), family === 4 ? "icmp type" : "icmpv6 type", rangeValues(icmpTypes)),
  ];
}

export const prefixValues = once((prefixes: readonly IpPrefix[]): readonly Value[] => (
  prefixes.map((prefix) => ({ ip: isSingleAddress(prefix) ? formatIpAddress(prefix) : formatIpPrefix(prefix) }))
));

const rangeValues = once((ranges: readonly NumberRange[]): readonly Value[] => ranges.map(({ lower, upper }) => (lower === upper ? { number: lower } : { range: [lower, upper] })));

const numberValues = once((numbers: readonly number[]): readonly Value[] => numbers.map((number) => ({ number })));
