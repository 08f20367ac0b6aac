import { formatIpAddress, isSingleAddress } from "../model/ip-prefix.ts";
import type { Field, KeyType, Value } from "nftables-js";
import type { Claim, Selector } from "./traffic-match.ts";
import type { IpFamily } from "../model/ip-prefix.ts";

/** What an element of a hash map tells packets by, beside the device. */
export type Shape = "any" | "host" | "protocol" | "port";
export const shapes: readonly Shape[] = ["any", "host", "protocol", "port"];

export interface ExactKey {
  readonly shape: Shape;
  readonly key: readonly Value[];
}

/** A claim that would need more elements is not worth looking at as such: `partClaims` takes fewer. */
const mostKeys = 256;

/** The hash keys that cover exactly what is claimed, or undefined where that takes prefixes, ranges or ICMP types. */
export function exactKeysOf(claim: Claim): readonly ExactKey[] | undefined {
  const device = selectorValue(claim.selector);
  const [service] = claim.services;
  const isAnyService = claim.services.length === 1 && service?.protocols.length === 0;
  if (isAnyService && claim.prefixes.every(({ length }) => length === 0)) return [{ shape: "any", key: [device] }];

  if (!claim.prefixes.every(isSingleAddress)) return undefined;
  const perHost: ExactKey[] = [];
  for (const { protocols, ports, icmpTypes } of claim.services) {
    if (icmpTypes.length > 0 || ports.some(({ lower, upper }) => lower !== upper)) return undefined;
    if (protocols.length === 0) perHost.push({ shape: "host", key: [] });
    for (const protocol of protocols) {
      if (ports.length === 0) perHost.push({ shape: "protocol", key: [{ number: protocol }] });
      for (const port of ports) perHost.push({ shape: "port", key: [{ number: protocol }, { number: port.lower }] });
    }
  }
  if (perHost.length * claim.prefixes.length > mostKeys) return undefined;
  return claim.prefixes.flatMap((prefix) => (
    perHost.map(({ shape, key }) => ({ shape, key: [device, { ip: formatIpAddress(prefix) }, ...key] }))
  ));
}

/** The packet fields that a key of the shape is compared with. */
export function shapeFields(shape: Shape, by: Selector["by"], family: IpFamily): readonly Field[] {
  const fields: readonly Field[] = [selectorField(by, family), family === 4 ? "ip daddr" : "ip6 daddr", "meta l4proto", "th dport"];
  return fields.slice(0, keyLength[shape]);
}

/** The types of a map's concatenated key. */
export function shapeTypes(shape: Shape, by: Selector["by"], family: IpFamily): readonly KeyType[] {
  const types: readonly KeyType[] = [selectorType(by, family), addressType(family), "inet_proto", "inet_service"];
  return types.slice(0, keyLength[shape]);
}

const keyLength: Readonly<Record<Shape, number>> = { any: 1, host: 2, protocol: 3, port: 4 };

/** What a packet's sender or receiver is read from. */
export function selectorField(by: Selector["by"], family: IpFamily): Field {
  if (by === "mac") return "ether saddr";
  const address = by === "source" ? "saddr" : "daddr";
  return family === 4 ? `ip ${address}` : `ip6 ${address}`;
}

/** The type of a set of such senders or receivers. */
export function selectorType(by: Selector["by"], family: IpFamily): KeyType {
  return by === "mac" ? "ether_addr" : addressType(family);
}

/** A selector as an element of such a set. */
export function selectorValue(selector: Selector): Value {
  return selector.by === "mac" ? { mac: selector.key } : { ip: selector.key };
}

function addressType(family: IpFamily): KeyType {
  return family === 4 ? "ipv4_addr" : "ipv6_addr";
}
