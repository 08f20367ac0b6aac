/** What can be said to nft, as values. Names, addresses and numbers are checked when a statement is rendered. */

export type TableFamily = "inet" | "ip" | "ip6" | "arp" | "bridge" | "netdev";

export interface Table {
  readonly family: TableFamily;
  readonly name: string;
}

/** Data types that set and map keys are made of (nft(8), DATA TYPES). */
export type KeyType = "ether_addr" | "ipv4_addr" | "ipv6_addr" | "nf_proto" | "inet_proto" | "inet_service" | "icmp_type" | "icmpv6_type" | "mark" | "ifname";

/** What a rule reads from a packet (nft(8), PAYLOAD and META EXPRESSIONS). */
export type Field =
  | "ether saddr"
  | "ether daddr"
  | "ether type"
  | "ip saddr"
  | "ip daddr"
  | "ip6 saddr"
  | "ip6 daddr"
  | "meta mark"
  | "meta nfproto"
  | "meta protocol"
  | "meta l4proto"
  | "th sport"
  | "th dport"
  | "icmp type"
  | "icmpv6 type"
  | "ct original ip saddr"
  | "ct original ip6 saddr"
  | "ct reply ip saddr"
  | "ct reply ip6 saddr"
  | "ct direction"
  | "meta iiftype"
  | "iifname"
  | "oifname";

/** A constant: in the key of an element, or on the right of a match. */
export type Value =
  | { readonly mac: string }
  /** An IPv4 or IPv6 address, or a prefix in CIDR notation. */
  | { readonly ip: string }
  | { readonly number: number }
  /** Inclusive. */
  | { readonly range: readonly [lower: number, upper: number] }
  | { readonly nfproto: "ipv4" | "ipv6" }
  | { readonly word: "original" | "reply" | "ether" | "arp" | "ip" | "ip6" }
  | { readonly interface: string };

export type Verdict = "accept" | "drop" | "return" | { readonly jump: string } | { readonly goto: string };

/** Named objects that keep their state from one transaction to the next. */
export type ObjectKind = "counter" | "limit";

/** One step of a rule; the next one is reached only if this one matches. */
export type Expression =
  | { readonly match: Field; readonly values: readonly Value[]; readonly not?: boolean }
  | { readonly match: Field | readonly Field[]; readonly set: string; readonly not?: boolean }
  /** Counts, or holds against a limit, in the named object. */
  | { readonly object: ObjectKind; readonly name: string }
  /** The same, in the object that a map holds for the key; without an element for the key the rule ends here. */
  | { readonly object: ObjectKind; readonly key: readonly Field[]; readonly map: string }
  | { readonly verdict: Verdict }
  /** Gives the packet a mark. */
  | { readonly assign: "meta mark"; readonly value: number }
  /** In a nat chain at prerouting: to this port of the router itself. */
  | { readonly redirect: number }
  /** `mask`, an address: only these bits of the field are looked up. */
  | { readonly vmap: string; readonly key: readonly Field[]; readonly mask?: string }
  /** Adds the packet's key to a dynamic set, or restarts its timeout; each element counts its packets. A full set ends the rule. */
  | { readonly update: string; readonly key: readonly Field[] };

export interface Element {
  readonly key: readonly Value[];
  /** Whole seconds, 1 to 99,999,999: to nft, 0 would mean for ever. Absent: the element stays. */
  readonly timeout?: number;
  /** For maps. */
  readonly value?: { readonly object: string } | { readonly verdict: Verdict };
}

export type SetFlag = "timeout" | "interval" | "dynamic" | "constant";

export interface BaseChain {
  readonly type: "filter" | "nat" | "route";
  readonly hook: "ingress" | "prerouting" | "input" | "forward" | "output" | "postrouting" | "egress";
  /** A place in the order of hooks: `{ base: "filter", offset: -5 }` is `filter - 5`. */
  readonly priority: { readonly base: "raw" | "mangle" | "dstnat" | "filter" | "security" | "srcnat"; readonly offset: number } | number;
  readonly policy: "accept" | "drop";
  /** For netdev chains: the interface that it hangs on. */
  readonly device?: string;
}

/** One command. `add` of something that is there already leaves it, and what it has counted, alone. */
export type Statement =
  | { readonly do: "add table" | "delete table" | "flush table"; readonly table: Table }
  | { readonly do: "add chain"; readonly table: Table; readonly name: string; readonly base?: BaseChain }
  | {
    readonly do: "add set";
    readonly table: Table;
    readonly name: string;
    readonly key: readonly KeyType[];
    readonly flags: readonly SetFlag[];
    /** For `dynamic` ones: the most elements, and the timeout of each in seconds. */ readonly size?: number;
    readonly timeout?: number;
  }
  | {
    readonly do: "add map";
    readonly table: Table;
    readonly name: string;
    readonly key: readonly KeyType[];
    readonly flags: readonly SetFlag[];
    readonly holds: ObjectKind | "verdict";
  }
  /** `packets` and `bytes` are where a new counter starts; one that exists goes on from where it is. */
  | { readonly do: "add counter"; readonly table: Table; readonly name: string; readonly packets?: number; readonly bytes?: number }
  /** Matches what exceeds the rate, or else what keeps within it. */
  | {
    readonly do: "add limit";
    readonly table: Table;
    readonly name: string;
    readonly packetsPerSecond: number;
    readonly burst: number;
    readonly within?: boolean;
  }
  | { readonly do: "add elements" | "delete elements"; readonly table: Table; readonly set: string; readonly elements: readonly Element[] }
  | { readonly do: "add rule"; readonly table: Table; readonly chain: string; readonly rule: readonly Expression[] }
  /** Before all others of the chain. */
  | { readonly do: "insert rule"; readonly table: Table; readonly chain: string; readonly rule: readonly Expression[] }
  | { readonly do: `${"flush" | "delete"} ${"set" | "map" | "chain"}` | `delete ${ObjectKind}`; readonly table: Table; readonly name: string }
  /** For those who read the rendered text. */
  | { readonly comment: string };
