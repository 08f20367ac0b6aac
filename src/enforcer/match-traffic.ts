import { formatIpAddress, formatIpPrefix, isSingleAddress, type IpFamily, type IpPrefix } from "../model/ip-prefix.ts";
import type { MitigationId } from "../model/mitigation.ts";
import type { NumberRange } from "../model/number-range.ts";
import type { Expression, Value } from "nftables-js";
import type { Service } from "./traffic-match.ts";
import type { Lists } from "./lists.ts";
import { portProtocols } from "../model/ip-protocol.ts";
import { listName, portProtocolsName } from "./names.ts";
import { memoise } from "./memoise.ts";

/** Whose traffic it is that the steps of a rule tell. */
export interface Told {
  readonly mitigation: MitigationId;
  readonly family: IpFamily;
  readonly lists: Lists;
  /** As for `Lists.match`. */
  readonly isRepeated?: boolean;
}

/** The steps that tell the destination; none where it is everywhere. */
export function matchTarget({ mitigation, family, lists, isRepeated }: Told, prefixes: readonly IpPrefix[]): readonly Expression[] {
  if (prefixes.some(({ length }) => length === 0)) return [];
  return lists.match(listName(mitigation, "to", family), family === 4 ? "ip daddr" : "ip6 daddr", prefixValues(prefixes), isRepeated);
}

/** The steps that tell the service. */
export function matchService({ mitigation, family, lists, isRepeated }: Told,
  { protocols, ports, icmpTypes, sourcePorts = [] }: Service): readonly Expression[] {
  const isPorted = ports.length > 0 || sourcePorts.length > 0;
  // Where no protocol was asked for it is the same for all.
  const protocolList = !isPorted
    ? listName(mitigation, "protocols")
    : protocols.length === portProtocols.length
    ? portProtocolsName
    : listName(mitigation, "port_protocols");
  return [
    ...lists.match(protocolList, "meta l4proto", numberValues(protocols), isRepeated),
    ...lists.match(listName(mitigation, "source_ports"), "th sport", rangeValues(sourcePorts), isRepeated),
    ...lists.match(listName(mitigation, "ports"), "th dport", rangeValues(ports), isRepeated),
    ...lists.match(listName(mitigation, "types", family), family === 4 ? "icmp type" : "icmpv6 type", rangeValues(icmpTypes), isRepeated),
  ];
}

export const prefixValues = memoise((prefixes: readonly IpPrefix[]): readonly Value[] => (
  prefixes.map((prefix) => ({ ip: isSingleAddress(prefix) ? formatIpAddress(prefix) : formatIpPrefix(prefix) }))
));

const rangeValues = memoise((ranges: readonly NumberRange[]): readonly Value[] =>
  ranges.map(({ lower, upper }) => (lower === upper ? { number: lower } : { range: [lower, upper] }))
);

const numberValues = memoise((numbers: readonly number[]): readonly Value[] => numbers.map((number) => ({ number })));
