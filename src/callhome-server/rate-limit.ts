import { between, type SteadyInstant } from "../model/time.ts";

/** A token bucket that holds one second's worth: whether another request may pass at `now`. */
export function createRateLimit(perSecond: number): (now: SteadyInstant) => boolean {
  let tokens = perSecond;
  let filledAt: SteadyInstant | undefined;
  return (now) => {
    tokens = Math.min(perSecond, tokens + Math.max(0, between(filledAt ?? now, now)) / 1000 * perSecond);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
