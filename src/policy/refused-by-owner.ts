import type { Mitigation } from "../model/mitigation.ts";
import type { Instant } from "../model/time.ts";

/** The owner said no, or nothing in time, and the request that they said it to would still be running; nor have they taken it back. */
export function isRefused(mitigation: Mitigation, now: Instant): boolean {
  return mitigation.state === "ended" && (mitigation.outcome === "denied" || mitigation.outcome === "released")
    && mitigation.isTakenBack !== true && (mitigation.expiresAt === null || mitigation.expiresAt > now);
}

/** Whether the owner can still take back that they denied it, or that they came too late. */
export function canTakeBack(mitigation: Mitigation, now: Instant): boolean {
  return mitigation.outcome === "denied" && isRefused(mitigation, now);
}
