#!/usr/bin/env node
// Formats our TypeScript and JavaScript as dprint does: `format.mjs` writes, `format.mjs --check` names the files that differ and fails.
import { createFromBuffer } from "@dprint/formatter";
import { getPath } from "@dprint/typescript";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const isCheck = process.argv.includes("--check");
const { lineWidth, indentWidth, newLineKind, typescript } = JSON.parse(readFileSync(new URL("../dprint.json", import.meta.url), "utf8"));
const formatter = createFromBuffer(readFileSync(getPath()));
formatter.setConfig({ lineWidth, indentWidth, newLineKind }, typescript);
const problems = formatter.getConfigDiagnostics();
if (problems.length > 0) throw new Error(problems.map(({ propertyName, message }) => `dprint.json: ${propertyName}: ${message}`).join("\n"));

/** Again until nothing changes: a line that was joined may be broken elsewhere by the next pass. */
function format(filePath, fileText, passes = 8) {
  const after = formatter.formatText({ filePath, fileText });
  return after === fileText || passes === 0 ? after : format(filePath, after, passes - 1);
}

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.mjs", "eslint.config.js"], { encoding: "utf8" })
  .split("\n");
const differ = files.filter((file) => {
  if (file === "") return false;
  const before = readFileSync(file, "utf8");
  const after = format(file, before);
  if (after !== before && !isCheck) writeFileSync(file, after);
  return after !== before;
});
if (isCheck && differ.length > 0) {
  console.error(`Not formatted: ${differ.join(", ")}\nRun: make format`);
  process.exit(1);
}
if (!isCheck) console.log(`${differ.length} of ${files.length - 1} files changed`);
