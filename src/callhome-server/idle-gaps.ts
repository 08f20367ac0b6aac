import { between, milliseconds, type Milliseconds, type SteadyInstant } from "../model/time.ts";

/** How long a session has been idle between two datagrams, and whether it lived through that: what NATs on the path forget (RFC 9066 §5.2.1). */
export interface IdleGaps {
  /** The last datagram, of ours or of the peer's. */
  readonly lastAt: SteadyInstant;
  /** The longest gap that the peer was heard after. */
  readonly survived: Milliseconds;
  /** The longest gap that ended with a datagram of ours, since the peer was last heard. */
  readonly unanswered: Milliseconds;
}

/** A session that has just been heard. */
export function startGaps(now: SteadyInstant): IdleGaps {
  return { lastAt: now, survived: milliseconds(0), unanswered: milliseconds(0) };
}

/** Something was sent, and nothing has answered it yet. */
export function sentAfterGap(gaps: IdleGaps, now: SteadyInstant): IdleGaps {
  return { ...gaps, lastAt: now, unanswered: milliseconds(Math.max(gaps.unanswered, between(gaps.lastAt, now))) };
}

/** The peer was heard: the session has lived through the gap before. */
export function heardAfterGap(gaps: IdleGaps, now: SteadyInstant): IdleGaps {
  return { lastAt: now, survived: milliseconds(Math.max(gaps.survived, gaps.unanswered, between(gaps.lastAt, now))), unanswered: milliseconds(0) };
}

/**
 * The gap that may have been too long for a NAT's binding, when a session has fallen silent; else null. A gap that the session lived through
 * before was not; then the silence has another cause: the peer, or an outage on the path.
 */
export function suspectGap({ survived, unanswered }: IdleGaps): Milliseconds | null {
  return unanswered > 0 && survived < 0.75 * unanswered ? unanswered : null;
}
