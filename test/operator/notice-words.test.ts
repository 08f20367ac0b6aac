import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { composeNotice, noticeStyle } from "../../src/operator/compose-notice.ts";
import { noticeLanguage, noticeWords } from "../../src/operator/notice-words.ts";
import { languages } from "../../src/operator/notification-words.ts";

describe("the language of the notice page", () => {
  for (
    const [asked, expected] of [
      [undefined, "es"],
      ["", "es"],
      ["de", "de"],
      ["de-AT,de;q=0.9,en;q=0.8", "de"],
      ["fr, en;q=0.5, ja;q=0.7", "ja"],
      ["zh-Hans-CN", "zh_Hans"],
      ["ZH-TW", "zh_Hans"],
      ["fr-FR,it", "es"],
      ["*", "es"],
      ["en;q=0, de;q=0.1", "de"],
      ["en ; q = 0.5 , de ; q=0.6", "de"],
      ["en;q=9", "en"],
      ["en;q=x,ja", "ja"],
      ["__proto__, constructor", "es"],
      [`${"fr,".repeat(16)}de`, "es"],
      ["x".repeat(100_000), "es"],
    ] as const
  )
    it(`${(asked ?? "nothing asked").slice(0, 40)}: ${expected}`, () => {
      assert.equal(noticeLanguage(asked, "es"), expected);
    });
});

describe("the notice page", () => {
  for (const language of languages) {
    for (const isCutOff of [true, false]) {
      const page = composeNotice(language, isCutOff);
      it(`${language}, ${isCutOff ? "cut off" : "not cut off"}: is whole in itself, and no probe takes it for the internet`, () => {
        assert.match(page, /^<!DOCTYPE html><html lang="[a-zA-Z-]+"><head><meta charset="utf-8"><meta name="viewport"/);
        assert.doesNotMatch(page, /<(script|a|form|input|img|link|iframe|object)\b|https?:|\bon[a-z]+=|style="|url\(|@import|\{[a-z]+\}/i);
        assert.doesNotMatch(page, /Success|Microsoft (Connect|NCSI)/i, "the words of Apple's, Mozilla's and Microsoft's probes");
        assert.doesNotMatch(page, /([0-9a-f]{2}:){5}|\d+\.\d+\.\d+\.\d+/, "no address of anybody");
        assert.ok(Buffer.byteLength(page) < 6_000, `${Buffer.byteLength(page)} bytes`);
        assert.ok(page.includes(isCutOff ? noticeWords[language].heading : noticeWords[language].notCutOff));
      });
    }
    it(`${language}: its words need no escaping`, () => {
      for (const text of Object.values<string | readonly string[]>({ ...noticeWords[language] }).flatMap((words) => words))
        assert.doesNotMatch(text, /[<>&"']/, text);
    });
  }
  it("has no style but the one that its policy names", () => {
    assert.deepEqual([...composeNotice("en", true).matchAll(/<style>([^]*?)<\/style>/g)].map(([, style]) => style), [noticeStyle]);
  });
});
