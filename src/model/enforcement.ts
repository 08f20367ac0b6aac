import type { MacAddress } from "./device.ts";
import type { AttackTarget } from "./mitigation-request.ts";
import type { MitigationId, Action } from "./mitigation.ts";
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
  /** The kernel ends the rule by itself after so long, whatever becomes of the daemon. */
  readonly timeout: Seconds;
}
