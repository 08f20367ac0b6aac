// The packages of translations: LuCI's .lmo files, read back with a reader of our own. Once, by hand, all of them and those of luci-base
// in 47 languages were compared with what LuCI's po2lmo writes: the same bytes; and read with LuCI's lmo.c.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hashOf, lmoOf } from "../../scripts/write-lmo.mjs";
import { buildPackage, unpackPackage } from "./played-router.ts";

const work = mkdtempSync(join(tmpdir(), "dch-lmo-"));
after(() => {
  rmSync(work, { recursive: true, force: true });
});

/** The texts of a .lmo file by their hash; checks the form on the way. */
function readLmo(file: Buffer): Map<number, { text: string; forms: number }> {
  const start = file.readUInt32BE(file.length - 4);
  assert.equal((file.length - 4 - start) % 16, 0, "an index of whole entries");
  const texts = new Map<number, { text: string; forms: number }>();
  let last = -1;
  for (let at = start; at < file.length - 4; at += 16) {
    const [key, forms, offset, length] = [0, 4, 8, 12].map((field) => file.readUInt32BE(at + field)) as [number, number, number, number];
    assert.ok(key > last, "sorted: LuCI looks for a hash by halving");
    assert.ok(offset % 4 === 0 && offset + length <= start, "a text lies before the index");
    texts.set(key, { text: file.toString("utf8", offset, offset + length), forms });
    last = key;
  }
  return texts;
}

test("hashes are LuCI's: of 0 to 3 bytes behind the last four, and of bytes above 0x7f", () => {
  // Read off LuCI's own sfh_hash().
  const known = { Overview: 0xadbaae97, Device: 0xbe021833, a: 0x115ea782, ab: 0x516b8b44, abc: 0xd2be198a, "日本語!": 0x24b81465 };
  for (const [text, hash] of Object.entries(known)) assert.equal(hashOf(text), hash, text);
  assert.equal(hashOf(""), 0);
});

test("contexts, plurals, several lines, escapes; what is not translated is left out", () => {
  const texts = readLmo(lmoOf(`msgid ""
msgstr ""
"Language: xx\\n"
"Plural-Forms: nplurals=2; plural=n != 1;\\n"

# a comment
#~ msgid "obsolete"
#~ msgstr "veraltet"
msgid "two "
"lines"
msgstr "zwei "
"Zeilen"

msgctxt "verb"
msgid "block"
msgstr "sperren"

msgid "block"
msgstr "die \\"Sperre\\" \\\\ \\n"

msgid "one"
msgid_plural "%d of them"
msgstr[0] "eins"
msgstr[1] "%d davon"

msgctxt "hour"
msgid "last"
msgid_plural "last %d"
msgstr[0] "letzte"
msgstr[1] ""

msgid "untranslated"
msgstr ""

msgid "Port"
msgstr "Port"
`));
  const read = (key: string): string | undefined => texts.get(hashOf(key))?.text;
  assert.deepEqual(["two lines", "verb\x01block", "block", "one\x020", "one\x021", "hour\x01last\x020"].map(read), ["zwei Zeilen", "sperren",
    'die "Sperre" \\ \\n', "eins", "%d davon", "letzte"]);
  assert.equal(texts.get(0)?.text, "nplurals=2; plural=n != 1;");
  assert.equal(texts.get(hashOf("one\x021"))?.forms, 2);
  assert.equal(texts.size, 7);
});

test("a package a language, as LuCI names them, and the page's words in it", () => {
  buildPackage(work);
  const found = readdirSync(work).filter((name) => /^luci-i18n-.*\.ipk$/.test(name)).sort();
  assert.deepEqual(found.map((name) => name.replace(/_.*/, "")), ["de", "es", "ja", "zh-cn"].map((code) => `luci-i18n-dots-callhome-${code}`));
  for (
    const [name, code, folder, device] of [["Deutsch (German)", "de", "de", "Gerät"], ["简体中文 (Simplified Chinese)", "zh-cn", "zh_Hans", "设备"]] as const
  ) {
    const file = found.find((each) => each.startsWith(`luci-i18n-dots-callhome-${code}_`)) ?? "";
    const { data, control } = unpackPackage(join(work, file), join(work, code));
    const fields = readFileSync(join(control, "control"), "utf8");
    assert.match(fields, /^Depends: luci-app-dots-callhome$/m);
    assert.match(fields, /^Architecture: all$/m);
    assert.match(readFileSync(join(control, "postinst"), "utf8"), /default_postinst/); // runs uci-defaults
    const script = join(data, `etc/uci-defaults/luci-i18n-dots-callhome-${code}`);
    execFileSync("busybox", ["ash", "-n", script]);
    assert.equal(readFileSync(script, "utf8"), `uci set luci.languages.${code.replace("-", "_")}='${name}'; uci commit luci\n`);
    const texts = readLmo(readFileSync(join(data, `usr/lib/lua/luci/i18n/dots-callhome.${code}.lmo`)));
    assert.equal(texts.get(hashOf("Device"))?.text, device);
    // Nothing that the translators wrote is lost: each message is found, by the key that LuCI makes of its words.
    const po = readFileSync(new URL(`../../openwrt/luci-app-dots-callhome/po/${folder}/dots-callhome.po`, import.meta.url), "utf8");
    const plain = [...po.matchAll(/^msgid "(.+)"\nmsgstr "(.+)"$/gm)].filter(([, id, text]) => id !== text && !/\\/.test(`${id ?? ""}${text ?? ""}`));
    assert.ok(plain.length > 200, `${plain.length} messages`);
    for (const [, id = "", text] of plain) assert.equal(texts.get(hashOf(id))?.text, text, id);
    assert.match(texts.get(0)?.text ?? "", /^nplurals=\d; plural=/);
  }
});
