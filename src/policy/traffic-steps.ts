import { type DropCount, type Mitigation, mitigationStatus as status } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { between, inMilliseconds, later, type WallInstant } from "../model/time.ts";
import { isEnforced, type Step, unchanged } from "./mitigation-step.ts";
import { dropsStandStill, escalatedAction, onceMoreAfter, proveEffect, watchTraffic } from "./proof-of-effect.ts";

/** The packet filter has taken the rules. After a decision of the owner that is news for the upstream; else the first drop is. */
export function enforced(mitigation: Mitigation, now: WallInstant): Step {
  if (!isEnforced(mitigation) || mitigation.startedAt !== null || mitigation.devices.length === 0) return unchanged(mitigation);
  const started = { ...mitigation, startedAt: now };
  return mitigation.decidedBy === "owner" && mitigation.state === "active"
    ? { mitigation: { ...started, status: status.mitigated }, effects: ["notify-upstream"] }
    : { mitigation: started, effects: [] };
}

/** The counters have been read: more was dropped than before, or not. */
export function counted(mitigation: Mitigation, dropped: DropCount, now: WallInstant): Step {
  if (dropped.packets <= mitigation.dropped.packets) return unchanged(mitigation);
  const counting = { ...mitigation, dropped, lastDropAt: now, startedAt: mitigation.startedAt ?? now };
  const waiting = mitigation.state === "active" && (mitigation.status === status.inProgress || mitigation.status === status.stopped);
  return waiting && isEnforced(mitigation)
    ? { mitigation: { ...counting, status: status.mitigated }, effects: ["notify-upstream", "tell-owner"] }
    : { mitigation: counting, effects: [] };
}

/** The attack must not leave the home any more: if it does, once more and stronger; then the upstream hears that it exceeds us. */
export function proved({ mitigation, effects }: Step, leaked: DropCount | undefined, policy: Policy, now: WallInstant): Step {
  if (leaked && mitigation.action === "observe" && mitigation.state === "active") {
    const watched = { ...mitigation, ...watchTraffic(mitigation, leaked, now) };
    return { mitigation: watched, effects: watched.status === mitigation.status ? effects : [...effects, "notify-upstream"] };
  }
  const proof = leaked && proveEffect(mitigation, leaked, now);
  if (!proof) return { mitigation, effects };
  const known = { ...mitigation, leak: proof.leak };
  switch (proof.verdict) {
    case "none":
      return { mitigation: known, effects };
    case "escalate":
      return { mitigation: { ...known, action: escalatedAction(mitigation, policy) }, effects: [...effects, "enforce", "cut-flows", "remember"] };
    case "again":
      return { mitigation: known, effects: [...effects, "enforce", "cut-flows"] };
    case "exceeded":
      return { mitigation: { ...known, status: status.exceeded }, effects: ["notify-upstream", "tell-owner"] };
    case "tight":
      return { mitigation: { ...known, status: status.mitigated }, effects: ["notify-upstream", "tell-owner"] };
  }
}

/** Nothing is dropped while the target says that it is attacked: what is in force may not reach the attack, as flows in an offload. */
export function stillAttacked(mitigation: Mitigation, policy: Policy, now: WallInstant): Step {
  if (!dropsStandStill(mitigation, now)) return unchanged(mitigation);
  const { leak } = mitigation;
  if (leak && between(leak.since, now) < onceMoreAfter) return unchanged(mitigation);
  const action = escalatedAction(mitigation, policy);
  return {
    mitigation: { ...mitigation, action, ...leak ? { leak: { ...leak, isEscalated: true, since: now } } : {} },
    effects: action === mitigation.action ? ["enforce", "cut-flows"] : ["enforce", "cut-flows", "remember"],
  };
}

/** When the attack counts as stopped (status 3) unless packets are dropped before; null if that is not the question. */
export function quietAt(mitigation: Mitigation, policy: Policy): WallInstant | null {
  if (mitigation.state !== "active" || mitigation.status === status.stopped) return null;
  if (mitigation.action === "observe")
    return mitigation.leak
      ? later(mitigation.leak.lastAt ?? mitigation.leak.since, inMilliseconds(policy.attackStoppedAfterSeconds))
      : null;
  if (mitigation.startedAt === null || mitigation.status === status.exceeded) return null;
  return later(mitigation.lastDropAt ?? mitigation.startedAt, inMilliseconds(policy.attackStoppedAfterSeconds));
}
