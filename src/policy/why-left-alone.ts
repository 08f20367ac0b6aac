import type { LeftAlone } from "../model/left-alone.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import type { WallInstant } from "../model/time.ts";
import { isProtected } from "./decide.ts";
import type { SaidOfTarget } from "./owners-nos.ts";
import { isLeftAlone, isOwnersNo, noHoldsUntil } from "./refused-by-owner.ts";

/** Undefined where something is done, or the upstream does not ask any more. `said`: what the owner has said of its target. */
export function whyLeftAlone(mitigation: Mitigation, policy: Policy, said: SaidOfTarget, now: WallInstant): LeftAlone | undefined {
  if (!isLeftAlone(mitigation, now)) return undefined;
  const { outcome, isTakenBack, decidedBy, devices, endedAt = now } = mitigation;
  if (devices.some(({ mac }) => policy.devices.some((each) => each.mac === mac && each.policy === "never"))) return { why: "never", until: null };
  const until = noHoldsUntil(mitigation, endedAt);
  if (devices.some((device) => isProtected(device, policy))) return { why: "protected", until: null };
  if (outcome === "rejected" && devices.some(said.isRefused)) return { why: "other-no", until: null };
  if (isTakenBack === true || outcome === "rejected") return { why: "taken-back", until: now };
  if (outcome === "denied") return { why: decidedBy === "owner" ? "denied" : "unanswered", until };
  return { why: isOwnersNo(mitigation) ? "undone" : "time-over", until };
}
