import type { Mitigation } from "../model/mitigation.ts";
import type { OwnersNo } from "../model/owners-no.ts";
import type { HistoryEntry } from "../model/history.ts";
import { isOwnersNo as isSoundNo } from "./owners-word-json.ts";
import { nosTo, withNos } from "../policy/owners-nos.ts";
import { isOwnersNo } from "../policy/refused-by-owner.ts";
import { isNextId } from "./ids-json.ts";
import { isAttackReport } from "./report-json.ts";
import { isCount, isListOf, isOneOf, isPrefix, isRange, isRecord, isText, isTextOrNull, readJson, writeJson } from "./saved-json.ts";
import type { Remembered, RememberedDevice } from "./store.ts";

/** Raised when an older daemon could not read what a newer one writes. */
const format = 1;

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
  const { nextId } = values;
  // Without it an id could come back.
  if (!isNextId(nextId)) return { problem: "is damaged (no valid nextId)" };
  const lost: string[] = [];
  const soundOf = <T>(name: string, isSound: (item: unknown) => item is T): readonly T[] | undefined => {
    const list = values[name];
    if (!Array.isArray(list)) return undefined;
    const sound = list.filter(isSound);
    if (sound.length < list.length) lost.push(`${list.length - sound.length} of its ${name}`);
    return sound;
  };
  const [sound, devices, history] = [soundOf("mitigations", isMitigation), soundOf("devices", isDevice), soundOf("history", isHistoryEntry)];
  if (!sound || !devices || !history) return { problem: "is damaged (a list is missing)" };
  const mitigations = sound.map((each) => ({ ...each, decidedBy: ownerIn(each.decidedBy) }));
  // In old files the owner's no is part of the mitigation that it was said to.
  const nos = "nos" in values ? soundOf("nos", isSoundNo) ?? [] : mitigations.filter((each) => isOwnersNo(each) && each.isTakenBack !== true)
    .reduce<readonly OwnersNo[]>((known, each) => withNos(known, nosTo(each, each.endedAt ?? each.requestedAt), each.requestedAt), []);
  return {
    remembered: {
      nextId: Math.max(nextId, ...mitigations.map(({ id }) => id + 1)), mitigations, devices, nos,
      // Entries of old files do not name the person.
      history: history.map((entry) => ({ ...entry, by: ownerIn(entry.by), who: (entry as Partial<HistoryEntry>).who ?? null, via: (entry as Partial<HistoryEntry>).via ?? null })),
    },
    lost,
  };
}

/** Old files call the owner `admin`. */
function ownerIn<Word>(by: Word): Word {
  return by === "admin" ? "owner" as Word : by;
}

/**
 * What the rest relies on without looking. The file is written by this program and readable by root alone: this is against
 * damage and hand editing, not against malice.
 */
function isMitigation(value: unknown): value is Mitigation {
  if (!isRecord(value) || !isRecord(value["request"]) || !isRecord(value["dropped"])) return false;
  const { target, source, upstream, cuid, mid, report } = value["request"];
  return isCount(value["id"]) && isOneOf(value["state"], ["pending", "active", "terminating", "ended"])
    && isOneOf(value["action"], ["block", "limit", "quarantine", "observe"]) && isCount(value["status"])
    && isCount(value["requestedAt"]) && ["expiresAt", "allowedUntil", "startedAt", "deadline", "lastDropAt"].every((name) => value[name] === null || isCount(value[name]))
    && isCount(value["terminatingPeriod"]) && isCount(value["dropped"]["packets"]) && isCount(value["dropped"]["bytes"])
    && isListOf(value["devices"], isFoundDevice)
    && typeof upstream === "string" && typeof cuid === "string" && isCount(mid)
    && isRecord(target) && isListOf(target["prefixes"], isPrefix) && isListOf(target["ports"], isRange) && isListOf(target["protocols"], isCount)
    && isListOf(target["fqdns"], isText) && isListOf(target["uris"], isText)
    && isRecord(source) && isListOf(source["prefixes"], isPrefix) && isListOf(source["ports"], isRange) && isListOf(source["icmpTypes"], isRange)
    && (report === undefined || isAttackReport(report));
}

function isFoundDevice(value: unknown): boolean {
  return isRecord(value) && isTextOrNull(value["mac"]) && isTextOrNull(value["name"]) && isListOf(value["addresses"], isText) && isRecord(value["evidence"]);
}

function isDevice(value: unknown): value is RememberedDevice {
  return isRecord(value) && isText(value["mac"]) && isTextOrNull(value["name"]) && isListOf(value["addresses"], isText)
    && isCount(value["requests"]) && (value["lastRequestAt"] === null || isCount(value["lastRequestAt"])) && (value["policy"] === null || isOneOf(value["policy"], ["ask", "auto", "never"]));
}

function isHistoryEntry(value: unknown): value is HistoryEntry {
  return isRecord(value) && isCount(value["at"]) && isText(value["event"]) && isText(value["by"]) && isText(value["reason"])
    && isListOf(value["devices"], isRecord) && isListOf(value["target"], isText) && (value["dropped"] === null || isRecord(value["dropped"]));
}
