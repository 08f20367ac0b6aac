import type { MacAddress } from "./device.ts";
import type { IpPrefix } from "./ip-prefix.ts";
import type { AttackFlows, AttackTarget } from "./mitigation-request.ts";
import type { Action, DropCount, MitigationId } from "./mitigation.ts";
import type { IcmpTypeRange } from "./number-range.ts";
import type { Seconds } from "./time.ts";

/** One device cut off from one target, as the packet filter is to hold it. */
export interface EnforcementRule {
  readonly mitigation: MitigationId;
  readonly action: Exclude<Action, "observe">;
  /** With a MAC the rule follows the device to any address it takes; without one it holds for the addresses only. */
  readonly mac: MacAddress | null;
  readonly addresses: readonly string[];
  readonly target: AttackTarget;
  /** Restricts ICMP and ICMPv6 to these types, where the list is not empty. */
  readonly icmpTypes: readonly IcmpTypeRange[];
  /** For `limit`. */
  readonly packetsPerSecond: number;
  /** The kernel ends the rule by itself after this time, whatever becomes of the daemon. */
  readonly timeout: Seconds;
}

/** A device that is cut off from everything. */
export interface QuarantinedDevice extends Pick<EnforcementRule, "mac" | "addresses"> {
  /** For this long, unless it is said again. */
  readonly timeout: Seconds;
}

/**
 * The traffic of a mitigation as the upstream sees it, matched where it leaves the router, after NAT: from the first moment,
 * before any device is known. Whatever is done to it, the senders are recorded.
 */
export interface ReportedFlows extends AttackFlows {
  readonly mitigation: MitigationId;
  /** `watch`: nothing is dropped. */
  readonly action: "drop" | "limit" | "watch";
  /** For `limit`. */
  readonly packetsPerSecond: number;
  /** Devices that the owner wants to be asked about are spared too: nobody has been asked. */
  readonly sparesUnasked: boolean;
  /** Only what these devices send, none of them where only `addresses` are known; null: any sender. */
  readonly senders: readonly MacAddress[] | null;
  /** Of devices that are held: all that they send to the target is dropped here too, under whatever MAC address. */
  readonly addresses: readonly string[];
  readonly timeout: Seconds;
}

/** Whom no rule on reported traffic may touch: it cannot know whose it will be. */
export interface Spared {
  readonly macs: readonly MacAddress[];
  readonly prefixes: readonly IpPrefix[];
  /** For `sparesUnasked`. */
  readonly unaskedMacs: readonly MacAddress[];
}

export interface ReportedTraffic {
  readonly flows: readonly ReportedFlows[];
  readonly spared: Spared;
}

/** Who was seen sending reported traffic, by the packets themselves: a spoofed source address does not hide the sender. */
export interface ObservedSender {
  readonly mac: MacAddress;
  /** As the device sent it: before NAT. */
  readonly address: string;
  readonly packets: number;
  readonly bytes: number;
}

/** What the packet filter counts for a mitigation. */
export interface FilterCount extends DropCount {
  /** Reported traffic that left the router nevertheless; absent where it is not counted. */
  readonly leaked?: DropCount;
}
