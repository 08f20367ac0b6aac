import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseUci, uciLimits, type UciFile } from "../../src/config/uci-syntax.ts";

/** `type name: option=value` for each entry, with line numbers, to compare files at a glance. */
function outline(file: UciFile): string[] {
  if ("errors" in file) return file.errors.map(({ line, message }) => `!${line} ${message}`);
  return file.sections.flatMap((
    { type, name, line, entries },
  ) => [`${line} ${type}${name === null ? "" : ` ${name}`}`, ...entries.map((entry) => `${entry.line} ${entry.kind} ${entry.name}=${entry.value}`)]);
}

describe("UCI syntax", () => {
  const files: [string, string, string[]][] = [
    ["nothing", "", []],
    ["an ordinary file", "config a 'b'\n\toption c 'd'\n\tlist e 'f'\n\tlist e 'g'\n", ["1 a b", "2 option c=d", "3 list e=f", "4 list e=g"]],
    ["no final line end", "config a b\noption c d", ["1 a b", "2 option c=d"]],
    ["an anonymous section", "config device\noption mac x", ["1 device", "2 option mac=x"]],
    ["an empty name is none", "config device ''", ["1 device"]],
    ["short commands", "package x\nc a b\no c d\nl e f", ["2 a b", "3 option c=d", "4 list e=f"]],
    ["comments", "# one\nconfig a b # two\n  # three\noption c 'd#e' #four\noption f g#five", ["2 a b", "4 option c=d#e", "5 option f=g"]],
    ["quotes", `config a\noption c "it's \\"so\\" \\\\"\noption d 'a "b" \\n'\noption e a\\ b\\'c`, ["1 a", `2 option c=it's "so" \\`, `3 option d=a "b" \\n`,
      "4 option e=a b'c"]],
    ["how uci export quotes a quote", `config a\noption c 'it'\\''s'`, ["1 a", "2 option c=it's"]],
    ["pieces of one word", `config a\noption c x"y z"'w'v`, ["1 a", "2 option c=xy zwv"]],
    ["a continued line", "config a \\\nb\noption \\\n  c 'd'\noption e f\\\ng", ["1 a b", "3 option c=d", "5 option e=fg"]],
    ["a continued double quote", 'config a\noption c "d\\\ne"\noption f g', ["1 a", "2 option c=de", "4 option f=g"]],
    ["quoted line ends", "config a\noption c 'd\ne'\noption f \"g\nh\"\noption i j", ["1 a", "2 option c=d\ne", "4 option f=g\nh", "6 option i=j"]],
    ["commands on one line", "config a b; option c d;;option e 'f;g'", ["1 a b", "1 option c=d", "1 option e=f;g"]],
    ["CRLF and a byte order mark", "\ufeffconfig a b\r\n\toption c 'd'\r\n", ["1 a b", "2 option c=d"]],
    ["an empty value", "config a\noption c ''\noption d", ["1 a", "2 option c=", "3 option d="]],
    ["sections of one name stay apart", "config a b\nconfig a b", ["1 a b", "2 a b"]],
    ["text beyond ASCII", "config a\noption c 'Küche 📷'", ["1 a", "2 option c=Küche 📷"]],

    ["an option without a section", "\noption a b", ["!2 'option' before the first 'config' line"]],
    ["an unknown command", "config a\nopton b c", ["!2 'opton' is not a command, expected config, option or list"]],
    ["a name of Object.prototype", "constructor a", ["!1 'constructor' is not a command, expected config, option or list"]],
    ["config alone", "config", ["!1 too few words, expected config TYPE 'NAME'"]],
    ["an empty type", "config ''", ["!1 too few words, expected config TYPE 'NAME'"]],
    ["option alone", "config a\noption", ["!2 too few words, expected option NAME 'VALUE'"]],
    ["a value without quotes", "config a\noption b c d", ["!2 too many words, expected option NAME 'VALUE' (a value with spaces needs quotes)"]],
    ["a bad section name", "config a b-c", ["!1 'b-c' is not a section name, expected letters, digits and _"]],
    ["a bad option name", "config a\noption b.c d", ["!2 'b.c' is not an option name, expected letters, digits and _"]],
    ["an open quote", "config a\noption b 'c\n\noption d e\n", ["!2 a quote ' that is opened here is never closed"]],
    ["an open quote that ends in a backslash", 'config a\noption b "c\\', ['!2 a quote " that is opened here is never closed']],
    ["a NUL byte", "config a\noption b 'c\0'", ["!2 the file holds a NUL byte, so it is not text"]],
    ["two errors", "config\nconfig a\noption", ["!1 too few words, expected config TYPE 'NAME'", "!3 too few words, expected option NAME 'VALUE'"]],
  ];
  for (const [name, text, expected] of files) {
    it(name, () => {
      assert.deepEqual(outline(parseUci(text)), expected);
    });
  }

  it("bounds the size, the lines and the errors of a file", () => {
    assert.deepEqual(outline(parseUci("#".repeat(uciLimits.characters + 1))), ["!1 the file is larger than 1048576 characters"]);
    assert.deepEqual(outline(parseUci("\n".repeat(uciLimits.lines))), []);
    assert.deepEqual(outline(parseUci("\n".repeat(uciLimits.lines + 1))), ["!10000 the file has more than 10000 lines"]);
    assert.equal(outline(parseUci("bad\n".repeat(1000))).length, uciLimits.errors);
  });

  it("reads back whatever is written, in each way of quoting", () => {
    const single = (value: string): string => `'${value.replaceAll("'", "'\\''")}'`;
    const double = (value: string): string => `"${value.replace(/["\\]/g, "\\$&")}"`;
    // A backslash before CR LF joins lines, as before LF: what ends in CR needs quotes.
    const bare = (
      value: string,
    ): string => (value === "" || value.includes("\n") || value.endsWith("\r")
      ? single(value)
      : Array.from(value).map((character) => `\\${character}`).join(""));
    const value = fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"));
    const entry = fc.record({
      kind: fc.constantFrom("option" as const, "list" as const),
      name: fc.stringMatching(/^[A-Za-z0-9_]{1,8}$/),
      value,
      quote: fc.constantFrom(single, double, bare),
      comment: fc.constantFrom("", " # it's a comment \\", ";", "  "),
    });
    fc.assert(fc.property(fc.array(entry), (entries) => {
      const text = `config a 'b'\n${entries.map(({ kind, name, value, quote, comment }) => `\t${kind} ${name} ${quote(value)}${comment}\n`).join("")}`;
      const file = parseUci(text);
      assert.ok("sections" in file, JSON.stringify(file));
      assert.deepEqual(file.sections[0]?.entries.map(({ kind, name, value }) => ({ kind, name, value })),
        entries.map(({ kind, name, value }) => ({ kind, name, value })));
      const section = file.sections.at(0);
      let line = 2;
      for (const [at, { value }] of entries.entries()) {
        assert.equal(section?.entries[at]?.line, line);
        line += value.split("\n").length;
      }
    }));
  });

  it("answers any text with sections or with errors on lines of the file", () => {
    const words = fc.constantFrom("config", "option", "list", "package", "'", '"', "\\", "#", ";", "\n", "\r", " ", "\t", "a", "b-c", "ü", "\0", "\u2028");
    fc.assert(fc.property(fc.array(words, { maxLength: 60 }), (parts) => {
      const text = parts.join("");
      const file = parseUci(text);
      const lines = text.split("\n").length;
      if ("errors" in file) assert.ok(file.errors.every(({ line }) => line >= 1 && line <= lines));
      else assert.ok(file.sections.every(({ line, type }) => line >= 1 && line <= lines && type !== ""));
    }), { numRuns: 2000 });
  });
});
