import type { MacAddress } from "../model/device.ts";
import type { EnforcementRule, QuarantinedDevice } from "../model/enforcement.ts";
import type { Mitigation } from "../model/mitigation.ts";
import { between, seconds, type WallInstant } from "../model/time.ts";
import { longestUnrenewed } from "./rules-for.ts";

/** The devices that these rules cut off from everything: of several mitigations of one device the one that lasts longest counts. */
export function quarantinedDevices(rules: readonly EnforcementRule[]): readonly QuarantinedDevice[] {
  const devices = new Map<string, QuarantinedDevice>();
  for (const { action, mac, addresses, timeout } of rules) {
    if (action !== "quarantine") continue;
    const key = mac ?? addresses.join(" ");
    const known = devices.get(key);
    devices.set(key, {
      mac,
      addresses: [...new Set([...(known?.addresses ?? []), ...addresses])],
      timeout: seconds(Math.max(timeout, known?.timeout ?? 0)),
    });
  }
  return [...devices.values()];
}

/** Who was let go so lately that what an earlier run had others hold may still be held. */
export function lateQuarantines(mitigations: readonly Mitigation[], now: WallInstant): ReadonlySet<MacAddress> {
  const late = mitigations.filter(({ action, endedAt }) => action === "quarantine" && endedAt !== undefined && between(endedAt, now) < longestUnrenewed * 1000);
  return new Set(late.flatMap(({ devices }) => devices.flatMap(({ mac }) => mac ?? [])));
}
