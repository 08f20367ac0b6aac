import { between, earliest, inMilliseconds, later, latest, milliseconds, seconds, type Milliseconds, type Seconds, type SteadyInstant } from "../model/time.ts";
import type { ChannelParameters } from "./dots/session-config.ts";

/** What is known of the peer's being alive (RFC 9132 §4.7 as changed by RFC 9066 §5.2.1). */
export interface Liveness {
  /** Any authenticated traffic of the peer; at first, the session's start. */
  readonly heardAt: SteadyInstant;
  /** The peer's last heartbeat request; at first, the session's start. */
  readonly peerHeartbeatAt: SteadyInstant;
  /** When ours is due. */
  readonly heartbeatAt: SteadyInstant;
  /** When ours last went out; null = none has. */
  readonly spokenAt: SteadyInstant | null;
  /** Until then the peer's silence is not held against it: parameters that held before allowed it. */
  readonly graceUntil: SteadyInstant;
}

export type LivenessEvent =
  | { readonly is: "heard" | "tick" }
  | { readonly is: "peer-heartbeat"; /** Whether the peer hears ours. */ readonly hearsUs: boolean };

export interface LivenessStep {
  readonly liveness: Liveness;
  /** `heartbeat` carries the value of peer-hb-status; `ping` is one of CoAP's, in place of heartbeats that are off. */
  readonly effect: { readonly is: "none" | "disconnected" | "ping" } | { readonly is: "heartbeat"; readonly peerHbStatus: boolean };
}

/** How often we speak up, by what, and what silence of the peer's ends the session. */
export interface Pace {
  readonly by: "heartbeat" | "ping";
  readonly interval: Milliseconds;
  readonly span: Milliseconds;
}

/** RFC 8085 §3.5: keep-alives not more often than every 15 s. */
const leastGap = milliseconds(15_000);
/**
 * With heartbeats off only the router can find that the session is dead, and only it can dial (RFC 9066 §5.2.1). A CoAP ping is answered by
 * any CoAP stack (RFC 7252 §4.3, RFC 8323 §5.4). It comes before NATs forget the session, which RFC 4787 has them do after 2 minutes at the
 * earliest; five of them go unanswered within the span of silence that the recommended parameters allow (15 times 30 s).
 */
const ping = { interval: seconds(90), span: milliseconds(450_000) };

/** `longest`: seconds between two signs of life that NATs on the path have been found to allow. */
export function paceOf({ heartbeatInterval, missingHbAllowed }: Pick<ChannelParameters, "heartbeatInterval" | "missingHbAllowed">, longest: Seconds): Pace {
  return heartbeatInterval === 0
    ? { by: "ping", interval: inMilliseconds(seconds(Math.min(ping.interval, longest))), span: ping.span }
    : { by: "heartbeat", interval: inMilliseconds(seconds(heartbeatInterval)), span: inMilliseconds(seconds(missingHbAllowed * heartbeatInterval)) };
}

/**
 * A new session: the first heartbeat goes out at once, so that the upstream sees a live peer, and the second 15 s later. Linux' NAT forgets a
 * flow of UDP after 30 s unless something is sent on it more than 2 s after its beginning, then after 120 s; a handshake is over sooner.
 */
export function startLiveness(now: SteadyInstant): Liveness {
  return { heardAt: now, peerHeartbeatAt: now, heartbeatAt: now, spokenAt: null, graceUntil: now };
}

/** What an event means for a session's life: a heartbeat is due, or the peer is gone (RFC 9132 §4.7). */
export function stepLiveness(liveness: Liveness, event: LivenessEvent, pace: Pace, now: SteadyInstant): LivenessStep {
  const { by, interval } = pace;
  switch (event.is) {
    case "heard":
      return { liveness: { ...liveness, heardAt: now }, effect: { is: "none" } };
    case "peer-heartbeat": {
      const heard = { ...liveness, heardAt: now, peerHeartbeatAt: now };
      // §4.7: a peer that misses our heartbeats gets one right behind its own, while the path is known to be open.
      const early = event.hearsUs || by === "ping"
        ? heard.heartbeatAt
        : earliest(heard.heartbeatAt, heard.spokenAt === null ? now : latest(now, later(heard.spokenAt, leastGap)));
      return { liveness: { ...heard, heartbeatAt: early }, effect: { is: "none" } };
    }
    case "tick": {
      // RFC 9066 §5.2.1: any traffic keeps the session; only silence for the whole span ends it.
      if (now >= deadAt(liveness, pace)) return { liveness, effect: { is: "disconnected" } };
      if (now < liveness.heartbeatAt) return { liveness, effect: { is: "none" } };
      return {
        liveness: { ...liveness, heartbeatAt: later(now, liveness.spokenAt === null && leastGap < interval ? leastGap : interval), spokenAt: now },
        effect: by === "ping" ? { is: "ping" } : { is: "heartbeat", peerHbStatus: between(liveness.peerHeartbeatAt, now) <= 2 * interval },
      };
    }
  }
}

/**
 * The parameters have changed, or not: then nothing does. A shorter interval holds from now on, not only behind the heartbeat that the longer
 * one had planned. The peer was right to be silent for as long as the old parameters allowed, so that it has the new span from now on, but
 * never longer than it had before the change: however often the parameters change, silence ends the session within the longest span of them.
 */
export function changePace(liveness: Liveness, from: Pace, to: Pace, now: SteadyInstant): Liveness {
  if (from.by === to.by && from.interval === to.interval && from.span === to.span) return liveness;
  return {
    ...liveness,
    peerHeartbeatAt: now,
    heartbeatAt: earliest(liveness.heartbeatAt, later(now, to.interval)),
    graceUntil: earliest(deadAt(liveness, from), later(now, to.span)),
  };
}

/** When the next tick is due. */
export function nextTick(liveness: Liveness, pace: Pace): SteadyInstant {
  return earliest(liveness.heartbeatAt, deadAt(liveness, pace));
}

function deadAt({ heardAt, graceUntil }: Liveness, { span }: Pace): SteadyInstant {
  return latest(later(heardAt, span), graceUntil);
}
