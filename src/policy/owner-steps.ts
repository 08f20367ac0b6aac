import { type Action, type Mitigation, mitigationStatus as status } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { conflictCause } from "../model/refusal.ts";
import { inMilliseconds, later, type Seconds, type WallInstant } from "../model/time.ts";
import type { Decision } from "./decide.ts";
import { type Effect, end, type MitigationEvent, type Step, unchanged } from "./mitigation-step.ts";
import { askedUntil, canBlockAfterAll, canTakeBack, isLeftAlone } from "./refused-by-owner.ts";

/** The owner allows it; `seconds`: for so long, null = as long as the request lives. */
export function approved(mitigation: Mitigation, action: Action | null, seconds: Seconds | null, now: WallInstant): Step {
  return {
    mitigation: {
      ...mitigation,
      state: "active",
      decidedBy: "owner",
      action: action ?? mitigation.action,
      deadline: null,
      allowedUntil: seconds === null ? null : later(now, inMilliseconds(seconds)),
    },
    effects: ["enforce", "cut-flows", "notify-upstream", "tell-owner", "remember"],
  };
}

/** The owner's word comes before all that follows from it. */
export function byOwner(word: Effect, { mitigation, effects }: Step): Step {
  return { mitigation, effects: [word, ...effects] };
}

/** What was denied, or not answered in time, can still be taken back or allowed, or turn out to be another device's, while the upstream asks for it. */
export function afterEnd(mitigation: Mitigation, event: MitigationEvent, policy: Policy, now: WallInstant): Step {
  switch (event.is) {
    case "witnessed":
      return sentByAnother(mitigation, event.decision, policy, now);
    case "released":
      return takenBack(mitigation, now);
    case "approved": {
      if (!canBlockAfterAll(mitigation, now)) return unchanged(mitigation);
      return byOwner("lift-no", approved(reopened(mitigation), event.action, event.seconds, now));
    }
    // Not asked for any more; what the owner said holds on.
    case "withdrawn":
      return isLeftAlone(mitigation, now)
        ? {
          mitigation: { ...mitigation, expiresAt: now, ...(mitigation.askedAgainUntil === undefined ? {} : { askedAgainUntil: now }) },
          effects: ["enforce", "remember"],
        }
        : unchanged(mitigation);
    default:
      return unchanged(mitigation);
  }
}

/** As it is asked for now, without what became of it. */
function reopened(mitigation: Mitigation): Mitigation {
  const again: { -readonly [Field in keyof Mitigation]: Mitigation[Field] } = {
    ...mitigation,
    outcome: null,
    status: status.inProgress,
    startedAt: null,
    dropped: { packets: 0, bytes: 0 },
    lastDropAt: null,
    conflict: null,
    expiresAt: askedUntil(mitigation),
  };
  delete again.endedAt;
  delete again.isTakenBack;
  delete again.askedAgainUntil;
  delete again.leak;
  return again;
}

/**
 * What was turned down is sent by another device, from the address of the one that the owner wants left alone: their word is about that one,
 * and stays. About the sender it is a request like any other.
 */
function sentByAnother(mitigation: Mitigation, decision: Decision, policy: Policy, now: WallInstant): Step {
  const senders = decision.devices.filter(({ mac }) => mac !== null && !mitigation.devices.some((device) => device.mac === mac));
  if (!isLeftAlone(mitigation, now) || senders.length === 0 || (decision.is !== "act" && decision.is !== "ask")) return unchanged(mitigation);
  const again: Mitigation = { ...reopened(mitigation), devices: senders, action: decision.action, allowedUntil: null };
  if (decision.is === "act")
    return {
      mitigation: { ...again, state: "active", decidedBy: "policy", deadline: null },
      effects: ["enforce", "cut-flows", "notify-upstream", "tell-owner", "remember"],
    };
  return {
    mitigation: { ...again, state: "pending", decidedBy: null, deadline: later(now, inMilliseconds(policy.consentTimeoutSeconds)) },
    effects: ["enforce", "notify-upstream", "tell-owner", "remember"],
  };
}

/** For the upstream it has ended, and stays so: but it may ask again. */
function takenBack(mitigation: Mitigation, now: WallInstant): Step {
  return canTakeBack(mitigation, now) ? { mitigation: { ...mitigation, isTakenBack: true }, effects: ["lift-no", "remember"] } : unchanged(mitigation);
}

/** RFC 9066 §5.3.1: the owner holds the traffic for legitimate, and the upstream hears so. */
export function refusedByOwner(mitigation: Mitigation, outcome: "denied" | "released", now: WallInstant): Step {
  return end({ ...mitigation, conflict: { cause: conflictCause.legitimateTraffic } }, outcome, status.withdrawnByServer, now);
}
