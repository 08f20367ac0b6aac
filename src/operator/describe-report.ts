import type { AttackReport, AttackSeverity } from "../model/attack-report.ts";
import { formatIpPrefix } from "../model/ip-prefix.ts";
import { formatTimeOrNull } from "../text/format-time.ts";
import { describeRanges, type RangeView } from "./describe-range.ts";

/** What the provider knows of the attack (RFC 9244), for the owner to read. */
export interface ReportView {
  readonly attacks: readonly {
    readonly vendor_id: number;
    readonly attack_id: number;
    /** Text from the network. */
    readonly description: string | null;
    readonly severity: AttackSeverity | null;
    readonly started_at: string | null;
    readonly ended_at: string | null;
    readonly talkers: readonly {
      readonly prefix: string;
      readonly ports: readonly RangeView[];
      readonly icmp_types: readonly RangeView[];
      readonly spoofed: boolean;
    }[];
  }[];
  /** Attack traffic at the target. */
  readonly bits_per_second: number | null;
  readonly packets_per_second: number | null;
}

/** A report as `list --json`, ubus and MQTT show it. */
export function describeReport({ attacks, bitsPerSecond, packetsPerSecond }: AttackReport): ReportView {
  return {
    attacks: attacks.map(({ vendorId, attackId, description, severity, startedAt, endedAt, talkers }) => ({
      vendor_id: vendorId,
      attack_id: attackId,
      description,
      severity,
      started_at: formatTimeOrNull(startedAt),
      ended_at: formatTimeOrNull(endedAt),
      talkers: talkers.map(({ prefix, ports, icmpTypes, isSpoofed }) => ({
        prefix: formatIpPrefix(prefix),
        ports: describeRanges(ports),
        icmp_types: describeRanges(icmpTypes),
        spoofed: isSpoofed,
      })),
    })),
    bits_per_second: bitsPerSecond,
    packets_per_second: packetsPerSecond,
  };
}
