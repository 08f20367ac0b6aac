import type { MitigationId } from "./mitigation.ts";
import type { WallInstant } from "./time.ts";

/** Packets a second in one stretch of time, up to `at`. */
export interface TrafficSample {
  readonly at: WallInstant;
  /** All that the devices sent to the target. */
  readonly sent: number;
  /** What of it left the home. */
  readonly passed: number;
}

/** What the kernel has counted of a mitigation's traffic while somebody looked. */
export interface Traffic {
  readonly mitigation: MitigationId;
  /** Oldest first; five minutes at most. */
  readonly samples: readonly TrafficSample[];
  /** The newest stretch; null before the second count. */
  readonly now: Omit<TrafficSample, "at"> | null;
  readonly isSending: boolean;
  /** When packets were counted last; null if none were. */
  readonly lastSentAt: WallInstant | null;
  /** When it had stopped, before it began again; null if it did not. */
  readonly pausedAt: WallInstant | null;
}
