import type { Device } from "../model/device.ts";
import type { Infrastructure } from "../model/home.ts";
import type { Action } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";

/** A MAC address with this many IPv4 addresses is a repeater's or a router's; two may be one lease after another. */
const sharedFrom = 3;

/**
 * A repeater, a mesh node that routes, a second router: several devices behind one MAC address. A switch or a bridging access
 * point is none: behind it every device keeps its own.
 */
export function isShared(device: Device): boolean {
  return device.addresses.filter((address) => address.includes(".")).length >= sharedFrom;
}

/**
 * What may be done to a device unasked. A quarantine would cut off everybody behind a shared one, and the owner from their own
 * router: there the target alone is cut off, which stops the attack as well. `managing`: addresses that manage the router now.
 */
export function gentleAction(device: Device, action: Exclude<Action, "observe">, managing: ReadonlySet<string>): Exclude<Action, "observe"> {
  const spare = isShared(device) || device.addresses.some((address) => managing.has(address));
  return action === "quarantine" && spare ? "block" : action;
}

/** The owner's policy, and what nobody needs to configure: the router and its gateways are never cut off. */
export function sparingInfrastructure(policy: Policy, { macs, prefixes }: Infrastructure): Policy {
  return {
    ...policy,
    neverBlock: [...policy.neverBlock, ...macs.map((mac) => ({ is: "mac", mac }) as const), ...prefixes.map((prefix) => ({ is: "prefix", prefix }) as const)],
  };
}
