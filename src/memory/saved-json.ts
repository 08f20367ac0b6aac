import { formatIpPrefix, parseIpPrefix, type IpPrefix } from "../model/ip-prefix.ts";

/** The text of a file of values, one line of JSON; `format` is raised when an older daemon could not read what a newer one writes. */
export function writeJson(format: number, values: object): string {
  return `${JSON.stringify({ format, ...values }, (_key, value: unknown) => isPrefix(value) ? { prefix: formatIpPrefix(value) } : value)}\n`;
}

/** Reads such a file; in words why not where nothing of it can be used. */
export function readJson(text: string, format: number): { readonly values: Record<string, unknown> } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, each: unknown) => {
      const written = isRecord(each) && Object.keys(each).length === 1 && typeof each["prefix"] === "string" ? parseIpPrefix(each["prefix"]) : undefined;
      return written ?? each;
    });
  } catch {
    return { problem: "is damaged (not complete JSON)" };
  }
  if (!isRecord(value) || typeof value["format"] !== "number") return { problem: "is damaged (it names no format)" };
  if (value["format"] > format) return { problem: `was written by a newer version (format ${value["format"]}, this one reads ${format})` };
  if (value["format"] < format) return { problem: `was written by a version that is too old (format ${value["format"]}, this one reads ${format})` };
  return { values: value };
}

/** Whether it is a list of such items. */
export function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every((item) => isItem(item));
}

/** Whether it is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether it is text. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether it is text, or null. */
export function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === "string";
}

/** Whether it is a finite number from 0 on. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** Whether it is one of these words. */
export function isOneOf(value: unknown, words: readonly string[]): boolean {
  return typeof value === "string" && words.includes(value);
}

/** Whether it is a range of numbers. */
export function isRange(value: unknown): boolean {
  return isRecord(value) && isCount(value["lower"]) && isCount(value["upper"]);
}

/** Whether it is an IP prefix. */
export function isPrefix(value: unknown): value is IpPrefix {
  return isRecord(value) && typeof value["bits"] === "bigint";
}
