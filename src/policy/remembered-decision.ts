import type { Mitigation } from "../model/mitigation.ts";
import type { Instant } from "../model/time.ts";
import { covers } from "./inherited-decision.ts";
import type { MitigationEvent } from "./mitigation-machine.ts";
import { isRefused } from "./refused-by-owner.ts";

/**
 * What the owner said a while ago also holds for a request about the same device and no other target, so that nobody is asked
 * twice: 'for an hour' until the hour is over, and 'this is not an attack' for as long as the request that
 * they said it to would have run. Undefined = it is a question. Nobody having answered is no decision to remember.
 */
export function rememberedDecision(mitigation: Mitigation, known: readonly Mitigation[], now: Instant): MitigationEvent | undefined {
  if (mitigation.state !== "pending" || mitigation.devices.length === 0) return undefined;
  const earlier = known.filter((each) => each.id !== mitigation.id && each.decidedBy === "admin" && covers(each, mitigation)).sort((a, b) => b.id - a.id);
  // The newest counts: who released what they had allowed has changed their mind.
  for (const each of earlier) {
    if (each.isTakenBack === true) return undefined;
    if (isRefused(each, now) && !isOver(each, now)) return { is: "denied" };
    if (each.outcome !== "denied" && each.outcome !== "released" && each.allowedUntil !== null && each.allowedUntil > now) {
      return { is: "approved", action: each.action, seconds: Math.ceil((each.allowedUntil - now) / 1000) };
    }
  }
  return undefined;
}

/** 'For an hour' that has ended by itself is no refusal of what comes after. */
function isOver(mitigation: Mitigation, now: Instant): boolean {
  return mitigation.allowedUntil !== null && mitigation.allowedUntil <= now;
}
