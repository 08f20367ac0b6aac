import { prefixContains } from "../model/ip-prefix.ts";
import type { Device } from "../model/device.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { MitigationEvent } from "./mitigation-step.ts";
import { remainingSeconds, seconds } from "../model/time.ts";

/**
 * A request that replaces others of the same client (a higher mid) is not asked about again if the owner allowed one of them
 * and it concerns no other device and no other target: undefined = it is a question of its own.
 */
export function inheritedDecision(mitigation: Mitigation, replaced: readonly Mitigation[]): MitigationEvent | undefined {
  if (mitigation.state !== "pending" || mitigation.devices.length === 0) return undefined;
  const allowed = replaced.find((earlier) => earlier.decidedBy === "owner" && covers(earlier, mitigation));
  if (!allowed) return undefined;
  const until = allowed.allowedUntil;
  const left = until === null ? null : seconds(Math.max(1, remainingSeconds(mitigation.requestedAt, until)));
  return { is: "approved", action: allowed.action, seconds: left };
}

/**
 * A device whose packets were seen for a request that this one replaces need not be seen again: what overlaps is the same traffic.
 * Devices as they were found for the new request.
 */
export function inheritedCertainty(devices: readonly Device[], replaced: readonly Mitigation[]): readonly Device[] {
  const isSeen = ({ mac, addresses }: Device): boolean =>
    replaced.some((earlier) =>
      earlier.devices.some((known) => (
        known.mac === mac && known.certainty === "exact" && known.addresses.some((address) => addresses.includes(address))
      ))
    );
  return devices.map((device) => (device.mac !== null && isSeen(device) ? { ...device, certainty: "exact" } : device));
}

/** Whether `later` concerns no other device and no other target. */
export function covers(earlier: Mitigation, later: Mitigation): boolean {
  const sameDevices = later.devices.every((device) => device.mac !== null && earlier.devices.some((known) => known.mac === device.mac));
  return sameDevices && targetCovers(earlier.request.target, later.request.target);
}

/** An empty list is no restriction: it covers any other, and only another empty one covers it. */
function targetCovers(earlier: AttackTarget, later: AttackTarget): boolean {
  const each = <T>(known: readonly T[], asked: readonly T[], holds: (outer: T, inner: T) => boolean): boolean =>
    known.length === 0 || (asked.length > 0 && asked.every((inner) => known.some((outer) => holds(outer, inner))));
  return each(earlier.prefixes, later.prefixes, prefixContains)
    && each(earlier.ports, later.ports, (outer, inner) => outer.lower <= inner.lower && inner.upper <= outer.upper)
    && each(earlier.protocols, later.protocols, (outer, inner) => outer === inner);
}
