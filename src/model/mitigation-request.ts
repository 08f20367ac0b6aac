import type { AttackReport } from "./attack-report.ts";
import type { IpPrefix } from "./ip-prefix.ts";
import type { IcmpTypeRange, PortRange } from "./number-range.ts";
import type { Seconds } from "./time.ts";

/** What is being attacked (RFC 9132 §4.4.1.1). An empty list means: not restricted. */
export interface AttackTarget {
  readonly prefixes: readonly IpPrefix[];
  readonly ports: readonly PortRange[];
  readonly protocols: readonly number[];
  /** For the owner to read only; never resolved (RFC 9066 §5.3.1). */
  readonly fqdns: readonly string[];
  readonly uris: readonly string[];
}

/** Where the attack comes from, as seen from outside the home, behind its NAT (RFC 9066 §5.3.1). */
export interface AttackSource {
  readonly prefixes: readonly IpPrefix[];
  readonly ports: readonly PortRange[];
  readonly icmpTypes: readonly IcmpTypeRange[];
}

/** The flows that an upstream, or `lookup`, asks about. */
export interface AttackFlows {
  readonly target: AttackTarget;
  readonly source: AttackSource;
}

/** A mitigation request, parsed once at the edge; from here on nobody looks at CBOR or CoAP. */
export interface MitigationRequest extends AttackFlows {
  /** The name of the `config upstream` section that it came from. */
  readonly upstream: string;
  readonly cuid: string;
  readonly mid: number;
  /** As asked: seconds, or -1 = until withdrawn. */
  readonly lifetime: Seconds;
  /** What the upstream knows of the attack; absent where it says nothing. Updates may change it: it is no part of the scope. */
  readonly report?: AttackReport;
}
