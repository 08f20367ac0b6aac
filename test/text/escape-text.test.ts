import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { escapeLines, escapeText, excerpt } from "../../src/text/escape-text.ts";

const anyText = fc.string({ unit: "binary" });
const dangerous = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

describe("escaping text from the network", () => {
  const cases: [string, string, string][] = [
    ["plain text", "Küche 📷 カメラ", "Küche 📷 カメラ"],
    ["a terminal escape", "\u001b[2Jgone", "\\u001b[2Jgone"],
    ["an 8-bit terminal escape", "\u009b2J", "\\u009b2J"],
    ["line ends and tabs", "a\nb\rc\td", "a\\nb\\rc\\td"],
    ["right-to-left override", "gpj\u202eexe", "gpj\\u202eexe"],
    ["isolates", "\u2066x\u2069", "\\u2066x\\u2069"],
    ["invisible text", "a\u200bb\ufeffc\u2060", "a\\u200bb\\ufeffc\\u2060"],
    ["language tags", "a\u{e0041}", "a\\udb40\\udc41"],
    ["a lone surrogate", "a\ud800", "a\\ud800"],
    ["joiners of names and emoji", "👨‍👩‍👧 می‌خواهم", "👨‍👩‍👧 می‌خواهم"],
    ["DEL and NUL", "\u007f\0", "\\u007f\\u0000"],
  ];
  for (const [name, text, expected] of cases)
    it(name, () => {
      assert.equal(escapeText(text), expected);
    });

  it("leaves nothing that controls a terminal, whatever it is given", () => {
    fc.assert(fc.property(anyText, (text) => !dangerous.test(escapeText(text)) && escapeText(escapeText(text)) === escapeText(text)));
  });

  it("keeps the value of JSON", () => {
    fc.assert(fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const text = escapeLines(JSON.stringify(value, null, 2));
      assert.ok(!dangerous.test(text.replaceAll("\n", "")));
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    }));
  });

  it("cuts to a length", () => {
    assert.deepEqual([excerpt("abc", 3), excerpt("abcd", 3), excerpt("a\u001b", 4), excerpt("a📷b", 3), excerpt("", 3)], ["abc", "ab…", "a\\u…", "a…", ""]);
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 20 }), (text, length) => excerpt(text, length).length <= length && !dangerous.test(excerpt(text, length))),
    );
  });
});
