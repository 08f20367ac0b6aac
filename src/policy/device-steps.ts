import { actionOn } from "../model/acting.ts";
import type { Device } from "../model/device.ts";
import { type Mitigation, mitigationStatus as status } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { conflictCause } from "../model/refusal.ts";
import { inMilliseconds, later, type WallInstant } from "../model/time.ts";
import type { Decision } from "./decide.ts";
import { type Effect, end, isEnforced, type MitigationEvent, type Step, unchanged } from "./mitigation-step.ts";

/** The devices are known, or that nobody is: what the decision about them makes of the request. */
export function found(mitigation: Mitigation, devices: readonly Device[], decision: Decision, joined: WallInstant | null, policy: Policy,
  now: WallInstant): Step {
  if (mitigation.state === "terminating" || (mitigation.state === "active" && mitigation.devices.length > 0)) return unchanged(mitigation);
  const known = { ...mitigation, devices: decision.devices };
  // Without a device, what was reported is watched for, and dropped if it may be, where it leaves the home.
  const acting: Effect[] = devices.length === 0 ? ["enforce", "remember"] : ["enforce", "cut-flows", "tell-owner", "remember"];
  if (mitigation.decidedBy === "owner" && decision.is !== "reject") return { mitigation: known, effects: acting };
  switch (decision.is) {
    case "reject":
      return end({ ...known, conflict: { cause: conflictCause.legitimateTraffic } }, "rejected", status.withdrawnByServer, now);
    case "observe":
      return {
        mitigation: { ...known, state: "active", action: "observe", decidedBy: "policy", deadline: null },
        effects: ["enforce", "tell-owner", "remember"],
      };
    case "act":
      return {
        mitigation: {
          ...known,
          state: "active",
          action: decision.action,
          decidedBy: "policy",
          deadline: null,
          ...(devices.length > 0 ? { namedAt: now } : {}),
        },
        effects: acting,
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

/** Addresses come and go: they are no reason to write flash. A device that has changed its MAC address is. */
export function followed(mitigation: Mitigation, devices: readonly Device[]): Step {
  if (!isEnforced(mitigation)) return unchanged(mitigation);
  return {
    mitigation: { ...mitigation, devices },
    effects: devices.length > mitigation.devices.length ? ["enforce", "cut-flows", "tell-owner", "remember"] : ["enforce"],
  };
}

/**
 * The packets bear the MAC address of the device that was named, or of another one, which takes its place. What the owner approved is
 * that this traffic is stopped: another device than the one they saw is blocked for it, and not cut off from everything.
 */
export function witnessed(mitigation: Mitigation, { devices, cleared, decision }: Extract<MitigationEvent, { is: "witnessed" }>, policy: Policy,
  now: WallInstant): Step {
  if (mitigation.state !== "pending" && mitigation.state !== "active") return unchanged(mitigation);
  // What was weighed while the kernel was asked is kept.
  const weighed = (device: Device): Device => {
    const now = mitigation.devices.find(({ mac }) => mac !== null && mac === (device.insteadOf?.mac ?? device.mac));
    return now && now.evidence.packets > device.evidence.packets ? { ...device, evidence: now.evidence } : device;
  };
  const known: Mitigation = { ...mitigation, devices: decision.devices.map(weighed) };
  const heldAs = (each: Mitigation): string => JSON.stringify(each.devices.map((device) => [device.mac, actionOn(each, device)]).sort());
  /** Where it is only more certain than before, there is nothing to tell: the first drop is told soon. */
  const held = (next: Mitigation): Step => ({
    mitigation: next,
    effects: heldAs(next) === heldAs(mitigation) && next.state === mitigation.state
      ? ["enforce", "remember"]
      : ["enforce", "cut-flows", "tell-owner", "remember"],
  });
  if (decision.is === "reject") return end({ ...known, conflict: { cause: conflictCause.legitimateTraffic } }, "rejected", status.withdrawnByServer, now);
  if (decision.is === "observe") return { mitigation: { ...known, devices }, effects: cleared.length > 0 ? ["tell-owner", "remember"] : ["remember"] };
  if (mitigation.state === "active" && mitigation.decidedBy === "owner") {
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
  if (mitigation.state === "pending")
    return { mitigation: waiting, effects: heldAs(waiting) === heldAs(mitigation) ? ["tell-owner", "remember"] : ["enforce", "tell-owner", "remember"] };
  return { mitigation: waiting, effects: ["enforce", "notify-upstream", "tell-owner", "remember"] };
}

/** A mitigation that only observes touches nobody. Without a device that may be touched, it is as if it had never been admitted. */
export function spared(mitigation: Mitigation, devices: readonly Device[], now: WallInstant): Step {
  const others = mitigation.devices.filter((device) => !devices.includes(device));
  if (others.length === mitigation.devices.length || mitigation.action === "observe") return unchanged(mitigation);
  if (others.length > 0) return { mitigation: { ...mitigation, devices: others }, effects: ["enforce", "tell-owner", "remember"] };
  if (mitigation.state === "terminating") return end(mitigation, "withdrawn", status.terminated, now);
  return end({ ...mitigation, conflict: { cause: conflictCause.legitimateTraffic } }, "rejected", status.withdrawnByServer, now);
}
