import * as v from "valibot";
import type { Device, Evidence, NamedBefore } from "../model/device.ts";
import { mitigationStatus, type Leak, type Mitigation } from "../model/mitigation.ts";
import type { AttackSource, AttackTarget, MitigationRequest } from "../model/mitigation-request.ts";
import { conflictCause, type Conflict } from "../model/refusal.ts";
import { seconds } from "../model/time.ts";
import { attackReport } from "./report-json.ts";
import {
  count,
  dropCount,
  icmpTypes,
  id,
  instant,
  instantOrNull,
  mac,
  owner,
  ports,
  prefixes,
  span,
  target,
  text,
  textOrNull,
  texts,
  type FieldsOf,
  type Saved,
} from "./saved-values.ts";

export const outcome = v.picklist(["withdrawn", "expired", "denied", "released", "overridden", "rejected", "unattributed"]);
export const action = v.picklist(["block", "limit", "quarantine", "observe"]);

const request = v.object({
  upstream: text,
  cuid: text,
  mid: count,
  lifetime: v.pipe(v.number(), v.integer(), v.minValue(-1), v.transform(seconds)),
  target: v.object({ ...target, fqdns: texts, uris: texts } satisfies FieldsOf<AttackTarget>),
  source: v.object({ prefixes, ports, icmpTypes } satisfies FieldsOf<AttackSource>),
  report: v.exactOptional(attackReport),
} satisfies FieldsOf<MitigationRequest>);

const device = v.object({
  mac: v.nullable(mac),
  name: textOrNull,
  addresses: texts,
  port: textOrNull,
  certainty: v.picklist(["exact", "likely", "ambiguous"]),
  evidence: v.object({ flows: count, packets: count, bytes: count, firstSeen: instantOrNull, lastSeen: instantOrNull } satisfies FieldsOf<Evidence>),
  insteadOf: v.exactOptional(v.object({ mac: v.nullable(mac), name: textOrNull, address: text } satisfies FieldsOf<NamedBefore>)),
} satisfies FieldsOf<Device>);

const leak = v.object({
  seen: dropCount,
  since: instant,
  lastAt: instantOrNull,
  isEscalated: v.boolean(),
  isExceeded: v.boolean(),
} satisfies FieldsOf<Leak>);

const conflict = v.object({
  cause: v.picklist(Object.values(conflictCause)),
  status: v.exactOptional(v.picklist([1, 2, 3])),
  mid: v.exactOptional(count),
  targets: v.exactOptional(prefixes),
  retryTimer: v.exactOptional(count),
} satisfies FieldsOf<Conflict>);

/** A mitigation (model/mitigation.ts), with all that hangs on it. */
export const mitigation: Saved<Mitigation> = v.object({
  id,
  request,
  state: v.picklist(["pending", "active", "terminating", "ended"]),
  outcome: v.nullable(outcome),
  status: v.picklist(Object.values(mitigationStatus)),
  action,
  decidedBy: v.nullable(v.union([owner, v.literal("policy")])),
  requestedAt: instant,
  expiresAt: instantOrNull,
  allowedUntil: instantOrNull,
  startedAt: instantOrNull,
  deadline: instantOrNull,
  terminatingPeriod: span,
  devices: v.array(device),
  namedAt: v.exactOptional(instant),
  dropped: dropCount,
  lastDropAt: instantOrNull,
  endedAt: v.exactOptional(instant),
  askedAgainUntil: v.exactOptional(instantOrNull),
  isTakenBack: v.exactOptional(v.boolean()),
  leak: v.exactOptional(leak),
  conflict: v.nullable(conflict),
} satisfies FieldsOf<Mitigation>);
