import { formatIpPrefix, parseIpPrefix, type IpPrefix } from "./model/ip-prefix.ts";
import { nothingRemembered, type Remembered } from "./store.ts";

/** Raised when an older daemon could not read what a newer one writes. */
const format = 1;

/** What the daemon remembers, as the text of its state file. */
export function writeRemembered(remembered: Remembered): string {
  return `${JSON.stringify({ format, ...remembered }, (_key, value: unknown) => isPrefix(value) ? { prefix: formatIpPrefix(value) } : value)}\n`;
}

/** Reads the text of a state file; a text where it is damaged or from another format. */
export function readRemembered(text: string): Remembered | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, each: unknown) => {
      const written = isRecord(each) && Object.keys(each).length === 1 && typeof each["prefix"] === "string" ? parseIpPrefix(each["prefix"]) : undefined;
      return written ?? each;
    });
  } catch {
    return { problem: "is not complete JSON" };
  }
  if (!isRecord(value) || value["format"] !== format) return { problem: `is not of format ${String(format)}` };
  const lists = ["mitigations", "devices", "history"] as const;
  if (!Number.isSafeInteger(value["nextId"]) || !lists.every((name) => Array.isArray(value[name]))) return { problem: "lacks parts" };
  const remembered = value as unknown as Remembered; // written by writeRemembered, readable by root alone
  return { ...nothingRemembered, nextId: remembered.nextId, mitigations: remembered.mitigations, devices: remembered.devices, history: remembered.history };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPrefix(value: unknown): value is IpPrefix {
  return isRecord(value) && typeof value["bits"] === "bigint";
}
