import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { suiteLimit } from "../patience.ts";

test("twenty reloads in four seconds leave one connection with the broker, and SIGTERM ends it and the process", { timeout: suiteLimit }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "dch-reload-"));
  const scene = fileURLToPath(new URL("reload-scene.ts", import.meta.url));
  try {
    const { stdout } = await promisify(execFile)("unshare", ["-n", process.execPath, "--import", "tsx", scene, folder]);
    assert.deepEqual(JSON.parse(stdout), { reloaded: true, connections: 1, code: 0, left: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
