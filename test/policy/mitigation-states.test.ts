import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { drawStates } from "./draw-states.ts";

test("docs/mitigation-states.md shows what step() does", () => {
  const path = new URL("../../docs/mitigation-states.md", import.meta.url);
  const text = drawStates();
  if (process.env["GOLDEN"] === "write") writeFileSync(path, text);
  assert.equal(readFileSync(path, "utf8"), text);
});
