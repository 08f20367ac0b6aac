import * as v from "valibot";
import { attackSeverities, type AttackDetail, type AttackReport, type TopTalker } from "../model/attack-report.ts";
import { count, countOrNull, icmpTypes, instantOrNull, ports, prefix, textOrNull, type FieldsOf, type Saved } from "./saved-values.ts";

const talker = v.object({ prefix, ports, icmpTypes, isSpoofed: v.boolean() } satisfies FieldsOf<TopTalker>);

const attack = v.object({
  vendorId: count,
  attackId: count,
  description: textOrNull,
  severity: v.nullable(v.picklist(attackSeverities)),
  startedAt: instantOrNull,
  endedAt: instantOrNull,
  talkers: v.array(talker),
} satisfies FieldsOf<AttackDetail>);

/** What an upstream knows of an attack (model/attack-report.ts). */
export const attackReport: Saved<AttackReport> = v.object({
  attacks: v.array(attack),
  bitsPerSecond: countOrNull,
  packetsPerSecond: countOrNull,
} satisfies FieldsOf<AttackReport>);
