import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { pageModules } from "../browser/page-modules.ts";
import { createContext, runInContext } from "node:vm";
import { deviceOptions, globalsOptions, notifyOptions, upstreamOptions, type ListOption, type ScalarOption } from "../../src/config/options.ts";

/** LuCI's form of the settings and the option table of the daemon are one thing, said twice: here they are compared. */
type Option = ScalarOption<unknown> | ListOption<unknown>;
const tables: Readonly<Record<string, Readonly<Record<string, Option>>>> = {
  globals: globalsOptions,
  upstream: upstreamOptions,
  device: deviceOptions,
  notify: notifyOptions,
};

/** What the form says of one option. */
interface Field {
  widget: string;
  default?: unknown;
  placeholder?: string;
  datatype?: string;
  seconds?: readonly number[];
  option?: string;
  words: string[];
  value: (word: string) => void;
  depends: () => void;
}

/** Runs the view with a `form` that writes down what is asked of it. Fields by section type and option name. */
function readForm(): Map<string, Map<string, Field>> {
  const sections = new Map<string, Map<string, Field>>();
  const widgets = ["Map", "NamedSection", "TypedSection", "GridSection", "TableSection", "Value", "TextValue", "ListValue", "RichListValue", "Flag",
    "DynamicList", "MultiValue", "DummyValue", "Button", "FileUpload"];
  const form: Record<string, unknown> = Object.fromEntries(widgets.map((widget) => [widget, {}]));
  const addField = (fields: Map<string, Field>, widget: unknown, name: string): Field => {
    const known = Object.entries(form).find(([, each]) => each === widget)?.[0] ?? "own widget";
    const words: string[] = [];
    const field: Field = {
      widget: known,
      option: name,
      words,
      value: (word) => {
        words.push(word);
      },
      depends: () => undefined,
    };
    fields.set(name, field);
    return field;
  };
  const section = (type: string): object => {
    const fields = sections.get(type) ?? new Map<string, Field>();
    sections.set(type, fields);
    return {
      tab: () => undefined,
      option: (widget: unknown, name: string) => addField(fields, widget, name),
      taboption: (_: string, widget: unknown, name: string) => addField(fields, widget, name),
    };
  };
  form["Map"] = class {
    section = (widget: unknown, first: string, second: string): object => section(widget === form["NamedSection"] ? second : first);
    render = (): undefined => undefined;
  };
  const file = new URL("../../openwrt/luci-app-dots-callhome/htdocs/luci-static/resources/view/dots-callhome/settings.js", import.meta.url);
  const { load, baseclass } = pageModules();
  const N_ = (n: number, one: string, many: string): string => (n === 1 ? one : many);
  const context = createContext({
    form,
    view: { extend: (it: object) => it },
    _: (text: string) => text,
    N_,
    uci: {},
    settings: { name: "dots-callhome" },
    document: {},
    units: load("units", { baseclass, N_ }),
  });
  runInContext("String.prototype.format = function (...values) { let at = 0; return this.replace(/%[sd]/g, () => String(values[at++])); };", context);
  const view = runInContext(`(() => {${readFileSync(file, "utf8")}})()`, context) as { render: () => unknown };
  view.render();
  return sections;
}

describe("LuCI's settings", () => {
  const sections = readForm();

  it("has the option table's options, and no others", () => {
    for (const [type, table] of Object.entries(tables)) {
      const names = [...sections.get(type)?.keys() ?? []].filter((name) => !name.startsWith("_"));
      assert.deepEqual(names.sort(), Object.values(table).map(({ name }) => name).sort(), type);
    }
  });

  for (const [type, table] of Object.entries(tables)) {
    for (const option of Object.values(table)) {
      it(`config ${type}: ${option.name} has the table's kind, bounds, choices and default`, () => {
        const field = sections.get(type)?.get(option.name);
        assert.ok(field);
        const takes = option.parse.takes;
        if (option.is === "list") assert.match(field.widget, /^(DynamicList|MultiValue)$/);
        if (takes?.is === "switch") {
          assert.equal(field.widget, "Flag");
          // A box that is not ticked is stored only where off is not the default.
          assert.equal(field.default ?? "0", option.fallback === true ? "1" : "0");
        }
        if (takes?.is === "integer") {
          if (field.seconds) {
            assert.deepEqual([...field.seconds], [takes.lowest, takes.highest, option.fallback], "seconds, said in words");
            return;
          }
          if (field.datatype !== "port") assert.equal(field.datatype, `and(uinteger,range(${takes.lowest},${takes.highest}))`);
          assert.equal(field.placeholder ?? field.default, String(option.fallback));
        }
        if (takes?.is === "word") {
          assert.deepEqual(field.words.filter((word) => word !== "").sort(), [...takes.words].sort());
          if (option.is === "option" && option.fallback !== null) assert.equal(field.default, option.fallback);
        }
      });
    }
  }
});
