import type { AttackTarget } from "../../model/mitigation-request.ts";
import type { Mitigation } from "../../model/mitigation.ts";
import type { NumberRange } from "../../model/number-range.ts";
import type { Conflict } from "../../model/refusal.ts";
import { between, earliest, remainingSeconds, sinceEpoch, type WallInstant } from "../../model/time.ts";
import { writeBody, type TypeOf } from "../cbor/schema.ts";
import { MitigationStatusBody } from "./messages.ts";

/** Which data nodes a GET asks for (RFC 9132 §4.4.2, table 2). */
export type ContentFilter = "c" | "n" | "a";

type ScopeStatus = TypeOf<typeof MitigationStatusBody>["mitigationScope"]["scope"][number];

/** The answer to an accepted PUT: mid and what is left of the granted lifetime (RFC 9132 figure 10), status (RFC 9066 §5.3.1), and a conflict, if any. */
export function acceptedBody(mitigation: Mitigation, now: WallInstant): Uint8Array {
  return scopeBody([{
    mid: mitigation.request.mid,
    lifetime: remainingLifetime(mitigation, now),
    status: mitigation.status,
    conflictInformation: mitigation.conflict ? conflictInformation(mitigation.conflict) : undefined,
  }]);
}

/** The answer to a GET, and a notification. Nothing of the home is in it: only what the upstream itself sent, and totals. */
export function statusBody(mitigations: readonly Mitigation[], filter: ContentFilter, now: WallInstant): Uint8Array {
  return scopeBody(mitigations.map((mitigation) => ({
    mid: mitigation.request.mid,
    // §5.1: "config" to the YANG module, but also "the remaining lifetime in status messages" (§4.4.1.1): in each of the three.
    lifetime: remainingLifetime(mitigation, now),
    ...(filter === "n" ? {} : configNodes(mitigation)),
    ...(filter === "c" ? {} : stateNodes(mitigation, now)),
  })));
}

/** The body of a 4.09 (RFC 9132 §4.4.1.3). */
export function conflictBody(conflict: Conflict): Uint8Array {
  return scopeBody([{ conflictInformation: conflictInformation(conflict) }]);
}

function scopeBody(scope: readonly ScopeStatus[]): Uint8Array {
  return writeBody(MitigationStatusBody, { mitigationScope: { scope } });
}

function configNodes({ request: { target, source } }: Mitigation): ScopeStatus {
  return {
    ...targetNodes(target),
    sourcePrefix: orAbsent(source.prefixes),
    sourcePortRange: orAbsent(source.ports.map(portRange)),
    sourceIcmpTypeRange: orAbsent(source.icmpTypes.map(typeRange)),
  };
}

function targetNodes(target: AttackTarget): ScopeStatus {
  return {
    targetPrefix: orAbsent(target.prefixes),
    targetPortRange: orAbsent(target.ports.map(portRange)),
    targetProtocol: orAbsent(target.protocols),
    targetFqdn: orAbsent(target.fqdns),
    targetUri: orAbsent(target.uris),
  };
}

function stateNodes(mitigation: Mitigation, now: WallInstant): ScopeStatus {
  const seconds = mitigation.startedAt === null ? 0 : Math.max(1, Math.round(between(mitigation.startedAt, now) / 1000));
  const { packets, bytes } = mitigation.dropped;
  return {
    mitigationStart: mitigation.startedAt === null ? undefined : Math.floor(sinceEpoch(mitigation.startedAt) / 1000),
    status: mitigation.status,
    conflictInformation: mitigation.conflict ? conflictInformation(mitigation.conflict) : undefined,
    ...(mitigation.startedAt === null ? {} : {
      bytesDropped: bytes,
      bpsDropped: Math.round(bytes / seconds),
      pktsDropped: packets,
      ppsDropped: Math.round(packets / seconds),
    }),
  };
}

/** Seconds; -1 = indefinite. After a withdrawal, what is left of the terminating period. */
function remainingLifetime({ state, deadline, expiresAt }: Mitigation, now: WallInstant): number {
  if (state === "ended") return 0;
  if (state !== "terminating" || deadline === null) return remainingSeconds(now, expiresAt);
  return remainingSeconds(now, earliest(deadline, expiresAt ?? deadline));
}

function conflictInformation(conflict: Conflict): ScopeStatus["conflictInformation"] {
  return {
    conflictCause: conflict.cause,
    conflictStatus: conflict.status,
    retryTimer: conflict.retryTimer,
    conflictScope: conflict.mid === undefined && !conflict.targets ? undefined : { mid: conflict.mid, targetPrefix: conflict.targets },
  };
}

function portRange({ lower, upper }: NumberRange): { lowerPort: number; upperPort: number | undefined } {
  return { lowerPort: lower, upperPort: upper === lower ? undefined : upper };
}

function typeRange({ lower, upper }: NumberRange): { lowerType: number; upperType: number | undefined } {
  return { lowerType: lower, upperType: upper === lower ? undefined : upper };
}

/** RFC 9132 §4.4.1.1: attributes with empty values are not sent. */
function orAbsent<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length === 0 ? undefined : values;
}
