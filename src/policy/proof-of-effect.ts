import { mitigationStatus, type Action, type DropCount, type Leak, type Mitigation } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { between, later, milliseconds, type WallInstant } from "../model/time.ts";
import { isShared } from "./spare-bystanders.ts";

/** Packets under way when rules change still leave: what is counted so soon after proves nothing. */
const settling = milliseconds(1_000);
/** A flow that an offload took in a moment without rules stays there until it is ended. */
export const onceMoreAfter = milliseconds(30_000);
/** Without a packet for this long, it no longer leaks. */
const tightAfter = milliseconds(10_000);
/** An attack that is stopped here is counted all the time; counters are read every five seconds. */
const stillAfter = milliseconds(15_000);

export interface Proof {
  readonly leak: Leak;
  /** `escalate`: a stronger measure is due, once; `exceeded`: that did not help either; `again`: the same once more; `tight`: it helps now. */
  readonly verdict: "none" | "escalate" | "exceeded" | "again" | "tight";
}

/**
 * What the count of reported traffic that left the router says about a block or a quarantine in force. Called with every count;
 * `null` where it says nothing: a limit lets traffic through, as it should.
 */
export function proveEffect(mitigation: Mitigation, leaked: DropCount, now: WallInstant): Proof | null {
  const { leak, startedAt } = mitigation;
  if (mitigation.state !== "active" || startedAt === null || (mitigation.action !== "block" && mitigation.action !== "quarantine")) return null;
  const seen = { packets: leaked.packets, bytes: leaked.bytes };
  // A first look, a counter that was lost, or rules that have just changed: from here on it counts.
  if (!leak || leaked.packets < leak.seen.packets || now < later(leak.since, settling)) {
    return { leak: leak ? { ...leak, seen } : { seen, since: now, lastAt: null, isEscalated: false, isExceeded: false }, verdict: "none" };
  }
  if (leaked.packets === leak.seen.packets) {
    const tight = leak.isExceeded && leak.lastAt !== null && between(leak.lastAt, now) >= tightAfter;
    return { leak: tight ? { ...leak, isExceeded: false } : leak, verdict: tight ? "tight" : "none" };
  }
  const leaking = { ...leak, seen, lastAt: now };
  if (!leak.isEscalated) return { leak: { ...leaking, isEscalated: true, since: now }, verdict: "escalate" };
  if (!leak.isExceeded) return { leak: { ...leaking, isExceeded: true }, verdict: "exceeded" };
  return between(leak.since, now) < onceMoreAfter ? { leak: leaking, verdict: "none" } : { leak: { ...leaking, since: now }, verdict: "again" };
}

/** Whether a block or a quarantine is in force and stops nothing. */
export function dropsStandStill({ state, action, startedAt, lastDropAt }: Mitigation, now: WallInstant): boolean {
  if (state !== "active" || startedAt === null || (action !== "block" && action !== "quarantine")) return false;
  return between(lastDropAt ?? startedAt, now) >= stillAfter;
}

/**
 * The same count where the owner only observes: what leaves is more than this router will stop, and the upstream has to meet it
 * elsewhere. The first count is where it begins.
 */
export function watchTraffic({ leak, status }: Mitigation, leaked: DropCount, now: WallInstant): Pick<Mitigation, "leak" | "status"> {
  const seen = { packets: leaked.packets, bytes: leaked.bytes };
  if (!leak || leaked.packets <= leak.seen.packets) return { leak: { since: now, lastAt: null, isEscalated: false, isExceeded: false, ...leak, seen }, status };
  return { leak: { ...leak, seen, lastAt: now }, status: mitigationStatus.exceeded };
}

/**
 * The strongest that the owner's configuration allows for these devices: of several, a mitigation begins with the mildest. What
 * the owner chose when they approved stands.
 */
export function escalatedAction(mitigation: Mitigation, policy: Policy): Action {
  if (mitigation.action !== "block" || mitigation.decidedBy === "owner") return mitigation.action;
  const allowed = mitigation.devices.filter((device) => !isShared(device)).map(({ mac }) =>
    policy.devices.find((device) => device.mac === mac)?.action ?? policy.action
  );
  return allowed.length === mitigation.devices.length && allowed.includes("quarantine") ? "quarantine" : mitigation.action;
}

/** For the owner, while it lasts. */
export function leakWarning({ id, leak, state, status }: Mitigation): string | undefined {
  if (state !== "active" || !leak || leak.lastAt === null || !leak.isEscalated) return undefined;
  if (leak.isExceeded)
    return `mitigation ${id}: reported traffic still leaves the home although it is blocked; the upstream was told that it exceeds what this router can stop (status ${status})`;
  return undefined;
}
