import type { Instant } from "../model/time.ts";
import type { ChannelParameters } from "./dots/session-config.ts";

/** What is known of the peer's being alive (RFC 9132 §4.7 as changed by RFC 9066 §5.2.1). */
export interface Liveness {
  /** Any authenticated traffic of the peer; at first, the session's start. */
  readonly heardAt: Instant;
  /** The peer's last heartbeat request; at first, the session's start. */
  readonly peerHeartbeatAt: Instant;
  /** When ours is due. */
  readonly heartbeatAt: Instant;
}

export type LivenessEvent =
  | { readonly is: "heard" | "tick" }
  | { readonly is: "peer-heartbeat"; /** Whether the peer hears ours. */ readonly hearsUs: boolean };

export interface LivenessStep {
  readonly liveness: Liveness;
  /** `heartbeat` carries the value of peer-hb-status. */
  readonly effect: { readonly is: "none" | "disconnected" } | { readonly is: "heartbeat"; readonly peerHbStatus: boolean };
}

type Parameters = Pick<ChannelParameters, "heartbeatInterval" | "missingHbAllowed">;

/** RFC 8085 §3.5: keep-alives not more often than every 15 s. */
const leastGap = 15_000;

/** A new session: the first heartbeat goes out at once, so that the upstream sees a live peer. */
export function startLiveness(now: Instant): Liveness {
  return { heardAt: now, peerHeartbeatAt: now, heartbeatAt: now };
}

export function stepLiveness(liveness: Liveness, event: LivenessEvent, { heartbeatInterval, missingHbAllowed }: Parameters, now: Instant): LivenessStep {
  const interval = heartbeatInterval * 1000;
  switch (event.is) {
    case "heard": return { liveness: { ...liveness, heardAt: now }, effect: { is: "none" } };
    case "peer-heartbeat": {
      const heard = { ...liveness, heardAt: now, peerHeartbeatAt: now };
      // §4.7: a peer that misses our heartbeats gets one right behind its own, while the path is known to be open.
      const early = event.hearsUs || interval === 0 ? heard.heartbeatAt : Math.min(heard.heartbeatAt, Math.max(now, heard.heartbeatAt - interval + leastGap));
      return { liveness: { ...heard, heartbeatAt: early }, effect: { is: "none" } };
    }
    case "tick": {
      if (interval === 0) return { liveness, effect: { is: "none" } };
      // RFC 9066 §5.2.1: any traffic keeps the session; only silence for the whole span ends it.
      if (now - liveness.heardAt >= missingHbAllowed * interval) return { liveness, effect: { is: "disconnected" } };
      if (now < liveness.heartbeatAt) return { liveness, effect: { is: "none" } };
      return {
        liveness: { ...liveness, heartbeatAt: now + interval },
        effect: { is: "heartbeat", peerHbStatus: now - liveness.peerHeartbeatAt <= 2 * interval },
      };
    }
  }
}

/**
 * The parameters have changed. A shorter interval holds from now on, not only behind the heartbeat that the longer one had
 * planned; and silence is measured anew, for the peer was right to be silent for as long as the old parameters allowed.
 */
export function changePace(liveness: Liveness, { heartbeatInterval }: Parameters, now: Instant): Liveness {
  return { heardAt: now, peerHeartbeatAt: now, heartbeatAt: Math.min(liveness.heartbeatAt, now + heartbeatInterval * 1000) };
}

/** When the next tick is due; null while heartbeats are off. */
export function nextTick(liveness: Liveness, { heartbeatInterval, missingHbAllowed }: Parameters): Instant | null {
  if (heartbeatInterval === 0) return null;
  return Math.min(liveness.heartbeatAt, liveness.heardAt + missingHbAllowed * heartbeatInterval * 1000);
}
