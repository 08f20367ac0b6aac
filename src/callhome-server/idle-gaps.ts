import type { Instant, Milliseconds } from "../model/time.ts";

/** How long a session has been idle between two datagrams, and whether it lived through that: what NATs on the path forget (RFC 9066 §5.2.1). */
export interface IdleGaps {
  /** The last datagram, of ours or of the peer's. */
  readonly lastAt: Instant;
  /** The longest gap that the peer was heard after. */
  readonly survived: Milliseconds;
  /** The longest gap that ended with a datagram of ours, since the peer was last heard. */
  readonly unanswered: Milliseconds;
}

/** A session that has just been heard. */
export function startGaps(now: Instant): IdleGaps {
  return { lastAt: now, survived: 0, unanswered: 0 };
}

/** Something was sent, and nothing has answered it yet. */
export function sentAfterGap(gaps: IdleGaps, now: Instant): IdleGaps {
  return { ...gaps, lastAt: now, unanswered: Math.max(gaps.unanswered, now - gaps.lastAt) };
}

/** The peer was heard: the session has lived through the gap before. */
export function heardAfterGap(gaps: IdleGaps, now: Instant): IdleGaps {
  return { lastAt: now, survived: Math.max(gaps.survived, gaps.unanswered, now - gaps.lastAt), unanswered: 0 };
}

/**
 * The gap that may have been too long for a NAT's binding, when a session has fallen silent; else null. A gap that the session lived through
 * before was not; then the silence has another cause: the peer, or an outage on the path.
 */
export function suspectGap({ survived, unanswered }: IdleGaps): Milliseconds | null {
  return unanswered > 0 && survived < 0.75 * unanswered ? unanswered : null;
}
