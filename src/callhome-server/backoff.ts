import type { Milliseconds } from "../model/time.ts";

/** What has happened on the way to a session. */
export interface DialHistory {
  /** Attempts that failed in a row. */
  readonly failures: number;
  /** Whether a session ever existed since the daemon started or the WAN came up. */
  readonly hadSession: boolean;
  /** Sessions in a row that ended as soon as they had begun. */
  readonly unsettled?: number;
}

const second = 1_000;
/** Spreads the first attempts of all homes after an upstream restarts. */
const firstSpread = 10 * second;
const quickStart = 2 * second;
/** RFC 9132 §4.7: SHOULD NOT retry more often than every 300 s, MUST NOT more often than every 60 s. */
const normalRetry = 300 * second;
const leastRetry = 60 * second;

/**
 * How long to wait before the next attempt, with full jitter; `random` is in [0, 1).
 * A session that was lost is dialled again once, soon; if that fails, RFC 9132 §4.7 sets the pace. Without a session before,
 * the first attempts are quick: a home that starts, or whose WAN comes up, has no state at the upstream to hurt.
 */
export function dialDelay({ failures, hadSession, unsettled = 0 }: DialHistory, random: number): Milliseconds {
  // A peer that takes sessions and drops them is left in peace like one that takes none.
  if (hadSession && failures === 0) return random * Math.min(normalRetry, firstSpread * 2 ** Math.min(Math.max(0, unsettled - 1), 10));
  if (hadSession) return normalRetry + random * leastRetry;
  if (failures === 0) return 0;
  const ceiling = Math.min(normalRetry, quickStart * 2 ** Math.min(failures, 10));
  const least = ceiling > leastRetry ? leastRetry : second; // §4.7: not more often than every 60 s, once it is clear that it takes longer
  return least + random * (ceiling - least);
}
