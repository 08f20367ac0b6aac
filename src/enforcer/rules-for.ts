import { actionOn } from "../model/acting.ts";
import type { Device, MacAddress } from "../model/device.ts";
import { isSingleAddress } from "../model/ip-prefix.ts";
import { portProtocols } from "../model/ip-protocol.ts";
import type { AttackFlows, AttackTarget } from "../model/mitigation-request.ts";
import { mergeRanges } from "../model/number-range.ts";
import type { EnforcementRule, ReportedFlows, ReportedTraffic } from "../model/enforcement.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { between, later, milliseconds, seconds, type Seconds, type WallInstant } from "../model/time.ts";

/**
 * No rule stays in the kernel for longer than this unless the daemon renews it: the dead-man switch. Long enough for an
 * upgrade of the daemon, short enough that a device is not cut off for a day by a daemon that is gone.
 */
export const longestUnrenewed = seconds(600);
/** How often rules are renewed while there are any. */
export const renewEvery = seconds(240);

/**
 * So long after it was named, a device that is known by its address alone has its packets held where they leave the home only: there
 * the kernel sees whose they are. A rule on the device comes first on their way, and nobody would see them any more.
 */
export const lookedForAtFirst = milliseconds(2_000);

/** Whether a device has no rule of its own yet, as the first packets are to show that it is the sender. */
export function isLookedFor({ state, decidedBy, namedAt }: Mitigation, { mac, certainty }: Device, now: WallInstant): boolean {
  return state === "active" && decidedBy === "policy" && mac !== null && certainty !== "exact"
    && namedAt !== undefined && now >= namedAt && now < later(namedAt, lookedForAtFirst);
}

/** What the packet filter has to hold for these mitigations: one rule a device. */
export function rulesFor(mitigations: readonly Mitigation[], policy: Pick<Policy, "limitRate" | "whilePending">, now: WallInstant): EnforcementRule[] {
  return mitigations.flatMap((mitigation) => {
    const action = actionNow(mitigation, policy);
    if (action === undefined) return [];
    const { target, source } = mitigation.request;
    return mitigation.devices.filter((device) => !isLookedFor(mitigation, device, now)).map((device) => ({
      mitigation: mitigation.id,
      action: action === "quarantine" && actionOn(mitigation, device) === "block" ? "block" as const : action,
      mac: device.mac,
      addresses: device.addresses,
      target,
      icmpTypes: source.icmpTypes,
      packetsPerSecond: policy.limitRate,
      timeout: timeoutOf(mitigation, now),
    }));
  });
}

/**
 * What the packet filter has to look for where traffic leaves the home. A mitigation that may act has what was reported dropped
 * there, whether or not its device is known; one that may not has the senders recorded, whichever device was named until now. `leavesSomeAlone`: whether
 * the owner wants some device left alone when it sends to the target. Nothing is dropped there of senders that are not known. `isWatched`: whether what
 * has ended is to be counted all the same.
 */
export function reportedFor(
  mitigations: readonly Mitigation[],
  policy: Pick<Policy, "limitRate" | "neverBlock" | "devices">,
  now: WallInstant,
  leavesSomeAlone: (target: AttackTarget) => boolean = () => false,
  isWatched: (mitigation: Mitigation) => boolean = () => false,
): ReportedTraffic {
  const flows = mitigations.flatMap((mitigation): ReportedFlows[] => {
    const { target, source } = mitigation.request;
    const isCareful = leavesSomeAlone(target);
    const action = isCareful && mitigation.devices.length === 0 && mitigation.state !== "ended"
      ? "watch"
      : reportedAction(mitigation) ?? (isWatched(mitigation) ? "watch" : undefined);
    // A device that was named by an address alone may be the wrong one: the sender is looked at.
    const senders = action === "watch" || (isSpecific(mitigation.request) && !isCareful) ? null : sendersOf(mitigation);
    const addresses = mitigation.devices.flatMap((device) => device.addresses);
    return action === undefined || (senders?.length === 0 && (isCareful || addresses.length === 0)) ? [] : [{
      mitigation: mitigation.id,
      target,
      source,
      action,
      packetsPerSecond: policy.limitRate,
      // Once devices are known, everybody who had to be asked has been.
      sparesUnasked: mitigation.decidedBy !== "owner" && mitigation.devices.length === 0,
      senders,
      addresses,
      timeout: timeoutOf(mitigation, now),
    }];
  });
  const macsOf = (wanted: "never" | "ask"): string[] => policy.devices.filter((device) => device.policy === wanted).map(({ mac }) => mac);
  return {
    flows,
    spared: {
      macs: [...macsOf("never"), ...policy.neverBlock.flatMap((thing) => (thing.is === "mac" ? [thing.mac] : []))],
      prefixes: policy.neverBlock.flatMap((thing) => (thing.is === "prefix" ? [thing.prefix] : [])),
      unaskedMacs: macsOf("ask"),
    },
  };
}

/** More source ports than this are not those of a few flows: other devices' flows may be among them. */
const mostSpecificPorts = 1024;

/**
 * Whether what was reported fits the reported flows only, and not other devices' traffic to the same target: so it does with a
 * host's own IPv6 address, and behind NAT with its source ports.
 */
export function isSpecific({ source, target }: AttackFlows): boolean {
  if (source.prefixes.length > 0 && source.prefixes.every((prefix) => prefix.family === 6 && isSingleAddress(prefix))) return true;
  const ports = mergeRanges(source.ports).reduce((sum, { lower, upper }) => sum + upper - lower + 1, 0);
  return ports > 0 && ports <= mostSpecificPorts && source.icmpTypes.length === 0 && target.protocols.every((protocol) => portProtocols.includes(protocol));
}

/** Once devices are known; before that it may be anybody's. */
function sendersOf({ devices }: Mitigation): MacAddress[] | null {
  return devices.length === 0 ? null : devices.flatMap(({ mac }) => mac ?? []);
}

function reportedAction({ state, action }: Mitigation): ReportedFlows["action"] | undefined {
  if (state === "ended") return undefined;
  if (state === "pending") return "watch";
  if (action === "observe") return "watch";
  return action === "limit" ? "limit" : "drop";
}

function actionNow(mitigation: Mitigation, policy: Pick<Policy, "whilePending">): EnforcementRule["action"] | undefined {
  if (mitigation.state === "pending") return policy.whilePending === "limit" && mitigation.deadline !== null ? "limit" : undefined;
  return mitigation.state === "ended" || mitigation.action === "observe" ? undefined : mitigation.action;
}

function timeoutOf(mitigation: Mitigation, now: WallInstant): Seconds {
  if (mitigation.state === "ended") return longestUnrenewed;
  const ends = [mitigation.expiresAt, mitigation.allowedUntil, mitigation.deadline].filter((at) => at !== null).map((at) => Math.ceil(between(now, at) / 1000));
  return seconds(Math.max(1, Math.min(longestUnrenewed, ...ends)));
}
