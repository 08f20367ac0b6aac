import { prefixContains, prefixesOverlap } from "../model/ip-prefix.ts";
import type { AttackFlows, MitigationRequest } from "../model/mitigation-request.ts";
import { mergeRanges } from "../model/number-range.ts";

/** What is asked about, and what its upstream knows of it. */
export type ReportedFlows = AttackFlows & Partial<Pick<MitigationRequest, "report">>;

/**
 * The flows of the top talkers alone, where the request itself names no source port or type, and each talker within its sources has
 * some (RFC 9244 §8.1.5): behind NAT they tell one device from another. Undefined where the report narrows nothing.
 */
export function narrowToTalkers({ target, source, report }: ReportedFlows): AttackFlows | undefined {
  if (!report || source.ports.length > 0 || source.icmpTypes.length > 0) return undefined;
  const talkers = report.attacks.flatMap((attack) => attack.talkers).filter(({ isSpoofed }) => !isSpoofed).flatMap((talker) => {
    const asked = source.prefixes.find((prefix) => prefixesOverlap(prefix, talker.prefix));
    return asked ? [{ ...talker, prefix: prefixContains(asked, talker.prefix) ? talker.prefix : asked }] : [];
  });
  if (talkers.length === 0 || talkers.some(({ ports, icmpTypes }) => ports.length + icmpTypes.length === 0)) return undefined;
  return {
    target,
    source: {
      prefixes: talkers.map(({ prefix }) => prefix),
      ports: mergeRanges(talkers.flatMap(({ ports }) => ports)),
      icmpTypes: mergeRanges(talkers.flatMap(({ icmpTypes }) => icmpTypes)),
    },
  };
}
