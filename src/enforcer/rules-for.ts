import type { EnforcementRule } from "../model/enforcement.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import type { Instant, Seconds } from "../model/time.ts";

/**
 * No rule stays in the kernel for longer than this unless the daemon renews it: the dead-man switch. Long enough for an
 * upgrade of the daemon, short enough that a device is not cut off for a day by a daemon that is gone.
 */
export const longestTimeout: Seconds = 600;
/** How often rules are renewed while there are any. */
export const renewEvery: Seconds = 240;

/** What the packet filter has to hold for these mitigations: one rule a device. */
export function rulesFor(mitigations: readonly Mitigation[], policy: Pick<Policy, "limitRate" | "whilePending">, now: Instant): EnforcementRule[] {
  return mitigations.flatMap((mitigation) => {
    const action = actionNow(mitigation, policy);
    if (action === undefined) return [];
    const { target, source } = mitigation.request;
    return mitigation.devices.map((device) => ({
      mitigation: mitigation.id, action, mac: device.mac, addresses: device.addresses, target, icmpTypes: source.icmpTypes,
      packetsPerSecond: policy.limitRate, timeout: timeoutOf(mitigation, now),
    }));
  });
}

function actionNow(mitigation: Mitigation, policy: Pick<Policy, "whilePending">): EnforcementRule["action"] | undefined {
  if (mitigation.state === "pending") return policy.whilePending === "limit" && mitigation.deadline !== null ? "limit" : undefined;
  return mitigation.state === "ended" || mitigation.action === "observe" ? undefined : mitigation.action;
}

function timeoutOf(mitigation: Mitigation, now: Instant): Seconds {
  const ends = [mitigation.expiresAt, mitigation.allowedUntil, mitigation.deadline].filter((at) => at !== null).map((at) => Math.ceil((at - now) / 1000));
  return Math.max(1, Math.min(longestTimeout, ...ends));
}
