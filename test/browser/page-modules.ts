import { readFileSync } from "node:fs";
import { join } from "node:path";
import { app } from "./collect-strings.ts";

type Members = Record<string, (...args: unknown[]) => unknown>;

/** The pure modules of the page, without LuCI and without a browser: `extend` hands the members back, texts are the English ones. */
export function pageModules(): {
  readonly words: Members;
  readonly things: Members;
  readonly baseclass: object;
  load(name: string, scope: Readonly<Record<string, unknown>>): Members;
} {
  const load = (name: string, scope: Readonly<Record<string, unknown>>): Members => {
    const text = readFileSync(join(app, `htdocs/luci-static/resources/dots-callhome/${name}.js`), "utf8");
    // LuCI loads views in the same way.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call
    return new Function(...Object.keys(scope), text)(...Object.values(scope));
  };
  const format = (text: string, values: readonly unknown[]): string => values.reduce((so: string, value) => so.replace(/%[sd]/, () => String(value)), text);
  Object.defineProperty(String.prototype, "format", {
    configurable: true,
    value(this: string, ...values: unknown[]) {
      return format(this, values);
    },
  });
  const baseclass = { extend: (members: unknown) => members };
  const scope = {
    baseclass,
    _: (text: string) => text,
    N_: (n: number, one: string, many: string) => (n === 1 ? one : many),
    document: { documentElement: { lang: "en-GB" } },
  };
  const things = load("things", scope);
  return { things, words: load("words", { ...scope, things }), baseclass, load };
}
