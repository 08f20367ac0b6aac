import type { Flow } from "../../model/flow.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";
import { ipProtocol, portProtocols } from "../../model/ip-protocol.ts";
import { isSingleAddress } from "../../model/ip-prefix.ts";
import { mergeRanges, rangeHolds } from "../../model/number-range.ts";
import type { NumberRange } from "../../model/number-range.ts";
import { addressSet } from "./address-set.ts";

/**
 * A flow as it looked on the wire outside the home, behind every NAT of this router: packets went from `source` to `target`.
 * One flow has two views, for it may have been the device or the target that opened it.
 */
export interface WireView {
  /** Who sent the first packet. */
  readonly opener: "device" | "target";
  /** The device's address inside the home. */
  readonly deviceAddress: string;
  readonly protocol: number;
  readonly source: Endpoint;
  readonly target: Endpoint;
  /** ICMP and ICMPv6: the type of the packets to the target. */
  readonly icmpType: number | undefined;
  /** ICMP and ICMPv6: the identifier, which NAT changes like a port. */
  readonly icmpId: number | undefined;
  /** What went from the device to the target. */
  readonly packets: number;
  readonly bytes: number;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number | undefined;
}

/** What in the request singles this flow out among all that share the reported source address. */
export type Distinction = "source-port" | "icmp-id" | "icmp-type" | "source-address";

/** How a view compares to a request about its source and target addresses. `fits` lists what told it apart. */
export type WireVerdict =
  | { readonly is: "fits"; readonly toldApartBy: readonly Distinction[] }
  | { readonly is: "other-protocol" | "other-target-port" | "other-source-port" | "other-icmp-type" };

export type WireMatcher = (view: WireView) => WireVerdict | undefined;

/** Both views of an entry of connection tracking. */
export function wireViews(flow: Flow): readonly [openedByDevice: WireView, openedByTarget: WireView] {
  const { original, reply, protocol } = flow;
  return [
    {
      // The reply tuple is the wire's: masquerading changes source ports, and a redirection (DNS hijack) the target, so that
      // original.sport and original.dst never left the home.
      opener: "device",
      protocol,
      deviceAddress: original.src,
      source: { address: reply.dst, port: reply.dport },
      target: { address: reply.src, port: reply.sport },
      icmpType: original.icmpType,
      icmpId: reply.icmpId,
      packets: flow.originalPackets,
      bytes: flow.originalBytes,
    },
    {
      // The target came in through a port-forward, or straight where there is no NAT: the original tuple is the wire's.
      opener: "target",
      protocol,
      deviceAddress: reply.src,
      source: { address: original.dst, port: original.dport },
      target: { address: original.src, port: original.sport },
      icmpType: reply.icmpType,
      icmpId: original.icmpId,
      packets: flow.replyPackets,
      bytes: flow.replyBytes,
    },
  ];
}

/**
 * Compares views with what the upstream saw (RFC 9066 §5.3.1); an empty list restricts nothing. Undefined for a view between
 * other addresses.
 */
export function wireMatcher(asked: AttackFlows): WireMatcher {
  const { source, target } = asked;
  const sources = source.prefixes.length === 0 ? () => true : addressSet(source.prefixes);
  const targets = target.prefixes.length === 0 ? () => true : addressSet(target.prefixes);
  const singleSources = addressSet(source.prefixes.filter(isSingleAddress));
  const portsTell = tellApart(source.ports);
  const mentionsPorts = source.ports.length > 0 || target.ports.length > 0;
  const mentionsTypes = source.icmpTypes.length > 0;

  /** Lists of ports or types imply the protocols that have them, unless the protocols are given. */
  const isMeant = (protocol: number): boolean => {
    if (target.protocols.length > 0) return target.protocols.includes(protocol);
    if (!mentionsPorts && !mentionsTypes) return true;
    return (mentionsPorts && portProtocols.includes(protocol)) || (mentionsTypes && isIcmp(protocol));
  };

  return (view) => {
    if (!targets(view.target.address) || !sources(view.source.address)) return undefined;
    if (!isMeant(view.protocol)) return { is: "other-protocol" };
    const toldApartBy: Distinction[] = singleSources(view.source.address) ? ["source-address"] : [];
    if (isIcmp(view.protocol)) {
      if (mentionsTypes) {
        if (!holds(source.icmpTypes, view.icmpType)) return { is: "other-icmp-type" };
        toldApartBy.push("icmp-type");
      } else if (source.ports.length > 0) {
        // A NAT treats the identifier as a port (RFC 5508 §3.1), and so does an upstream that knows no other name for it.
        if (!holds(source.ports, view.icmpId)) return { is: "other-source-port" };
        if (portsTell) toldApartBy.push("icmp-id");
      }
    } else if (portProtocols.includes(view.protocol)) {
      if (!holds(target.ports, view.target.port)) return { is: "other-target-port" };
      if (!holds(source.ports, view.source.port)) return { is: "other-source-port" };
      if (portsTell) toldApartBy.push("source-port");
    }
    return { is: "fits", toldApartBy };
  };
}

function isIcmp(protocol: number): boolean {
  return protocol === ipProtocol.icmp || protocol === ipProtocol.icmpv6;
}

function holds(ranges: readonly NumberRange[], value: number | undefined): boolean {
  return ranges.length === 0 || (value !== undefined && ranges.some((range) => rangeHolds(range, value)));
}

/** A range of all ports, or of all that a device opens flows from, tells no device from another. */
function tellApart(ports: readonly NumberRange[]): boolean {
  return ports.length > 0 && !mergeRanges(ports).some((range) => range.lower <= 1024 && range.upper === 0xffff);
}
