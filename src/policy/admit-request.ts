import { updateReport, type AttackReport } from "../model/attack-report.ts";
import { formatIpPrefix, prefixesOverlap, type IpPrefix } from "../model/ip-prefix.ts";
import type { MitigationRequest } from "../model/mitigation-request.ts";
import { isRequested, type Mitigation } from "../model/mitigation.ts";
import { rangesOverlap, type NumberRange } from "../model/number-range.ts";
import type { Policy } from "../model/policy.ts";
import { badRequest, conflictCause, type Refusal } from "../model/refusal.ts";
import { seconds, type Seconds, type WallInstant } from "../model/time.ts";
import { isRefused } from "./refused-by-owner.ts";
import { checkShare } from "./request-cost.ts";

/** What becomes of a PUT, before anybody looks for a device. */
export type AdmitResult =
  | { readonly is: "new"; readonly lifetime: Seconds; readonly overrides: readonly Mitigation[] }
  | {
    readonly is: "refresh";
    readonly mitigation: Mitigation; /** Null = as before. */
    readonly lifetime: Seconds | null;
    readonly report: AttackReport | null;
  }
  | { readonly is: "refused"; readonly refusal: Refusal }
  | { readonly is: "ignored" };

/**
 * RFC 9132 §4.4.1.3 and §4.4.3: duplicates, refreshes, and requests of the same client that overlap.
 * `known` are all mitigations that are remembered, ended ones included. A client is an upstream and a cuid: two providers that use
 * the same cuid are two clients, and neither can take the other's place (RFC 9132 §4.4.1.1 is about clients of one domain).
 */
export function admitRequest(
  asked: Omit<MitigationRequest, "lifetime">,
  lifetime: Seconds | null,
  ifMatch: boolean,
  known: readonly Mitigation[],
  policy: Policy,
  now: WallInstant,
): AdmitResult {
  const ofClient = known.filter((each) => each.request.upstream === asked.upstream && each.request.cuid === asked.cuid);
  const requested = ofClient.filter(isRequested);
  const withdrawn = ofClient.filter((each) => each.state === "terminating");
  const same = requested.find((each) => each.request.mid === asked.mid);
  const granted = lifetime === null ? null : grantLifetime(lifetime, policy);
  const refresh = (mitigation: Mitigation): AdmitResult => ({
    is: "refresh",
    mitigation,
    lifetime: granted,
    report: newReport(mitigation, asked, known, policy),
  });
  if (same) {
    return sameScope(same.request, asked)
      ? refresh(same)
      : { is: "refused", refusal: badRequest("a mitigation with this mid has other parameters") };
  }
  // §4.4.3: also where a DELETE has overtaken the update, and the mitigation goes on only for its terminating period.
  if (ifMatch) return { is: "ignored" };
  if (granted === null) return { is: "refused", refusal: badRequest("lifetime is missing") };
  const again = withdrawn.find((each) => each.request.mid === asked.mid && sameScope(each.request, asked));
  if (again) return refresh(again);
  // The same again, whatever its mid: refused without a look at who sends it. What only overlaps is the owner's no to a device: owners-no.ts.
  const refused = ofClient.find((each) => isRefused(each, now) && sameScope(each.request, asked));
  if (refused) return { is: "refused", refusal: { code: "4.09", conflict: { cause: conflictCause.legitimateTraffic } } };
  const overlapping = requested.filter((each) => scopesOverlap(each.request, asked));
  const higher = overlapping.find((each) => each.request.mid > asked.mid);
  if (higher) return { is: "refused", refusal: { code: "4.09", conflict: { cause: conflictCause.overlappingTargets, mid: higher.request.mid } } };
  // What was withdrawn makes way, whatever its mid: it is no request any more, and its mid is free.
  const overrides = [...overlapping, ...withdrawn.filter((each) => each.request.mid === asked.mid || scopesOverlap(each.request, asked))];
  const full = checkShare(asked, known.filter((each) => each.state !== "ended" && !overrides.includes(each)), policy);
  if (full) return { is: "refused", refusal: full };
  return { is: "new", lifetime: granted, overrides };
}

/** What is known of the attack now; null = as before, also where its upstream has no room for more. */
function newReport({ id, request }: Mitigation, { report: said }: Pick<MitigationRequest, "report">, known: readonly Mitigation[], policy: Policy):
  | AttackReport
  | null {
  if (!said) return null;
  const report = updateReport(request.report, said);
  return checkShare({ ...request, report }, known.filter((each) => each.state !== "ended" && each.id !== id), policy) ? null : report;
}

/** What is granted of the lifetime asked for; -1 = indefinite, which a cap cuts too (RFC 9132 §4.4.1.1). */
export function grantLifetime(asked: Seconds, policy: Pick<Policy, "maxLifetimeSeconds">): Seconds {
  if (policy.maxLifetimeSeconds === 0) return asked;
  return asked === -1 ? policy.maxLifetimeSeconds : seconds(Math.min(asked, policy.maxLifetimeSeconds));
}

type Scope = Pick<MitigationRequest, "target" | "source">;

/**
 * RFC 9132 §4.4.1.3: "a common IP address, IP prefix". In call home the scope is target and source together (RFC 9066 §5.3.1), and behind
 * NAT the source is the address with its ports: "the same IPv4 address is assigned to multiple customers" (§5.3.2), and to several devices
 * of a home. "IPv6 addresses/prefixes are sufficient … without need for port numbers" (§5.3.1).
 */
export function scopesOverlap(a: Scope, b: Scope): boolean {
  const commonPort = a.source.ports.length === 0 || b.source.ports.length === 0
    || a.source.ports.some((one) => b.source.ports.some((other) => rangesOverlap(one, other)));
  const commonSource = a.source.prefixes.some((one) => (one.family === 6 || commonPort) && b.source.prefixes.some((other) => prefixesOverlap(one, other)));
  return commonSource && a.target.prefixes.some((one) => b.target.prefixes.some((other) => prefixesOverlap(one, other)));
}

/** Whether a repeated request repeats all its parameters; the order in a list does not matter. */
export function sameScope(a: Scope, b: Scope): boolean {
  return scopeText(a) === scopeText(b);
}

function scopeText({ target, source }: Scope): string {
  const prefixes = (list: readonly IpPrefix[]): string[] => list.map(formatIpPrefix).sort();
  const ranges = (list: readonly NumberRange[]): string[] => list.map((range) => `${range.lower}-${range.upper}`).sort();
  return JSON.stringify([
    prefixes(target.prefixes),
    ranges(target.ports),
    [...target.protocols].sort(),
    [...target.fqdns].sort(),
    [...target.uris].sort(),
    prefixes(source.prefixes),
    ranges(source.ports),
    ranges(source.icmpTypes),
  ]);
}
