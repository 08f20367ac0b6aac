import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { app, collectStrings } from "./collect-strings.ts";
import { readPo } from "./read-po.ts";

const texts = collectStrings();
const keyOf = ({ id, plural }: (typeof texts)[number]): string => (plural === null ? id : `${id}\u0002${plural}`);
const placeholders = (text: string): string => (text.match(/%[sd]/g) ?? []).join("");

describe("the translations of the page", () => {
  it("have a template with every text of the views, and no other (node --import tsx test/browser/write-template.ts)", () => {
    const template = readFileSync(join(app, "po/templates/dots-callhome.pot"), "utf8");
    const ids = [...template.matchAll(/^msgid (".+")$/gm)].map(([, quoted]) => JSON.parse(quoted ?? '""') as string).filter((id) => id !== "");
    assert.deepEqual(ids.sort(), texts.map(({ id }) => id).sort());
    assert.ok(texts.length > 200);
  });

  for (const language of ["de", "es", "zh_Hans", "ja"])
    it(`are complete in ${language}, with the same places to fill in`, () => {
      const translated = readPo(readFileSync(join(app, `po/${language}/dots-callhome.po`), "utf8"));
      assert.deepEqual(texts.map(keyOf).filter((key) => !translated.has(key)), []);
      assert.deepEqual([...translated.keys()].filter((key) => !texts.some((text) => keyOf(text) === key)), [], "none too many");
      for (const text of texts) {
        const forms = translated.get(keyOf(text)) ?? [];
        assert.equal(placeholders(forms.at(-1) ?? ""), placeholders(text.plural ?? text.id), text.id);
      }
    });

  it("use a technical word only beside a plain one", () => {
    for (const { id } of texts) {
      assert.doesNotMatch(id, /mitigat(?!ion\))|DOTS client|attack source/i, id);
      if (/NAT|mitigation|quarantine/i.test(id)) assert.match(id, /\((NAT: .+|mitigation|quarantine)\)/, id);
    }
  });
});
