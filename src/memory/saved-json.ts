import * as v from "valibot";
import { formatIpPrefix } from "../model/ip-prefix.ts";
import { isPrefix, type Saved } from "./saved-values.ts";

/** What every file of values says beside them. */
const file = v.looseObject({ format: v.number() });

/** The text of a file of values, one line of JSON; `format` is raised when an older daemon could not read what a newer one writes. */
export function writeJson(format: number, values: object): string {
  return `${JSON.stringify({ format, ...values }, (_key, value: unknown) => isPrefix(value) ? { prefix: formatIpPrefix(value) } : value)}\n`;
}

/** Reads such a file; in words why not where nothing of it can be used. */
export function readJson(text: string, format: number): { readonly values: Record<string, unknown> } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: "is damaged (not complete JSON)" };
  }
  if (!v.is(file, value)) return { problem: "is damaged (it names no format)" };
  if (value.format > format) return { problem: `was written by a newer version (format ${value.format}, this one reads ${format})` };
  if (value.format < format) return { problem: `was written by a version that is too old (format ${value.format}, this one reads ${format})` };
  return { values: value };
}

/** Reads the lists of one file; whatever is damaged in them is left out, and counted in `lost` as `1 of its devices`. */
export function readLists(
  values: Record<string, unknown>,
): { readonly list: <T>(name: string, item: Saved<T>) => readonly T[] | undefined; readonly lost: readonly string[] } {
  const lost: string[] = [];
  return {
    lost,
    list(name, item) {
      const saved = values[name];
      if (!Array.isArray(saved)) return undefined;
      const sound = saved.flatMap((each) => {
        const read = v.safeParse(item, each, { abortEarly: true });
        return read.success ? [read.output] : [];
      });
      if (sound.length < saved.length) lost.push(`${saved.length - sound.length} of its ${name}`);
      return sound;
    },
  };
}
