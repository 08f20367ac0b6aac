import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { app, collectStrings } from "./collect-strings.ts";

/** Writes po/templates/dots-callhome.pot anew; a test says when that is due. */
const entries = collectStrings().map(({ id, plural, places }) =>
  [
    ...places.map((place) => `#: applications/luci-app-dots-callhome/${place}`),
    `msgid ${JSON.stringify(id)}`,
    ...(plural === null ? ['msgstr ""'] : [`msgid_plural ${JSON.stringify(plural)}`, 'msgstr[0] ""', 'msgstr[1] ""']),
  ].join("\n")
);
writeFileSync(join(app, "po/templates/dots-callhome.pot"), `msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n\n${entries.join("\n\n")}\n`);
console.log(`${entries.length} texts`);
