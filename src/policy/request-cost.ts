import type { AttackReport } from "../model/attack-report.ts";
import type { AttackFlows, MitigationRequest } from "../model/mitigation-request.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { badRequest, type Refusal } from "../model/refusal.ts";
import { seconds } from "../model/time.ts";

/**
 * What one upstream may cost, in what the kernel and this daemon have to hold for it. Known before anything is looked up: a request that
 * asks for too much costs its parsing only.
 */
export interface Cost {
  /** Prefixes, port ranges, protocols and ICMP type ranges: each becomes an element of a set in the kernel. */
  readonly entries: number;
  /** What they mean together, at most: a rule that could not hold each list in a set of its own would need that many. */
  readonly combinations: number;
  /** Text that is kept only to be shown, in bytes. */
  readonly textBytes: number;
  /** What the upstream knows of the attack, about as many bytes as it takes to keep. */
  readonly reportBytes: number;
}

/** The most that one request may ask for. One attacked host behind 64 ports, from 32 ports, takes 98 entries. */
export const mostOfRequest: Cost = { entries: 128, combinations: 4096, textBytes: 2048, reportBytes: 4096 };
/** What an upstream may hold, for each mitigation of its share: a common request has 5 to 10 entries, no text, and one attack with a talker or two. All of it, listed, fits a message of ubus. */
const meanOfShare = { entries: 16, textBytes: 512, reportBytes: 256 } as const;
/** When a request that found no room may come again. */
const retryWhenFull = seconds(60);

/** What a request costs to hold: entries of its lists, their product, bytes of its texts and of what its upstream knows. */
export function costOf({ target, source, cuid = "", report }: AttackFlows & Partial<Pick<MitigationRequest, "cuid" | "report">>): Cost {
  const lists = [target.prefixes, target.ports, target.protocols, source.prefixes, source.ports, source.icmpTypes].map(({ length }) => length);
  return {
    entries: lists.reduce((sum, length) => sum + length, 0),
    combinations: lists.reduce((product, length) => product * Math.max(1, length), 1),
    textBytes: [cuid, ...target.fqdns, ...target.uris].reduce((sum, text) => sum + bytesOf(text), 0),
    reportBytes: report ? bytesOfReport(report) : 0,
  };
}

function bytesOfReport({ attacks }: AttackReport): number {
  const bytesOfTalkers = (talkers: AttackReport["attacks"][number]["talkers"]): number =>
    talkers.reduce((sum, { ports, icmpTypes }) => sum + 32 + 16 * (ports.length + icmpTypes.length), 0);
  return attacks.reduce((sum, { description, talkers }) => sum + 64 + bytesOf(description ?? "") + bytesOfTalkers(talkers), 0);
}

/** Whether one request may ask for so much at all; 4.00 with the limit. */
export function checkCost(asked: AttackFlows & Partial<Pick<MitigationRequest, "report">>): Refusal | undefined {
  const cost = costOf(asked);
  if (cost.entries > mostOfRequest.entries) return badRequest(`at most ${mostOfRequest.entries} prefixes, ranges and protocols in a request`);
  if (cost.combinations > mostOfRequest.combinations)
    return badRequest(`at most ${mostOfRequest.combinations} combinations of prefixes, ranges and protocols in a request`);
  if (cost.textBytes > mostOfRequest.textBytes) return badRequest(`at most ${mostOfRequest.textBytes} bytes of target-fqdn and target-uri in a request`);
  if (cost.reportBytes > mostOfRequest.reportBytes) return badRequest(`at most ${mostOfRequest.reportBytes} bytes of attack-detail in a request`);
  return undefined;
}

/** What each upstream may hold at a time: an equal part, whatever the others do. */
export function shareOf(
  policy: Pick<Policy, "maxMitigations" | "upstreams">,
): { readonly mitigations: number; readonly entries: number; readonly textBytes: number; readonly reportBytes: number } {
  const mitigations = Math.max(1, Math.floor(policy.maxMitigations / Math.max(1, policy.upstreams.length)));
  return {
    mitigations,
    // At least the largest request.
    entries: Math.max(mostOfRequest.entries, mitigations * meanOfShare.entries),
    textBytes: Math.max(mostOfRequest.textBytes, mitigations * meanOfShare.textBytes),
    reportBytes: Math.max(mostOfRequest.reportBytes, mitigations * meanOfShare.reportBytes),
  };
}

/** Whether its upstream has room for it beside `living`, which may be of any upstream and only count if they are of this one; 5.03 with the limit. */
export function checkShare(asked: Omit<MitigationRequest, "lifetime">, living: readonly Mitigation[], policy: Pick<Policy, "maxMitigations" | "upstreams">):
  | Refusal
  | undefined {
  const full = (diagnostic: string): Refusal => ({ code: "5.03", diagnostic, retryAfter: retryWhenFull });
  const own = living.filter(({ request }) => request.upstream === asked.upstream);
  const share = shareOf(policy);
  if (own.length >= share.mitigations) return full(`too many mitigations: at most ${share.mitigations} at a time`);
  const costs = [asked, ...own.map(({ request }) => request)].map(costOf);
  const sum = (of: "entries" | "textBytes" | "reportBytes"): number => costs.reduce((all, cost) => all + cost[of], 0);
  if (sum("entries") > share.entries) return full(`too many mitigations: at most ${share.entries} prefixes, ranges and protocols in all`);
  if (sum("textBytes") > share.textBytes) return full(`too many mitigations: at most ${share.textBytes} bytes of names in all`);
  if (sum("reportBytes") > share.reportBytes) return full(`too many mitigations: at most ${share.reportBytes} bytes of attack-detail in all`);
  return undefined;
}

/** In UTF-8, at most: three for each UTF-16 unit that is not ASCII. */
function bytesOf(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at += 1) bytes += text.charCodeAt(at) < 0x80 ? 1 : 3;
  return bytes;
}
