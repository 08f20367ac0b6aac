import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const app = fileURLToPath(new URL("../../openwrt/luci-app-dots-callhome/", import.meta.url));

export interface Translatable {
  readonly id: string;
  readonly plural: string | null;
  readonly places: readonly string[];
}

/** What LuCI's i18n-scan would find: `_('…')` and `N_(n, '…', '…')` in scripts, titles of the menu, descriptions of the ACL. */
export function collectStrings(): readonly Translatable[] {
  const found = new Map<string, { id: string; plural: string | null; places: string[] }>();
  const add = (id: string, plural: string | null, place: string): void => {
    const key = plural === null ? id : `${id}\u0002${plural}`;
    const entry = found.get(key) ?? { id, plural, places: [] };
    if (!entry.places.includes(place)) entry.places.push(place);
    found.set(key, entry);
  };
  const files = readdirSync(app, { recursive: true, encoding: "utf8" }).filter((file) => /^htdocs.*\.js$|menu\.d.*\.json$|acl\.d.*\.json$/.test(file)).sort();
  for (const file of files) {
    const text = readFileSync(join(app, file), "utf8");
    const place = relative(app, join(app, file));
    if (file.endsWith(".json")) {
      for (const [, title] of text.matchAll(/"(?:title|description)": "([^"]*)"/g)) if (title !== undefined) add(title, null, place);
      continue;
    }
    for (const [, id] of text.matchAll(/(?<!\w)_\('((?:[^'\\]|\\.)*)'\)/g)) if (id !== undefined) add(id.replaceAll("\\'", "'"), null, place);
    for (const [, id, plural] of text.matchAll(/N_\([^']*'([^']*)', '([^']*)'\)/g)) if (id !== undefined && plural !== undefined) add(id, plural, place);
  }
  return [...found.values()];
}
