import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openDhcpConfig } from "../../../src/system/files/dhcp-config.ts";

const folder = mkdtempSync(join(tmpdir(), "dch-dhcp-"));
after(() => {
  rmSync(folder, { recursive: true });
});

test("what cannot be read of it is a line in the log, once for each state of the file; no file is none", () => {
  const path = join(folder, "dhcp");
  const lines: string[] = [];
  const read = openDhcpConfig((level, line) => {
    lines.push(`${level}: ${line}`);
  }, path);
  const names = (): unknown[] => read().hosts.map(({ name }) => name);
  const nas = "config host\n\toption name 'nas'\n\toption mac '02:00:00:00:00:01'\n";
  assert.deepEqual([names(), lines], [[], []]);
  writeFileSync(path, `${nas}config host\n\toption name 'Tom's laptop'\n\toption mac '02:00:00:00:00:02'\n`);
  assert.deepEqual([names(), names()], [["nas", null], ["nas", null]]);
  assert.deepEqual(lines, [`warn: ${path}: line 5 cannot be read; the names and addresses that stand there are not used`]);
  writeFileSync(path, nas);
  assert.deepEqual([names(), lines.length], [["nas"], 1]);
  rmSync(path);
  assert.deepEqual(names(), []);
});

test("one that cannot be read at all is a line in the log", () => {
  const lines: string[] = [];
  const read = openDhcpConfig((level, line) => {
    lines.push(`${level}: ${line}`);
  }, folder);
  assert.deepEqual([read().hosts, read().hosts], [[], []]);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^warn: cannot read names from /);
});
