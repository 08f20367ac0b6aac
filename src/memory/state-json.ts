import * as v from "valibot";
import type { HistoryEntry } from "../model/history.ts";
import type { OwnersNo } from "../model/owners-no.ts";
import { nosTo, withNos } from "../policy/owners-nos.ts";
import { isOwnersNo } from "../policy/refused-by-owner.ts";
import { action, mitigation, outcome } from "./mitigation-json.ts";
import { ownersNo, policy } from "./owners-word-json.ts";
import { readJson, readLists, writeJson } from "./saved-json.ts";
import {
  count,
  countOrNull,
  dropCount,
  instant,
  instantOrNull,
  mac,
  nextId,
  owner,
  text,
  textOrNull,
  texts,
  type FieldsOf,
  type Saved,
} from "./saved-values.ts";
import type { Remembered, RememberedDevice } from "./store.ts";

/** Raised when an older daemon could not read what a newer one writes. */
const format = 1;

/*
 * Whatever the rest relies on without looking is checked here. The file is written by this program and readable by root alone: this is
 * against damage and hand editing, not against malice.
 */
const device: Saved<RememberedDevice> = v.object({
  mac,
  name: textOrNull,
  addresses: texts,
  port: textOrNull,
  requests: count,
  lastRequestAt: instantOrNull,
  policy: v.nullable(policy),
} satisfies FieldsOf<RememberedDevice>);

const historyEntry: Saved<HistoryEntry> = v.object({
  at: instant,
  event: v.picklist(["approved", "denied", "released", "ended", "policy"]),
  by: v.union([owner, v.picklist(["policy", "upstream", "time"])]),
  // Entries of old files do not name the person.
  who: v.optional(textOrNull, null),
  via: v.optional(v.nullable(v.picklist(["cli", "ubus", "mqtt"])), null),
  mitigation: countOrNull,
  upstream: textOrNull,
  outcome: v.nullable(outcome),
  action: v.nullable(action),
  devices: v.array(v.object({ mac: textOrNull, name: textOrNull })),
  target: texts,
  dropped: v.nullable(dropCount),
  reason: text,
} satisfies FieldsOf<HistoryEntry>);

/** What the daemon remembers, as the text of its state file. */
export function writeRemembered(remembered: Remembered): string {
  return writeJson(format, remembered);
}

export interface Recalled {
  readonly remembered: Remembered;
  /** What was damaged and is left out, as `1 of its mitigations`. */
  readonly lost: readonly string[];
}

/** Reads the text of a state file; in words why not where nothing of it can be used, or where it is of another format. */
export function readRemembered(text: string): Recalled | { readonly problem: string } {
  const read = readJson(text, format);
  if ("problem" in read) return read;
  const { values } = read;
  // Without it an id could come back.
  if (!v.is(nextId, values["nextId"])) return { problem: "is damaged (no valid nextId)" };
  const { list, lost } = readLists(values);
  const [mitigations, devices, history] = [list("mitigations", mitigation), list("devices", device), list("history", historyEntry)];
  if (!mitigations || !devices || !history) return { problem: "is damaged (a list is missing)" };
  // In old files the owner's no is part of the mitigation that it was said to.
  const nos = "nos" in values ? list("nos", ownersNo) ?? [] : mitigations.filter((each) => isOwnersNo(each) && each.isTakenBack !== true)
    .reduce<readonly OwnersNo[]>((known, each) => withNos(known, nosTo(each, each.endedAt ?? each.requestedAt), each.requestedAt), []);
  return { remembered: { nextId: Math.max(values["nextId"], ...mitigations.map(({ id }) => id + 1)), mitigations, devices, history, nos }, lost };
}
