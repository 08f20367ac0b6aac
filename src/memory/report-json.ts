import { attackSeverities } from "../model/attack-report.ts";
import { isCount, isListOf, isOneOf, isPrefix, isRange, isRecord, isTextOrNull } from "./saved-json.ts";

/** Whether a saved value is what an upstream knows of an attack (model/attack-report.ts). */
export function isAttackReport(value: unknown): boolean {
  return isRecord(value) && isCountOrNull(value["bitsPerSecond"]) && isCountOrNull(value["packetsPerSecond"]) && isListOf(value["attacks"], isAttack);
}

function isAttack(value: unknown): boolean {
  return isRecord(value) && isCount(value["vendorId"]) && isCount(value["attackId"]) && isTextOrNull(value["description"])
    && (value["severity"] === null || isOneOf(value["severity"], attackSeverities))
    && isCountOrNull(value["startedAt"]) && isCountOrNull(value["endedAt"]) && isListOf(value["talkers"], isTalker);
}

function isTalker(value: unknown): boolean {
  return isRecord(value) && isPrefix(value["prefix"]) && isListOf(value["ports"], isRange) && isListOf(value["icmpTypes"], isRange)
    && typeof value["isSpoofed"] === "boolean";
}

function isCountOrNull(value: unknown): boolean {
  return value === null || isCount(value);
}
