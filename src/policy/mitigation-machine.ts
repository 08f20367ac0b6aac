import { actionOn } from "../model/acting.ts";
import type { AttackReport } from "../model/attack-report.ts";
import type { Device } from "../model/device.ts";
import type { MitigationRequest } from "../model/mitigation-request.ts";
import { mitigationStatus as status, type Action, type DropCount, type Mitigation, type MitigationId, type Outcome } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { conflictCause } from "../model/refusal.ts";
import { between, earliest, expiresAt, inMilliseconds, later, seconds, type Seconds, type WallInstant } from "../model/time.ts";
import type { Decision } from "./decide.ts";
import { dropsStandStill, escalatedAction, onceMoreAfter, proveEffect, watchTraffic } from "./proof-of-effect.ts";
import { askedUntil, canBlockAfterAll, canTakeBack, isLeftAlone } from "./refused-by-owner.ts";

/** What can happen to a mitigation. */
export type MitigationEvent =
  | { readonly is: "found"; readonly devices: readonly Device[]; readonly decision: Decision; /** End of the question that it joins. */ readonly deadline?: WallInstant | null }
  | { readonly is: "approved"; readonly action: Action | null; /** Null = as long as the request lives. */ readonly seconds: Seconds | null }
  /** All of its devices, with their addresses of now. */
  | { readonly is: "followed"; readonly devices: readonly Device[] }
  /** The packets have shown who sends them: all of its devices, those that were named wrongly, and what may be done now. */
  | { readonly is: "witnessed"; readonly devices: readonly Device[]; readonly cleared: readonly Device[]; readonly decision: Decision }
  /** Devices that the owner, from now on, wants never to be touched. */
  | { readonly is: "spared"; readonly devices: readonly Device[] }
  | { readonly is: "denied" | "released" | "withdrawn" | "overridden" | "enforced" | "time" }
  /** The upstream says so (RFC 9132 §4.4.3), and no further device was found. */
  | { readonly is: "still-attacked" }
  | { readonly is: "refreshed"; /** Null = as before. */ readonly lifetime: Seconds | null; readonly report?: AttackReport | null }
  | { readonly is: "counted"; readonly dropped: DropCount; /** Reported traffic that left all the same. */ readonly left?: DropCount };

/** What the pipeline has to do after a step; it decides none of it. */
export type Effect =
  | "enforce" // make the packet filter hold what the mitigations now need
  | "cut-flows" // end the flows under way between device and target
  | "notify-upstream"
  | "tell-owner"
  | "keep-no" // the owner's no to its devices and target holds from now on
  | "lift-no" // ... and no longer
  | "remember"; // write to saved state and history

export interface Step {
  readonly mitigation: Mitigation;
  readonly effects: readonly Effect[];
}

/** The longest active-but-terminating period (RFC 9132 §4.4.4). */
const longestTerminating = seconds(300);

/** A request that was admitted, before anything is known about it. */
export function newMitigation(id: MitigationId, request: MitigationRequest, granted: Seconds, policy: Policy, now: WallInstant): Mitigation {
  return {
    id, request, state: "pending", outcome: null, status: status.inProgress, action: policy.action, decidedBy: null,
    requestedAt: now, expiresAt: expiresAt(now, granted), allowedUntil: null, startedAt: null, deadline: null,
    terminatingPeriod: policy.terminatingPeriodSeconds, devices: [], dropped: { packets: 0, bytes: 0 }, lastDropAt: null, conflict: null,
  };
}

/** One step: what becomes of the mitigation, and what is to be done. An event that does not apply changes nothing. */
export function step(mitigation: Mitigation, event: MitigationEvent, policy: Policy, now: WallInstant): Step {
  if (mitigation.state === "ended") return afterEnd(mitigation, event, now);
  switch (event.is) {
    case "found": return found(mitigation, event.devices, event.decision, event.deadline ?? null, policy, now);
    case "approved": return mitigation.state === "pending" ? byOwner("lift-no", approved(mitigation, event.action, event.seconds, now)) : unchanged(mitigation);
    case "denied": return mitigation.state === "pending" ? byOwner("keep-no", refusedByOwner({ ...mitigation, decidedBy: "admin" }, "denied", now)) : unchanged(mitigation);
    case "released": return mitigation.state === "pending" ? unchanged(mitigation) : byOwner("keep-no", refusedByOwner({ ...mitigation, decidedBy: "admin" }, "released", now));
    case "followed": return followed(mitigation, event.devices);
    case "witnessed": return witnessed(mitigation, event, policy, now);
    case "spared": return spared(mitigation, event.devices, now);
    case "withdrawn": return withdrawn(mitigation, now);
    case "overridden": return end(mitigation, "overridden", status.withdrawnByServer, now); // §4.4.1.3: automatically deleted
    case "refreshed": return refreshed(event.report ? { ...mitigation, request: { ...mitigation.request, report: event.report } } : mitigation, event.lifetime, now);
    case "still-attacked": return stillAttacked(mitigation, policy, now);
    case "enforced": return enforced(mitigation, now);
    case "counted": return proved(counted(mitigation, event.dropped, now), event.left, policy, now);
    case "time": return timePassed(mitigation, policy, now);
  }
}

/** When the next `time` event is due; null = never. */
export function nextDeadline(mitigation: Mitigation, policy: Policy): WallInstant | null {
  if (mitigation.state === "ended") return null;
  const [first, ...others] = [mitigation.expiresAt, mitigation.allowedUntil, mitigation.deadline, quietAt(mitigation, policy)].filter((at) => at !== null);
  return first === undefined ? null : earliest(first, ...others);
}

/** Whether the packet filter holds rules for it. */
export function isEnforced(mitigation: Mitigation): boolean {
  return (mitigation.state === "active" || mitigation.state === "terminating") && mitigation.action !== "observe";
}

function found(mitigation: Mitigation, devices: readonly Device[], decision: Decision, joined: WallInstant | null, policy: Policy, now: WallInstant): Step {
  if (mitigation.state === "terminating" || (mitigation.state === "active" && mitigation.devices.length > 0)) return unchanged(mitigation);
  const known = { ...mitigation, devices: decision.devices };
  // Without a device, what was reported is watched for, and dropped if it may be, where it leaves the home.
  const acting: Effect[] = devices.length === 0 ? ["enforce", "remember"] : ["enforce", "cut-flows", "tell-owner", "remember"];
  if (mitigation.decidedBy === "admin" && decision.is !== "reject") return { mitigation: known, effects: acting };
  switch (decision.is) {
    case "reject": return end({ ...known, conflict: { cause: conflictCause.legitimateTraffic } }, "rejected", status.withdrawnByServer, now);
    case "observe": return {
      mitigation: { ...known, state: "active", action: "observe", decidedBy: "policy", deadline: null }, effects: ["enforce", "tell-owner", "remember"],
    };
    case "act": return {
      mitigation: { ...known, state: "active", action: decision.action, decidedBy: "policy", deadline: null, ...(devices.length > 0 ? { namedAt: now } : {}) }, effects: acting,
    };
    case "ask": {
      // The owner can only be asked about a device: until one is found, the request stays on watch.
      if (devices.length === 0) return { mitigation: known, effects: acting };
      const deadline = mitigation.deadline ?? joined ?? later(now, inMilliseconds(policy.consentTimeoutSeconds));
      const waiting: Mitigation = { ...known, state: "pending", decidedBy: null, action: decision.action, deadline };
      return { mitigation: waiting, effects: ["enforce", "tell-owner", "remember"] };
    }
  }
}

function approved(mitigation: Mitigation, action: Action | null, seconds: Seconds | null, now: WallInstant): Step {
  return {
    mitigation: {
      ...mitigation, state: "active", decidedBy: "admin", action: action ?? mitigation.action, deadline: null,
      allowedUntil: seconds === null ? null : later(now, inMilliseconds(seconds)),
    },
    effects: ["enforce", "cut-flows", "notify-upstream", "tell-owner", "remember"],
  };
}

/** The owner's word comes before all that follows from it. */
function byOwner(word: Effect, { mitigation, effects }: Step): Step {
  return { mitigation, effects: [word, ...effects] };
}

/** What was denied, or not answered in time, can still be taken back or allowed, while the upstream asks for it. */
function afterEnd(mitigation: Mitigation, event: MitigationEvent, now: WallInstant): Step {
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
function refusedByOwner(mitigation: Mitigation, outcome: "denied" | "released", now: WallInstant): Step {
  return end({ ...mitigation, conflict: { cause: conflictCause.legitimateTraffic } }, outcome, status.withdrawnByServer, now);
}

/** Addresses come and go: they are no reason to write flash. A device that has changed its MAC address is. */
function followed(mitigation: Mitigation, devices: readonly Device[]): Step {
  if (!isEnforced(mitigation)) return unchanged(mitigation);
  return { mitigation: { ...mitigation, devices }, effects: devices.length > mitigation.devices.length ? ["enforce", "cut-flows", "tell-owner", "remember"] : ["enforce"] };
}

/**
 * The packets bear the MAC address of the device that was named, or of another one, which takes its place. What the owner approved is
 * that this traffic is stopped: another device than the one they saw is blocked for it, and not cut off from everything.
 */
function witnessed(mitigation: Mitigation, { devices, cleared, decision }: Extract<MitigationEvent, { is: "witnessed" }>, policy: Policy, now: WallInstant): Step {
  if (mitigation.state !== "pending" && mitigation.state !== "active") return unchanged(mitigation);
  // What was weighed while the kernel was asked is kept.
  const weighed = (device: Device): Device => {
    const now = mitigation.devices.find(({ mac }) => mac !== null && mac === (device.insteadOf?.mac ?? device.mac));
    return now && now.evidence.packets > device.evidence.packets ? { ...device, evidence: now.evidence } : device;
  };
  const known: Mitigation = { ...mitigation, devices: decision.devices.map(weighed) };
  const heldAs = (each: Mitigation): string => JSON.stringify(each.devices.map((device) => [device.mac, actionOn(each, device)]).sort());
  /** Where it is only more certain than before, there is nothing to tell: the first drop is told soon. */
  const held = (next: Mitigation): Step => ({ mitigation: next, effects: heldAs(next) === heldAs(mitigation) && next.state === mitigation.state ? ["enforce", "remember"] : ["enforce", "cut-flows", "tell-owner", "remember"] });
  if (decision.is === "reject") return end({ ...known, conflict: { cause: conflictCause.legitimateTraffic } }, "rejected", status.withdrawnByServer, now);
  if (decision.is === "observe") return { mitigation: { ...known, devices }, effects: cleared.length > 0 ? ["tell-owner", "remember"] : ["remember"] };
  if (mitigation.state === "active" && mitigation.decidedBy === "admin") {
    return held({ ...known, action: cleared.length > 0 && mitigation.action === "quarantine" ? "block" : mitigation.action });
  }
  // A question about these devices stays one: that it may be acted now is for the next request.
  const isAsked = mitigation.state === "pending" && cleared.length === 0 && mitigation.devices.length === devices.length
    && mitigation.devices.every(({ mac, certainty }) => certainty !== "ambiguous" && devices.some((device) => device.mac === mac));
  // What is in force for these very devices is no question, though it would be one now, after a reload.
  const isTheSame = cleared.length === 0 && devices.every(({ mac }) => mac !== null && mitigation.devices.some((device) => device.mac === mac));
  if (decision.is === "ask" && mitigation.state === "active" && isTheSame) return held(known);
  if (decision.is === "act" && !isAsked) return held({ ...known, state: "active", action: decision.action, decidedBy: "policy", deadline: null });
  // Nobody was asked about the device that it is now.
  const deadline = mitigation.deadline ?? later(now, inMilliseconds(policy.consentTimeoutSeconds));
  const waiting: Mitigation = { ...known, state: "pending", status: status.inProgress, decidedBy: null, action: decision.action, deadline };
  if (mitigation.state === "pending") return { mitigation: waiting, effects: heldAs(waiting) === heldAs(mitigation) ? ["tell-owner", "remember"] : ["enforce", "tell-owner", "remember"] };
  return { mitigation: waiting, effects: ["enforce", "notify-upstream", "tell-owner", "remember"] };
}

/** A mitigation that only observes touches nobody. Without a device that may be touched, it is as if it had never been admitted. */
function spared(mitigation: Mitigation, devices: readonly Device[], now: WallInstant): Step {
  const others = mitigation.devices.filter((device) => !devices.includes(device));
  if (others.length === mitigation.devices.length || mitigation.action === "observe") return unchanged(mitigation);
  if (others.length > 0) return { mitigation: { ...mitigation, devices: others }, effects: ["enforce", "tell-owner", "remember"] };
  if (mitigation.state === "terminating") return end(mitigation, "withdrawn", status.terminated, now);
  return end({ ...mitigation, conflict: { cause: conflictCause.legitimateTraffic } }, "rejected", status.withdrawnByServer, now);
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
      ...renewed, state: "active", status: mitigation.startedAt === null ? status.inProgress : status.mitigated, deadline: null,
      terminatingPeriod: seconds(Math.min(longestTerminating, mitigation.terminatingPeriod * 2)),
    },
    effects: ["enforce", "notify-upstream", "remember"],
  };
}

/** The packet filter has taken the rules. After a decision of the owner that is news for the upstream; else the first drop is. */
function enforced(mitigation: Mitigation, now: WallInstant): Step {
  if (!isEnforced(mitigation) || mitigation.startedAt !== null || mitigation.devices.length === 0) return unchanged(mitigation);
  const started = { ...mitigation, startedAt: now };
  return mitigation.decidedBy === "admin" && mitigation.state === "active"
    ? { mitigation: { ...started, status: status.mitigated }, effects: ["notify-upstream"] }
    : { mitigation: started, effects: [] };
}

function counted(mitigation: Mitigation, dropped: DropCount, now: WallInstant): Step {
  if (dropped.packets <= mitigation.dropped.packets) return unchanged(mitigation);
  const counting = { ...mitigation, dropped, lastDropAt: now, startedAt: mitigation.startedAt ?? now };
  const waiting = mitigation.state === "active" && (mitigation.status === status.inProgress || mitigation.status === status.stopped);
  return waiting && isEnforced(mitigation)
    ? { mitigation: { ...counting, status: status.mitigated }, effects: ["notify-upstream", "tell-owner"] }
    : { mitigation: counting, effects: [] };
}

/** The attack must not leave the home any more: if it does, once more and stronger; then the upstream hears that it exceeds us. */
function proved({ mitigation, effects }: Step, left: DropCount | undefined, policy: Policy, now: WallInstant): Step {
  if (left && mitigation.action === "observe" && mitigation.state === "active") {
    const watched = { ...mitigation, ...watchTraffic(mitigation, left, now) };
    return { mitigation: watched, effects: watched.status === mitigation.status ? effects : [...effects, "notify-upstream"] };
  }
  const proof = left && proveEffect(mitigation, left, now);
  if (!proof) return { mitigation, effects };
  const known = { ...mitigation, leak: proof.leak };
  switch (proof.verdict) {
    case "none": return { mitigation: known, effects };
    case "escalate": return { mitigation: { ...known, action: escalatedAction(mitigation, policy) }, effects: [...effects, "enforce", "cut-flows", "remember"] };
    case "again": return { mitigation: known, effects: [...effects, "enforce", "cut-flows"] };
    case "exceeded": return { mitigation: { ...known, status: status.exceeded }, effects: ["notify-upstream", "tell-owner"] };
    case "tight": return { mitigation: { ...known, status: status.mitigated }, effects: ["notify-upstream", "tell-owner"] };
  }
}

/** Nothing is dropped while the target says that it is attacked: what is in force may not reach the attack, as flows in an offload. */
function stillAttacked(mitigation: Mitigation, policy: Policy, now: WallInstant): Step {
  if (!dropsStandStill(mitigation, now)) return unchanged(mitigation);
  const { leak } = mitigation;
  if (leak && between(leak.since, now) < onceMoreAfter) return unchanged(mitigation);
  const action = escalatedAction(mitigation, policy);
  return {
    mitigation: { ...mitigation, action, ...leak ? { leak: { ...leak, isEscalated: true, since: now } } : {} },
    effects: action === mitigation.action ? ["enforce", "cut-flows"] : ["enforce", "cut-flows", "remember"],
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

/** When the attack counts as stopped (status 3) unless packets are dropped before; null if that is not the question. */
function quietAt(mitigation: Mitigation, policy: Policy): WallInstant | null {
  if (mitigation.state !== "active" || mitigation.status === status.stopped) return null;
  if (mitigation.action === "observe") return mitigation.leak ? later(mitigation.leak.lastAt ?? mitigation.leak.since, inMilliseconds(policy.attackStoppedAfterSeconds)) : null;
  if (mitigation.startedAt === null || mitigation.status === status.exceeded) return null;
  return later(mitigation.lastDropAt ?? mitigation.startedAt, inMilliseconds(policy.attackStoppedAfterSeconds));
}

function end(mitigation: Mitigation, outcome: Outcome, code: Mitigation["status"], now: WallInstant): Step {
  const effects: Effect[] = ["notify-upstream", "tell-owner", "remember"];
  return { mitigation: { ...mitigation, state: "ended", outcome, status: code, deadline: null, endedAt: now }, effects: ["enforce", ...effects] };
}

function unchanged(mitigation: Mitigation): Step {
  return { mitigation, effects: [] };
}
