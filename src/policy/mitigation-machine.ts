import type { MitigationRequest } from "../model/mitigation-request.ts";
import { type Mitigation, type MitigationId, mitigationStatus as status } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { earliest, expiresAt, inMilliseconds, later, seconds, type Seconds, type WallInstant } from "../model/time.ts";
import { followed, found, spared, witnessed } from "./device-steps.ts";
import { end, isEnforced, type MitigationEvent, type Step, unchanged } from "./mitigation-step.ts";
import { afterEnd, approved, byOwner, refusedByOwner } from "./owner-steps.ts";
import { counted, enforced, proved, quietAt, stillAttacked } from "./traffic-steps.ts";

/** The longest active-but-terminating period (RFC 9132 §4.4.4). */
const longestTerminating = seconds(300);

/** A request that was admitted, before anything is known about it. */
export function newMitigation(id: MitigationId, request: MitigationRequest, granted: Seconds, policy: Policy, now: WallInstant): Mitigation {
  return {
    id,
    request,
    state: "pending",
    outcome: null,
    status: status.inProgress,
    action: policy.action,
    decidedBy: null,
    requestedAt: now,
    expiresAt: expiresAt(now, granted),
    allowedUntil: null,
    startedAt: null,
    deadline: null,
    terminatingPeriod: policy.terminatingPeriodSeconds,
    devices: [],
    dropped: { packets: 0, bytes: 0 },
    lastDropAt: null,
    conflict: null,
  };
}

/** One step: what becomes of the mitigation, and what is to be done. An event that does not apply changes nothing. */
export function step(mitigation: Mitigation, event: MitigationEvent, policy: Policy, now: WallInstant): Step {
  if (mitigation.state === "ended") return afterEnd(mitigation, event, policy, now);
  switch (event.is) {
    case "found":
      return found(mitigation, event.devices, event.decision, event.deadline ?? null, policy, now);
    case "approved":
      return mitigation.state === "pending" ? byOwner("lift-no", approved(mitigation, event.action, event.seconds, now)) : unchanged(mitigation);
    case "denied":
      return mitigation.state === "pending" ? byOwner("keep-no", refusedByOwner({ ...mitigation, decidedBy: "owner" }, "denied", now)) : unchanged(mitigation);
    case "released":
      return mitigation.state === "pending"
        ? unchanged(mitigation)
        : byOwner("keep-no", refusedByOwner({ ...mitigation, decidedBy: "owner" }, "released", now));
    case "followed":
      return followed(mitigation, event.devices);
    case "witnessed":
      return witnessed(mitigation, event, policy, now);
    case "spared":
      return spared(mitigation, event.devices, now);
    case "withdrawn":
      return withdrawn(mitigation, now);
    case "overridden":
      return end(mitigation, "overridden", status.withdrawnByServer, now); // §4.4.1.3: automatically deleted
    case "refreshed":
      return refreshed(event.report ? { ...mitigation, request: { ...mitigation.request, report: event.report } } : mitigation, event.lifetime, now);
    case "still-attacked":
      return stillAttacked(mitigation, policy, now);
    case "enforced":
      return enforced(mitigation, now);
    case "counted":
      return proved(counted(mitigation, event.dropped, now), event.leaked, policy, now);
    case "time":
      return timePassed(mitigation, policy, now);
  }
}

/** When the next `time` event is due; null = never. */
export function nextDeadline(mitigation: Mitigation, policy: Policy): WallInstant | null {
  if (mitigation.state === "ended") return null;
  const [first, ...others] = [mitigation.expiresAt, mitigation.allowedUntil, mitigation.deadline, quietAt(mitigation, policy)].filter((at) => at !== null);
  return first === undefined ? null : earliest(first, ...others);
}

/** RFC 9132 §4.4.4: mitigation goes on for a while after its withdrawal. */
function withdrawn(mitigation: Mitigation, now: WallInstant): Step {
  if (mitigation.state === "terminating") return unchanged(mitigation);
  const winding = isEnforced(mitigation) && mitigation.startedAt !== null && mitigation.terminatingPeriod > 0;
  if (!winding) return end(mitigation, "withdrawn", status.terminated, now);
  return {
    mitigation: { ...mitigation, state: "terminating", status: status.terminating, deadline: later(now, inMilliseconds(mitigation.terminatingPeriod)) },
    effects: ["enforce", "notify-upstream", "remember"],
  };
}

function refreshed(mitigation: Mitigation, lifetime: Seconds | null, now: WallInstant): Step {
  const renewed = lifetime === null ? mitigation : { ...mitigation, expiresAt: expiresAt(now, lifetime) };
  if (mitigation.state !== "terminating") return { mitigation: renewed, effects: isEnforced(mitigation) ? ["enforce", "remember"] : ["remember"] };
  // §4.4.4: requested again before the period elapsed: the next period is twice as long.
  return {
    mitigation: {
      ...renewed,
      state: "active",
      status: mitigation.startedAt === null ? status.inProgress : status.mitigated,
      deadline: null,
      terminatingPeriod: seconds(Math.min(longestTerminating, mitigation.terminatingPeriod * 2)),
    },
    effects: ["enforce", "notify-upstream", "remember"],
  };
}

function timePassed(mitigation: Mitigation, policy: Policy, now: WallInstant): Step {
  const past = (at: WallInstant | null): boolean => at !== null && at <= now;
  if (mitigation.state === "terminating") {
    const over = past(mitigation.deadline) || past(mitigation.expiresAt) || past(mitigation.allowedUntil);
    return over ? end(mitigation, "withdrawn", status.terminated, now) : unchanged(mitigation);
  }
  if (past(mitigation.expiresAt)) return end(mitigation, mitigation.devices.length === 0 ? "unattributed" : "expired", status.terminated, now);
  if (past(mitigation.allowedUntil)) return refusedByOwner(mitigation, "released", now);
  if (past(mitigation.deadline)) {
    if (policy.onTimeout === "deny") return refusedByOwner({ ...mitigation, decidedBy: "policy" }, "denied", now);
    const { mitigation: acting, effects } = approved(mitigation, null, null, now);
    return { mitigation: { ...acting, decidedBy: "policy" }, effects };
  }
  if (past(quietAt(mitigation, policy))) return { mitigation: { ...mitigation, status: status.stopped }, effects: ["notify-upstream"] };
  return unchanged(mitigation);
}
