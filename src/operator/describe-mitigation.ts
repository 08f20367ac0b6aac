import { waitsForProof } from "../model/acting.ts";
import type { Certainty, Device } from "../model/device.ts";
import { formatIpPrefix, type IpPrefix } from "../model/ip-prefix.ts";
import type { Action, Mitigation, MitigationState, Outcome } from "../model/mitigation.ts";
import type { LeftAlone } from "../model/left-alone.ts";
import { earliest, type WallInstant } from "../model/time.ts";
import { formatTime, formatTimeOrNull } from "../text/format-time.ts";
import { describeRanges, type RangeView } from "./describe-range.ts";
import { describeReport, type ReportView } from "./describe-report.ts";

/** A mitigation as list --json, ubus and MQTT show it: the contract's names, times in ISO 8601 UTC. */
export interface MitigationView {
  readonly id: number;
  readonly upstream: string;
  readonly cuid: string;
  readonly mid: number;
  readonly state: MitigationState;
  readonly outcome: Outcome | null;
  /** Status code that the upstream sees (RFC 9132 §4.4.2). */
  readonly status: number;
  readonly action: Action;
  /** What is done to a device that only its address names until its packets are seen; absent where that is the action itself. */
  readonly acts_as?: "block";
  /** Absent, but false where the packet filter has not taken the rules yet. */
  readonly in_force?: false;
  /** It was turned down, and its upstream still asks for it; absent otherwise. */
  readonly left_alone?: LeftAloneView;
  readonly requested_at: string;
  /** When it ends if nothing else happens: of its lifetime and the owner's `--for`, what ends first. Null = indefinite. */
  readonly expires_at: string | null;
  readonly target: {
    readonly prefixes: readonly string[];
    readonly ports: readonly RangeView[];
    readonly protocols: readonly number[];
    readonly fqdns: readonly string[];
    readonly uris: readonly string[];
  };
  readonly source: {
    readonly prefixes: readonly string[];
    readonly ports: readonly RangeView[];
    readonly icmp_types: readonly RangeView[];
  };
  /** What the provider knows of the attack; absent where it has said nothing. */
  readonly report?: ReportView;
  readonly devices: readonly FoundDeviceView[];
  readonly dropped: { readonly packets: number; readonly bytes: number };
}

/** Nobody is asked about it before `until`; null = until that is changed. */
export interface LeftAloneView extends Omit<LeftAlone, "until"> {
  readonly until: string | null;
}

/** Why it is left alone, as `list` shows it: times in ISO 8601 UTC. */
export function describeLeftAlone({ why, until }: LeftAlone): LeftAloneView {
  return { why, until: formatTimeOrNull(until) };
}

/** A device that takes part in a reported attack. Its name is text from the network. */
export interface FoundDeviceView {
  readonly mac: string | null;
  readonly name: string | null;
  readonly addresses: readonly string[];
  readonly port: string | null;
  readonly certainty: Certainty;
  /** The device that was named at first: the packets carry its address, but come from this one. Absent where nothing was forged. */
  readonly instead_of?: { readonly mac: string | null; readonly name: string | null; readonly address: string };
  readonly evidence: {
    readonly flows: number;
    readonly packets: number;
    readonly bytes: number;
    readonly first_seen: string | null;
    readonly last_seen: string | null;
  };
}

/** A mitigation as `list --json`, ubus and MQTT show it. */
export function describeMitigation(mitigation: Mitigation): MitigationView {
  const { request, dropped } = mitigation;
  const { target, source } = request;
  return {
    id: mitigation.id,
    upstream: request.upstream,
    cuid: request.cuid,
    mid: request.mid,
    state: mitigation.state,
    outcome: mitigation.outcome,
    status: mitigation.status,
    action: mitigation.action,
    ...(waitsForProof(mitigation) ? { acts_as: "block" } : {}),
    ...((mitigation.state === "active" && mitigation.action !== "observe" && mitigation.startedAt === null) ? { in_force: false } : {}),
    requested_at: formatTime(mitigation.requestedAt),
    expires_at: formatTimeOrNull(earlier(mitigation.expiresAt, mitigation.allowedUntil)),
    target: {
      prefixes: describePrefixes(target.prefixes),
      ports: describeRanges(target.ports),
      protocols: [...target.protocols],
      fqdns: [...target.fqdns],
      uris: [...target.uris],
    },
    source: {
      prefixes: describePrefixes(source.prefixes),
      ports: describeRanges(source.ports),
      icmp_types: describeRanges(source.icmpTypes),
    },
    ...(request.report ? { report: describeReport(request.report) } : {}),
    devices: mitigation.devices.map(describeFoundDevice),
    dropped: { packets: dropped.packets, bytes: dropped.bytes },
  };
}

/** A device that was found, with its evidence. */
export function describeFoundDevice(device: Device): FoundDeviceView {
  const { evidence, insteadOf } = device;
  return {
    mac: device.mac,
    name: device.name,
    addresses: [...device.addresses],
    port: device.port,
    certainty: device.certainty,
    ...(insteadOf ? { instead_of: { mac: insteadOf.mac, name: insteadOf.name, address: insteadOf.address } } : {}),
    evidence: {
      flows: evidence.flows,
      packets: evidence.packets,
      bytes: evidence.bytes,
      first_seen: formatTimeOrNull(evidence.firstSeen),
      last_seen: formatTimeOrNull(evidence.lastSeen),
    },
  };
}

function earlier(a: WallInstant | null, b: WallInstant | null): WallInstant | null {
  return a === null ? b : b === null ? a : earliest(a, b);
}

function describePrefixes(prefixes: readonly IpPrefix[]): string[] {
  return prefixes.map(formatIpPrefix);
}
