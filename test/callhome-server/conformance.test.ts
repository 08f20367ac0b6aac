import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../", import.meta.url);
const rows = readFileSync(new URL("docs/conformance.md", root), "utf8").split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| Quote"))
  .map((line) => line.slice(2, -2).split(" | "));

test("every row of docs/conformance.md has its seven columns, says what has seen it, and has a status", () => {
  for (const row of rows) {
    assert.equal(row.length, 7, row.join(" | "));
    assert.match(row[5] ?? "", /^(–|reading|((libcoap O(, G)?|go-dots|OpenSSL|dnsmasq)(, |$))+)$/, row[0]);
    assert.match(row[6] ?? "", /^(done|not yet\b|n\/a: )/, row[0]);
  }
  assert.ok(rows.length > 120);
});

test("every file and every test that it names exists", () => {
  const there = (path: string): boolean => existsSync(new URL(path, root));
  for (const [quote = "", , , file = "–", shown = "–"] of rows) {
    if (file !== "–") assert.ok(there(file.startsWith("packages/") ? file : `src/${file.replace(/^chs\//, "callhome-server/")}`), `${quote}: ${file}`);
    if (shown !== "–")
      assert.ok(
        [".test.ts", ".kernel.test.ts", ".lab.test.ts"].some((ending) => there(shown.startsWith("packages/") ? `${shown}${ending}` : `test/${shown}${ending}`)),
        `${quote}: ${shown}`,
      );
  }
});

test("what is done names the test that shows it", () => {
  for (const [quote = "", , , file, shown, status = ""] of rows) if (status === "done") assert.ok(file !== "–" && shown !== "–", quote);
});
