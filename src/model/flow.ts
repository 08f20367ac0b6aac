import type { MacAddress } from "./device.ts";
import type { WallInstant } from "./time.ts";

/** One direction of a flow, as conntrack prints it. Addresses are text without a prefix length. */
export interface FlowTuple {
  readonly src: string;
  readonly dst: string;
  /** Ports of TCP, UDP, SCTP, DCCP; absent for other protocols. */
  readonly sport?: number;
  readonly dport?: number;
  /** ICMP and ICMPv6: identifier and type. */
  readonly icmpId?: number;
  readonly icmpType?: number;
}

/** An entry of the kernel's connection tracking table. */
export interface Flow {
  readonly family: 4 | 6;
  readonly protocol: number;
  /** As the opener sent it. */
  readonly original: FlowTuple;
  /** As the answer is expected: after NAT, turned round. */
  readonly reply: FlowTuple;
  readonly originalPackets: number;
  readonly originalBytes: number;
  readonly replyPackets: number;
  readonly replyBytes: number;
  readonly offloaded: boolean;
  /** What the journal kept of it; absent in a plain entry of the table. */
  readonly sighting?: FlowSighting;
}

/** A flow as the journal remembers it: the table forgets all of this when the flow ends. */
export interface FlowSighting {
  readonly opener: "device" | "target";
  /** Null: it was there before the journal was. */
  readonly firstSeen: WallInstant | null;
  /** When it ended; null while it lives. */
  readonly endedAt: WallInstant | null;
  /** Who had the device's address at that time; null = not known. */
  readonly mac: MacAddress | null;
  /** How that device was called then. Hostile text. */
  readonly name: string | null;
  /** The table has it too, and its counters are of this moment. */
  readonly isListed: boolean;
}

/**
 * How far to look for flows. `quick`: who it was; `counters`: with what living flows have counted; `explain`: whatever it costs, also those
 * that came near.
 */
export type LookupDepth = "quick" | "counters" | "explain";
