import type { Instant } from "../model/time.ts";

/** A token bucket that holds one second's worth: whether another request may pass at `now`. */
export function createRateLimit(perSecond: number): (now: Instant) => boolean {
  let tokens = perSecond;
  let filledAt: Instant | undefined;
  return (now) => {
    tokens = Math.min(perSecond, tokens + Math.max(0, now - (filledAt ?? now)) / 1000 * perSecond);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
