import { later, latest, milliseconds, type Milliseconds, type SteadyInstant } from "../model/time.ts";

/** What has happened on the way to a session. */
export interface DialHistory {
  /** Attempts in a row that reached for the peer and failed. */
  readonly failures: number;
  /** Attempts in a row that ended before anything was sent: no name, no address, no route. */
  readonly unsent?: number;
  /** Whether a session ever existed since the daemon started or the WAN came up. */
  readonly hadSession: boolean;
  /** Sessions in a row that ended as soon as they had begun. */
  readonly unsettled?: number;
  /** The first attempt is not for want of a session: the upstream has sent us elsewhere, or a redirection is over. */
  readonly atOnce?: boolean;
}

export const noHistory: DialHistory = { failures: 0, hadSession: false };

/** An attempt that ended before anything was sent to the peer. */
export class NothingSent extends Error {}

const second = 1_000;
/** Spreads the first attempts of all homes after an upstream restarts. */
const firstSpread = 10 * second;
const quickStart = 2 * second;
/** RFC 9132 §4.7: SHOULD NOT retry more often than every 300 s, MUST NOT more often than every 60 s. */
const normalRetry = 300 * second;
const leastRetry = 60 * second;
/** Retries of a home that starts, or whose WAN has just come up, which need not wait longer than they MUST: it may be the home that is not ready. */
const earlyRetries = 4;
const earlySpread = 30 * second;

/**
 * How long to wait before the next attempt; `random` is in [0, 1). RFC 9132 §4.7 binds what is tried again because "a new DOTS signal channel
 * session cannot be established": 300 to 360 s, and 60 to 90 s at first where none existed before. It does not bind the first attempt behind a
 * session that was lost, which "MUST then" be made: soon, at a random moment. An attempt that sent nothing has asked nothing of the peer.
 */
export function dialDelay({ failures, unsent = 0, hadSession, unsettled = 0, atOnce = false }: DialHistory, random: number): Milliseconds {
  if (unsent > 0) return milliseconds(second + random * (Math.min(leastRetry, quickStart * 2 ** Math.min(unsent, 10)) - second));
  if (failures === 0) {
    if (atOnce || !hadSession) return milliseconds(0);
    // A peer that takes sessions and drops them is left in peace like one that takes none.
    return milliseconds(random * Math.min(normalRetry, firstSpread * 2 ** Math.min(Math.max(0, unsettled - 1), 10)));
  }
  if (!hadSession && failures <= earlyRetries) return milliseconds(leastRetry + random * earlySpread);
  return milliseconds(normalRetry + random * leastRetry);
}

/**
 * When a dial may begin that has a reason of its own: the owner's order, a WAN that has come up. Not bound by §4.7, but a link that flaps gives
 * such a reason all the time: three at once, and then one a minute on the average. `earlier`: when the last three began.
 */
export function orderedDialFrom(earlier: readonly SteadyInstant[], now: SteadyInstant): SteadyInstant {
  const [third] = earlier.slice(-orderedAtOnce);
  return earlier.length < orderedAtOnce || third === undefined ? now : latest(now, later(third, milliseconds(orderedAtOnce * leastRetry)));
}
export const orderedAtOnce = 3;
