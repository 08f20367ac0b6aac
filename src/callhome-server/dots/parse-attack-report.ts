import { attackSeverities, type AttackDetail, type AttackReport, type TopTalker } from "../../model/attack-report.ts";
import type { NumberRange } from "../../model/number-range.ts";
import { BodyError } from "../cbor/body-error.ts";
import type { TypeOf } from "../cbor/schema.ts";
import type { MitigationBody } from "./messages.ts";
import { wallInstant } from "../../model/time.ts";

type Scope = TypeOf<typeof MitigationBody>["mitigationScope"]["scope"][number];
type WireAttack = NonNullable<Scope["attackDetail"]>[number];
type WireTalker = NonNullable<WireAttack["topTalker"]>["talker"][number];
type WireTraffic = NonNullable<Scope["totalAttackTraffic"]>[number];
type WireRange = NonNullable<WireTalker["sourcePortRange"]>[number];

/** The telemetry of a mitigation scope (RFC 9244 §9.1); undefined where it has none. Throws BodyError on a range that is upside down. */
export function parseAttackReport({ attackDetail, totalAttackTraffic = [] }: Scope): AttackReport | undefined {
  if (!attackDetail && totalAttackTraffic.length === 0) return undefined;
  return {
    attacks: (attackDetail ?? []).map(readAttack),
    bitsPerSecond: readRate(totalAttackTraffic, "bits"),
    packetsPerSecond: readRate(totalAttackTraffic, "packets"),
  };
}

function readAttack({ vendorId, attackId, attackDescription, attackSeverity, startTime, endTime, topTalker }: WireAttack): AttackDetail {
  return {
    vendorId,
    attackId,
    description: attackDescription ?? null,
    severity: attackSeverity === undefined ? null : attackSeverities[attackSeverity - 1] ?? null,
    startedAt: startTime === undefined ? null : wallInstant(startTime * 1000),
    endedAt: endTime === undefined ? null : wallInstant(endTime * 1000),
    talkers: (topTalker?.talker ?? []).map(readTalker),
  };
}

function readTalker({ sourcePrefix, spoofedStatus, sourcePortRange = [], sourceIcmpTypeRange = [] }: WireTalker): TopTalker {
  return {
    prefix: sourcePrefix,
    ports: sourcePortRange.map(readRange),
    icmpTypes: sourceIcmpTypeRange.map(({ lowerType, upperType }) => readRange({ lowerPort: lowerType, upperPort: upperType })),
    isSpoofed: spoofedStatus ?? false,
  };
}

function readRange({ lowerPort: lower, upperPort: upper = lower }: WireRange): NumberRange {
  if (upper < lower) throw new BodyError("top-talker: a range whose upper bound is below its lower bound");
  return { lower, upper };
}

/** Per second: the traffic of now, or else the most that is said of it. */
function readRate(traffic: readonly WireTraffic[], of: "bits" | "packets"): number | null {
  const rates = traffic.flatMap(({ unit, currentG, peakG, highPercentileG, midPercentileG, lowPercentileG }) => {
    const value = currentG ?? peakG ?? highPercentileG ?? midPercentileG ?? lowPercentileG;
    // RFC 9244 §11.1 'unit': packets, bits, bytes; the same again in thousands, millions, …
    const kind = (["packets", "bits", "bytes"] as const)[(unit - 1) % 3];
    if (value === undefined || (kind === "packets") !== (of === "packets")) return [];
    return [value * 1000 ** Math.floor((unit - 1) / 3) * (kind === "bytes" ? 8 : 1)];
  });
  return rates[0] ?? null;
}
