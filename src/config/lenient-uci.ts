import { parseUci, uciLimits, type UciSection } from "./uci-syntax.ts";

/**
 * The sections of a file that is not ours, as far as they can be read: one apostrophe too many costs the line that it stands in, not
 * the whole file. Nothing of a file that is too large or no text.
 */
export function readLenientUci(text: string): readonly UciSection[] {
  const whole = parseUci(text);
  if ("sections" in whole) return whole.sections;
  if (text.length > uciLimits.characters || text.includes("\0")) return [];
  return text.split(/^(?=[ \t]*(?:config|c)[ \t])/m).slice(0, mostSections).flatMap((section) => sectionsOf(section) ?? sectionsOf(readableLines(section)) ?? []);
}

const mostSections = 4096;

function sectionsOf(text: string): readonly UciSection[] | undefined {
  const parsed = parseUci(text);
  return "sections" in parsed ? parsed.sections : undefined;
}

/** Each line that is whole by itself. */
function readableLines(section: string): string {
  const [first = "", ...others] = section.split("\n");
  return [first, ...others.filter((line) => sectionsOf(`config x\n${line}\n`) !== undefined)].join("\n");
}
