import { escapeText } from "../text/escape-text.ts";
import { didYouMean } from "../text/closest-name.ts";
import type { ListOption, OptionTable, ScalarOption, ValuesOf } from "./options.ts";
import type { UciEntry, UciSection } from "./uci-syntax.ts";

/** Something that is wrong with the configuration, and where. */
export interface ConfigError {
  readonly file: string;
  readonly line: number;
  /** As the file calls it: `config upstream 'isp'`; null where no section is meant. */
  readonly section: string | null;
  readonly option: string | null;
  readonly message: string;
}

/** `/etc/config/dots-callhome:12: config upstream 'isp': option port: '99999' is not a port, expected 1 to 65535` */
export function formatConfigError(error: ConfigError): string {
  const where = [`${error.file}:${error.line}`, error.section, error.option === null ? null : `option ${error.option}`];
  return escapeText([...where.filter((part) => part !== null), error.message].join(": "));
}

/** Collects what is found while a file is read. */
export class Findings {
  readonly errors: ConfigError[] = [];
  readonly warnings: ConfigError[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  error(line: number, section: UciSection | null, option: string | null, message: string): void {
    this.errors.push(this.#at(line, section, option, message));
  }

  warn(line: number, section: UciSection | null, option: string | null, message: string): void {
    this.warnings.push(this.#at(line, section, option, message));
  }

  #at(line: number, section: UciSection | null, option: string | null, message: string): ConfigError {
    return { file: this.#file, line, section: section && titleOf(section), option, message };
  }
}

/** `config upstream 'isp'` or `config device`. */
export function titleOf(section: UciSection): string {
  return section.name === null ? `config ${section.type}` : `config ${section.type} '${section.name}'`;
}

/**
 * Reads a section by its table. Every option of the table has a value afterwards; what was wrong is in `findings`.
 * As in libuci, the last `option` of a name holds, an empty value is as good as none, `list` lines add up.
 */
export function readSection<Table extends OptionTable>(section: UciSection, table: Table, findings: Findings): ValuesOf<Table> {
  const known = Object.values(table).map(({ name }) => name);
  for (const entry of section.entries) {
    if (!known.includes(entry.name)) {
      findings.warn(entry.line, section, entry.name, `is not known and has no effect${didYouMean(entry.name, known)}`);
    }
  }
  const values = Object.entries(table).map(([key, option]) => {
    const entries = section.entries.filter(({ name }) => name === option.name);
    return [key, option.is === "list" ? readList(section, option, entries, findings) : readScalar(section, option, entries, findings)];
  });
  return Object.fromEntries(values) as ValuesOf<Table>; // each key with what its own parser returned
}

/** The line of an option that is set in the section, else the section's own. */
export function lineOf(section: UciSection, name: string): number {
  return section.entries.findLast((entry) => entry.name === name)?.line ?? section.line;
}

function readScalar<T>(section: UciSection, option: ScalarOption<T>, entries: readonly UciEntry[], findings: Findings): T {
  const entry = entries.at(-1);
  if (!entry) return option.fallback;
  if (entry.kind === "list") {
    findings.error(entry.line, section, option.name, `holds one value, expected option ${option.name} instead of list ${option.name}`);
    return option.fallback;
  }
  if (entries.length > 1) findings.warn(entry.line, section, option.name, "is set more than once, this last value holds");
  if (entry.value === "") return option.empty === undefined ? option.fallback : option.empty;
  const reading = readValue(section, option, entry, entry.value, findings);
  return reading ? reading.value : option.fallback;
}

function readList<T>(section: UciSection, option: ListOption<T>, entries: readonly UciEntry[], findings: Findings): readonly T[] {
  // `option lan_device 'br-lan br-guest'`: how lists were written before UCI had them.
  const words = entries.flatMap((entry) =>
    (entry.kind === "option" ? entry.value.split(/\s+/) : [entry.value])
      .filter((word) => word !== "").map((word) => ({ entry, word }))
  );
  if (words.length === 0) return option.fallback;
  return words.flatMap(({ entry, word }) => {
    const reading = readValue(section, option, entry, word, findings);
    return reading ? [reading.value] : [];
  });
}

function readValue<T>(
  section: UciSection,
  option: ScalarOption<T> | ListOption<T>,
  entry: UciEntry,
  text: string,
  findings: Findings,
): { readonly value: T } | undefined {
  const reading = option.parse(text);
  if ("value" in reading) return reading;
  const shown = text.length > 60 ? `${text.slice(0, 59)}…` : text;
  findings.error(entry.line, section, option.name, reading.secret ? reading.problem : `'${shown}' ${reading.problem}`);
  return undefined;
}
