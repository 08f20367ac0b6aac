import { readUciWords, type UciCommand } from "./uci-words.ts";

/** `option name 'value'` or `list name 'value'`. */
export interface UciEntry {
  readonly kind: "option" | "list";
  readonly name: string;
  readonly value: string;
  /** Line of the file, from 1. */
  readonly line: number;
}

/** `config type 'name'` and what follows it. Unlike libuci, sections of one name are not merged: the caller decides. */
export interface UciSection {
  readonly type: string;
  /** Null for an anonymous section. */
  readonly name: string | null;
  readonly line: number;
  readonly entries: readonly UciEntry[];
}

export interface UciError {
  readonly line: number;
  readonly message: string;
}

export type UciFile = { readonly sections: readonly UciSection[] } | { readonly errors: readonly UciError[] };

export const uciLimits = { characters: 1024 * 1024, lines: 10_000, errors: 20 } as const;

/**
 * Reads a file in UCI syntax as libuci's strict parser does (openwrt/uci, file.c): `package`, `config`, `option` and `list`,
 * or their first letters; words quoted with '…' (nothing is special), "…" or not at all (a backslash takes the next
 * character as it is, at the end of a line it joins the lines); quoted words may span lines; `#` starts a comment
 * and `;` ends a command wherever they are not quoted.
 */
export function parseUci(text: string): UciFile {
  if (text.length > uciLimits.characters) return unreadable(1, `is larger than ${uciLimits.characters} characters`);
  const lines = text.split("\n", uciLimits.lines + 2).length;
  // A final line end does not start a line of its own.
  if (lines > uciLimits.lines + (text.endsWith("\n") ? 1 : 0)) return unreadable(uciLimits.lines, `has more than ${uciLimits.lines} lines`);

  const nul = text.indexOf("\0");
  if (nul >= 0) return unreadable(text.slice(0, nul).split("\n").length, "holds a NUL byte, so it is not text");

  const sections: { type: string; name: string | null; line: number; entries: UciEntry[] }[] = [];
  const errors: UciError[] = [];
  for (const command of readUciWords(text.startsWith("\ufeff") ? text.slice(1) : text)) {
    try {
      if ("problem" in command) throw new UciSyntaxError(command.problem);
      const parsed = parseCommand(command);
      if (parsed.is === "section") sections.push({ ...parsed.section, entries: [] });
      if (parsed.is === "entry") {
        const section = sections.at(-1);
        if (!section) throw new UciSyntaxError(`'${command.words[0] ?? ""}' before the first 'config' line`);
        section.entries.push(parsed.entry);
      }
    } catch (error) {
      if (!(error instanceof UciSyntaxError)) throw error;
      errors.push({ line: command.line, message: error.message });
      if (errors.length >= uciLimits.errors) break;
    }
  }
  return errors.length > 0 ? { errors } : { sections };
}

class UciSyntaxError extends Error {}

type Parsed =
  | { is: "package" }
  | { is: "section"; section: Omit<UciSection, "entries"> }
  | { is: "entry"; entry: UciEntry };

/** libuci takes the first letter for the word. */
const commands: Readonly<Record<string, "package" | "config" | "option" | "list">> = {
  p: "package",
  package: "package",
  c: "config",
  config: "config",
  o: "option",
  option: "option",
  l: "list",
  list: "list",
};

function parseCommand({ words, line }: UciCommand): Parsed {
  const [first = "", ...rest] = words;
  const command = Object.hasOwn(commands, first) ? commands[first] : undefined;
  switch (command) {
    case undefined:
      throw new UciSyntaxError(`'${first.slice(0, 40)}' is not a command, expected config, option or list`);
    case "package": {
      const [name] = exactly(rest, 1, 1, "package NAME");
      checkName(name, "package", /^[A-Za-z0-9_-]+$/);
      return { is: "package" };
    }
    case "config": {
      const [type = "", name = ""] = exactly(rest, 1, 2, "config TYPE 'NAME'");
      checkName(type, "section type", /^[\x21-\x7e]+$/);
      if (name !== "") checkName(name, "section name", /^[A-Za-z0-9_]+$/);
      return { is: "section", section: { type, name: name === "" ? null : name, line } };
    }
    case "option":
    case "list": {
      const [name = "", value = ""] = exactly(rest, 1, 2, `${command} NAME 'VALUE'`);
      checkName(name, "option name", /^[A-Za-z0-9_]+$/);
      return { is: "entry", entry: { kind: command, name, value, line } };
    }
  }
}

function exactly(words: readonly string[], least: number, most: number, expected: string): readonly string[] {
  if (words.length < least || words[0] === "") throw new UciSyntaxError(`too few words, expected ${expected}`);
  if (words.length > most) throw new UciSyntaxError(`too many words, expected ${expected} (a value with spaces needs quotes)`);
  return words;
}

function checkName(name: string | undefined, what: string, allowed: RegExp): void {
  if (name === undefined || !allowed.test(name)) {
    throw new UciSyntaxError(
      `'${(name ?? "").slice(0, 40)}' is not ${what === "option name" ? "an" : "a"} ${what}, expected ${
        what === "section type" ? "printable ASCII" : "letters, digits and _"
      }`,
    );
  }
}

function unreadable(line: number, message: string): UciFile {
  return { errors: [{ line, message: `the file ${message}` }] };
}
