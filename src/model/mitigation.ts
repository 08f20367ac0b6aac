import type { Device } from "./device.ts";
import type { MitigationRequest } from "./mitigation-request.ts";
import type { Conflict } from "./refusal.ts";
import type { Seconds, WallInstant } from "./time.ts";

export type MitigationId = number;

export type MitigationState = "pending" | "active" | "terminating" | "ended";

/** Why a mitigation ended. */
export type Outcome = "withdrawn" | "expired" | "denied" | "released" | "overridden" | "rejected" | "unattributed";

/** What is done to the device; `observe` only counts and names. */
export type Action = "block" | "limit" | "quarantine" | "observe";

/** Status codes of RFC 9132 §4.4.2, table 3. */
export const mitigationStatus = {
  inProgress: 1,
  mitigated: 2,
  stopped: 3,
  exceeded: 4,
  terminating: 5,
  terminated: 6,
  withdrawnByServer: 7,
  onSignalLoss: 8,
} as const;
export type MitigationStatus = (typeof mitigationStatus)[keyof typeof mitigationStatus];

/** What the kernel dropped on behalf of a mitigation, since it was first enforced. */
export interface DropCount {
  readonly packets: number;
  readonly bytes: number;
}

/** Whether reported traffic leaves the home though it is blocked. */
export interface Leak {
  /** What had left at the last count. */
  readonly seen: DropCount;
  /** Since when counts are compared: enforcement, or its last change. */
  readonly since: WallInstant;
  /** When it last grew; null before. */
  readonly lastAt: WallInstant | null;
  /** A stronger measure has been taken, once. */
  readonly isEscalated: boolean;
  /** That did not help either. */
  readonly isExceeded: boolean;
}

/** A mitigation request under way, and what has become of it. Immutable: each event makes a new one. */
export interface Mitigation {
  /** Small integer, never used twice. */
  readonly id: MitigationId;
  readonly request: MitigationRequest;
  readonly state: MitigationState;
  readonly outcome: Outcome | null;
  readonly status: MitigationStatus;
  readonly action: Action;
  /** Who let it act: the owner, or the configuration. Null while nobody has. */
  readonly decidedBy: "owner" | "policy" | null;
  readonly requestedAt: WallInstant;
  /** End of the lifetime; null = indefinite. */
  readonly expiresAt: WallInstant | null;
  /** The owner let it act until then only; null = no limit of theirs. */
  readonly allowedUntil: WallInstant | null;
  /** When it was first enforced (mitigation-start); null before. */
  readonly startedAt: WallInstant | null;
  /** End of the consent time-out while pending, of the active-but-terminating period while terminating; else null. */
  readonly deadline: WallInstant | null;
  /** The next active-but-terminating period; doubles when it is cut short by a new request (RFC 9132 §4.4.4). */
  readonly terminatingPeriod: Seconds;
  readonly devices: readonly Device[];
  /** When it began to act on these devices without anybody being asked; absent before, and where somebody was. */
  readonly namedAt?: WallInstant;
  readonly dropped: DropCount;
  /** When `dropped` last grew; null before the first drop. */
  readonly lastDropAt: WallInstant | null;
  /** Absent while it lives. */
  readonly endedAt?: WallInstant;
  /** It was turned down, and its upstream has asked for the same again: until then, for all that is known; null = without end. */
  readonly askedAgainUntil?: WallInstant | null;
  /** The owner no longer stands by having denied it: when the upstream asks again, it is a question again. */
  readonly isTakenBack?: boolean;
  /** Absent until it is enforced, and after a restart. */
  readonly leak?: Leak;
  /** Why it was turned down or deactivated, for the upstream. */
  readonly conflict: Conflict | null;
}

/** Whether its client still asks for it: after a DELETE it does not, though the mitigation may go on for a while (RFC 9132 §4.4.4). */
export function isRequested({ state }: Mitigation): boolean {
  return state === "pending" || state === "active";
}
