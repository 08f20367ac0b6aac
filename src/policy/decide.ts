import type { Device } from "../model/device.ts";
import { parseIpAddress, prefixContains } from "../model/ip-prefix.ts";
import type { Action, Mitigation } from "../model/mitigation.ts";
import type { DevicePolicy, Policy } from "../model/policy.ts";
import { nothingSaid, type SaidOfTarget } from "./owners-nos.ts";
import { gentleAction } from "./spare-bystanders.ts";

/** What may be done about a request once its devices are known. `devices` are those it may be done to. */
export type Decision =
  | { readonly is: "act" | "ask"; readonly action: Exclude<Action, "observe">; readonly devices: readonly Device[] }
  | { readonly is: "observe"; readonly devices: readonly Device[] }
  /** Every device is one that is never to be touched, or not to be kept from this target: legitimate traffic, conflict-cause 4 (RFC 9066 §5.3.1). */
  | { readonly is: "reject"; readonly devices: readonly Device[] };

/**
 * Applies the owner's policy to the devices found. The most careful answer of any device counts for all of them:
 * one to be asked about makes it a question, and so do several devices that could not be told apart.
 * `managing`: addresses that manage this router now; `said`: what the owner has said no to at this target.
 */
export function decide(devices: readonly Device[], policy: Policy, managing: ReadonlySet<string> = new Set(), said: SaidOfTarget = nothingSaid): Decision {
  if (policy.consent === "observe") return { is: "observe", devices };
  const allowed = devices.filter((device) => !isProtected(device, policy) && !said.isRefused(device));
  if (devices.length > 0 && allowed.length === 0) return { is: "reject", devices };
  const ask = allowed.some((device) => device.certainty === "ambiguous" || (policyOf(device, policy)?.policy ?? policy.consent) === "ask");
  // The sender may be the device that the owner wants left alone.
  const nobodyYet = allowed.length === 0 && (policy.consent === "ask" || said.any);
  return { is: ask || nobodyYet ? "ask" : "act", action: mildestAction(allowed, policy, managing), devices: allowed };
}

const strength: readonly Action[] = ["observe", "limit", "block", "quarantine"];

/** Whether further devices may be held by a mitigation in force: nobody has to be asked, and what it does is no more than may be done to them. */
export function mayJoin({ action }: Pick<Mitigation, "action">, decision: Decision): boolean {
  return decision.is === "observe" ? action === "observe" : decision.is === "act" && strength.indexOf(decision.action) >= strength.indexOf(action);
}

/** Whether the owner wants the device never to be touched. */
export function isProtected(device: Device, policy: Policy): boolean {
  if (policyOf(device, policy)?.policy === "never") return true;
  const addresses = device.addresses.map(parseIpAddress).filter((address) => address !== undefined);
  return policy.neverBlock.some((thing) =>
    thing.is === "mac"
      ? thing.mac === device.mac
      : addresses.some((address) => prefixContains(thing.prefix, address))
  );
}

function policyOf(device: Device, policy: Policy): DevicePolicy | undefined {
  return device.mac === null ? undefined : policy.devices.find((each) => each.mac === device.mac);
}

/** A mitigation has one action: with several devices, the one that takes least from them. */
function mildestAction(devices: readonly Device[], policy: Policy, managing: ReadonlySet<string>): Exclude<Action, "observe"> {
  const actions = devices.map((device) => gentleAction(device, policyOf(device, policy)?.action ?? policy.action, managing));
  return (["limit", "block", "quarantine"] as const).find((action) => actions.includes(action)) ?? policy.action;
}
