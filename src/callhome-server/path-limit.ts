import type { Instant, Seconds } from "../model/time.ts";
import { closerHeartbeat, longestHeartbeat } from "./dots/session-config.ts";

/** How far apart signs of life may be on the path to an upstream, as sessions that fell silent have shown (RFC 9066 §5.2.1). */
export interface PathLimit {
  readonly longest: Seconds;
  readonly since: Instant;
  /** How often the path has shown it: each time it is believed for longer. */
  readonly times: number;
}

const hour = 3_600_000;
const day = 24 * hour;

export const anyPath: PathLimit = { longest: longestHeartbeat, since: 0, times: 0 };

/** Half of the gap after which a session was dead, while the path was open. */
export function shortenPath(limit: PathLimit, gap: Seconds, now: Instant): PathLimit {
  return { longest: Math.min(longestAllowed(limit, now), closerHeartbeat(gap)), since: now, times: limit.times + 1 };
}

/** What the path is believed to allow now: after an hour twice as much, and so on; after the second time after two hours, up to a day. */
export function longestAllowed({ longest, since, times }: PathLimit, now: Instant): Seconds {
  const believedFor = Math.min(day, hour * 2 ** Math.max(0, times - 1));
  return Math.min(longestHeartbeat, longest * 2 ** Math.min(10, Math.max(0, Math.floor((now - since) / believedFor))));
}
