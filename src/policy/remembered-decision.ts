import type { Mitigation } from "../model/mitigation.ts";
import { remainingSeconds, type WallInstant } from "../model/time.ts";
import { covers } from "./inherited-decision.ts";
import type { MitigationEvent } from "./mitigation-step.ts";
import { isOwnersNo } from "./refused-by-owner.ts";

/**
 * What the owner allowed a while ago 'for an hour' also holds for a request about the same device and no other target until the hour is
 * over, so that nobody is asked twice. Undefined = it is a question. What they said no to never comes this far: `owners-nos.ts`.
 */
export function rememberedDecision(mitigation: Mitigation, known: readonly Mitigation[], now: WallInstant): MitigationEvent | undefined {
  if (mitigation.state !== "pending" || mitigation.devices.length === 0) return undefined;
  // The newest counts: who released what they had allowed has changed their mind.
  const earlier = known.filter((each) => each.id !== mitigation.id && each.decidedBy === "owner" && covers(each, mitigation)).sort((a, b) => b.id - a.id);
  for (const each of earlier) {
    if (each.isTakenBack === true || isOwnersNo(each)) return undefined;
    if (each.outcome !== "denied" && each.outcome !== "released" && each.allowedUntil !== null && each.allowedUntil > now) {
      return { is: "approved", action: each.action, seconds: remainingSeconds(now, each.allowedUntil) };
    }
  }
  return undefined;
}
