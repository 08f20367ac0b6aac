import * as v from "valibot";
import type { MitigationId } from "../model/mitigation.ts";
import { readJson, writeJson } from "./saved-json.ts";
import { nextId } from "./saved-values.ts";

/** Raised when an older daemon could not read what a newer one writes. */
const format = 1;

/** The text of ids.json: no id below `nextId` may be given out again. */
export function writeReservedIds(nextId: MitigationId): string {
  return writeJson(format, { nextId });
}

/** Reads the text of the file; in words why not where it cannot be used. */
export function readReservedIds(text: string): { readonly nextId: MitigationId } | { readonly problem: string } {
  const read = readJson(text, format);
  if ("problem" in read) return read;
  const saved = v.safeParse(nextId, read.values["nextId"]);
  return saved.success ? { nextId: saved.output } : { problem: "is damaged (no valid nextId)" };
}
