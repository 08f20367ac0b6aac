import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { renderRuleset } from "./render-ruleset.ts";
import { goldenCases, heldAfter } from "./golden-cases.ts";

// After a change that is meant: GOLDEN=write node --import tsx --test test/enforcer/golden.test.ts, and read the diff.
for (const { file, title, rules, before, reported } of goldenCases) {
  test(`golden: ${file}`, () => {
    const path = new URL(`../golden/${file}.nft`, import.meta.url);
    const text = `# ${title}\n${renderRuleset(rules, heldAfter(before ?? []), new Map(), reported)}`;
    if (process.env["GOLDEN"] === "write") writeFileSync(path, text);
    assert.equal(text, readFileSync(path, "utf8"));
  });
}
