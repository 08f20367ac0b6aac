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
}
