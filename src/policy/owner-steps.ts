import { type Action, type Mitigation, mitigationStatus as status } from "../model/mitigation.ts";
import { conflictCause } from "../model/refusal.ts";
import { inMilliseconds, later, type Seconds, type WallInstant } from "../model/time.ts";
import { type Effect, end, type MitigationEvent, type Step, unchanged } from "./mitigation-step.ts";
import { askedUntil, canBlockAfterAll, canTakeBack, isLeftAlone } from "./refused-by-owner.ts";

/** The owner allows it; `seconds`: for so long, null = as long as the request lives. */
export function approved(mitigation: Mitigation, action: Action | null, seconds: Seconds | null, now: WallInstant): Step {
  return {
    mitigation: {
      ...mitigation, state: "active", decidedBy: "owner", action: action ?? mitigation.action, deadline: null,
      allowedUntil: seconds === null ? null : later(now, inMilliseconds(seconds)),
    },
    effects: ["enforce", "cut-flows", "notify-upstream", "tell-owner", "remember"],
  };
}

/** The owner's word comes before all that follows from it. */
export function byOwner(word: Effect, { mitigation, effects }: Step): Step {
  return { mitigation, effects: [word, ...effects] };
}

/** What was denied, or not answered in time, can still be taken back or allowed, while the upstream asks for it. */
export function afterEnd(mitigation: Mitigation, event: MitigationEvent, now: WallInstant): Step {
  switch (event.is) {
    case "released": return takenBack(mitigation, now);
    case "approved": {
      if (!canBlockAfterAll(mitigation, now)) return unchanged(mitigation);
      const again: { -readonly [Field in keyof Mitigation]: Mitigation[Field] } = {
        ...mitigation, outcome: null, status: status.inProgress, startedAt: null, dropped: { packets: 0, bytes: 0 }, lastDropAt: null, conflict: null,
        expiresAt: askedUntil(mitigation),
      };
      delete again.endedAt;
      delete again.isTakenBack;
      delete again.askedAgainUntil;
      delete again.leak;
      return byOwner("lift-no", approved(again, event.action, event.seconds, now));
    }
    // Not asked for any more; what the owner said holds on.
    case "withdrawn": return isLeftAlone(mitigation, now) ? { mitigation: { ...mitigation, expiresAt: now, ...(mitigation.askedAgainUntil === undefined ? {} : { askedAgainUntil: now }) }, effects: ["enforce", "remember"] } : unchanged(mitigation);
    default: return unchanged(mitigation);
  }
}

/** For the upstream it has ended, and stays so: but it may ask again. */
function takenBack(mitigation: Mitigation, now: WallInstant): Step {
  return canTakeBack(mitigation, now) ? { mitigation: { ...mitigation, isTakenBack: true }, effects: ["lift-no", "remember"] } : unchanged(mitigation);
}

/** RFC 9066 §5.3.1: the owner holds the traffic for legitimate, and the upstream hears so. */
export function refusedByOwner(mitigation: Mitigation, outcome: "denied" | "released", now: WallInstant): Step {
  return end({ ...mitigation, conflict: { cause: conflictCause.legitimateTraffic } }, outcome, status.withdrawnByServer, now);
}
