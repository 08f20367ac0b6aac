import { readFileSync, writeFileSync } from "node:fs";
import { parseUci } from "../../src/config/uci-syntax.ts";

type Value = string | string[];
interface Section {
  name: string;
  type: string;
  anonymous: boolean;
  values: Map<string, Value>;
}

/** rpcd's `uci` object, on one file: changes are staged until they are applied. A stand-in, small on purpose. */
export function openUciFile(file: string): {
  call(method: string, params: Readonly<Record<string, unknown>>): { readonly status: number; readonly data?: object };
  apply(): void;
} {
  let anonymous = 0;
  const read = (): Section[] => {
    const parsed = parseUci(readFileSync(file, "utf8"));
    if ("errors" in parsed) throw new Error(parsed.errors[0]?.message);
    return parsed.sections.map(({ type, name, entries }) => {
      const values = new Map<string, Value>();
      for (const entry of entries) {
        const before = values.get(entry.name);
        values.set(entry.name, entry.kind === "list" ? [...(Array.isArray(before) ? before : []), entry.value] : entry.value);
      }
      return { name: name ?? `cfg0${(++anonymous).toString(16).padStart(5, "0")}`, type, anonymous: name === null, values };
    });
  };
  let staged = read();
  const view = (section: Section, at: number): object => ({
    ".anonymous": section.anonymous,
    ".type": section.type,
    ".name": section.name,
    ".index": at,
    ...Object.fromEntries(section.values),
  });
  return {
    call(method, { config, section: wanted, type, name, values, options }) {
      if (method === "changes") return { status: 0, data: { changes: {} } };
      if (method === "order" || method === "confirm") return { status: 0 };
      if (config !== "dots-callhome") return method === "get" ? { status: 0, data: { values: {} } } : { status: 4 };
      const section = staged.find((each) => each.name === wanted);
      switch (method) {
        case "get":
          return { status: 0, data: { values: Object.fromEntries(staged.map((each, at) => [each.name, view(each, at)])) } };
        case "add": {
          const made: Section = {
            name: typeof name === "string" ? name : `cfg0${(++anonymous).toString(16).padStart(5, "0")}`,
            type: String(type),
            anonymous: typeof name !== "string",
            values: new Map(Object.entries((values ?? {}) as Record<string, Value>)),
          };
          staged.push(made);
          return { status: 0, data: { section: made.name } };
        }
        case "set":
          if (!section) return { status: 4 };
          for (const [option, value] of Object.entries((values ?? {}) as Record<string, Value>)) section.values.set(option, value);
          return { status: 0 };
        case "delete":
          if (!section) return { status: 4 };
          if (Array.isArray(options)) { for (const option of options) section.values.delete(String(option)); }
          else staged = staged.filter((each) => each !== section);
          return { status: 0 };
        default:
          return { status: 3 };
      }
    },
    apply() {
      const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
      writeFileSync(file, staged.map((section) =>
        [
          `config ${section.type}${section.anonymous ? "" : ` ${quote(section.name)}`}`,
          ...[...section.values].flatMap(([option, value]) =>
            Array.isArray(value) ? value.map((each) => `\tlist ${option} ${quote(each)}`) : [`\toption ${option} ${quote(value)}`]
          ),
        ].join("\n")
      ).join("\n\n") + "\n");
    },
  };
}
