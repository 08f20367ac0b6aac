import { parseUci, uciLimits, type UciSection } from "./uci-syntax.ts";

/** What could be read of a file, and what not. */
export interface LenientUci {
  readonly sections: readonly UciSection[];
  /** `line 7 cannot be read`; null = the file is sound. */
  readonly problem: string | null;
}

const mostSections = 4096;

/**
 * The sections of a file that is not ours, as far as they can be read: one apostrophe too many costs the line that it stands in, not
 * the whole file. Nothing of a file that is too large or no text.
 */
export function readLenientUci(text: string): LenientUci {
  const whole = sectionsOf(text);
  if (whole) return { sections: whole, problem: null };
  if (text.length > uciLimits.characters || text.includes("\0")) return { sections: [], problem: "it is too large, or no text" };
  const sections: UciSection[] = [];
  let line = 1;
  let firstBad: number | undefined;
  for (const piece of text.split(/^(?=[ \t]*(?:config|c)[ \t])/m).slice(0, mostSections)) {
    const lines = piece.split("\n");
    const isWhole = sectionsOf(piece) !== undefined;
    const bad = isWhole ? -1 : lines.findIndex((each, at) => at > 0 && !isReadable(each));
    if (!isWhole) firstBad ??= line + Math.max(0, bad);
    sections.push(...sectionsOf(isWhole ? piece : lines.filter((each, at) => at === 0 || isReadable(each)).join("\n")) ?? []);
    line += lines.length - 1;
  }
  return { sections, problem: `line ${firstBad ?? line} cannot be read` };
}

/** Undefined if it is not sound. Two apostrophes too many quote what lies between them: an option that holds the lines of others. */
function sectionsOf(text: string): readonly UciSection[] | undefined {
  const parsed = parseUci(text);
  if ("errors" in parsed) return undefined;
  const holdsOthers = parsed.sections.some(({ entries }) => entries.some(({ value }) => /\n[ \t]*(?:config|option|list)[ \t]/.test(value)));
  return holdsOthers ? undefined : parsed.sections;
}

/** Whether a line is whole by itself. */
function isReadable(line: string): boolean {
  return sectionsOf(`config x\n${line}\n`) !== undefined;
}
