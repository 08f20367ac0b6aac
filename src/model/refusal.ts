import type { IpPrefix } from "./ip-prefix.ts";

/** Conflict causes that a response or notification can carry (RFC 9132 §4.4.1.3, RFC 9066 §5.3.1). */
export const conflictCause = { overlappingTargets: 1, acceptList: 2, cuidCollision: 3, legitimateTraffic: 4 } as const;
export type ConflictCause = (typeof conflictCause)[keyof typeof conflictCause];

/** A request that is turned down: the CoAP response code and, where the code has them, its details. */
export type Refusal =
  | { readonly code: "4.00" | "4.02" | "4.04" | "4.05" | "4.13" | "4.15" | "4.22"; readonly diagnostic: string }
  | { readonly code: "4.09"; readonly conflict: Conflict }
  | { readonly code: "5.03"; readonly diagnostic: string; readonly retryAfter: number /* seconds, Max-Age */ };

export interface Conflict {
  readonly cause: ConflictCause;
  /** conflict-status 1-3; only for conflicts between DOTS clients. */
  readonly status?: 1 | 2 | 3;
  /** The mid of the request that stands in the way. */
  readonly mid?: number;
  /** What of the request is also in another's. */
  readonly targets?: readonly IpPrefix[];
  readonly retryTimer?: number; // seconds
}

/** The refusal of a malformed or unacceptable request; `diagnostic` is sent to the upstream: nothing of the home in it. */
export function badRequest(diagnostic: string): Refusal {
  return { code: "4.00", diagnostic };
}
