import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openMemory } from "../../src/memory/memory.ts";
import { readRemembered } from "../../src/memory/state-json.ts";
import { openStateFile } from "../../src/system/files/state-file.ts";
import { steadyClock } from "../../src/system/process/system-clock.ts";
import { sampleMitigation } from "../operator/sample-mitigation.ts";

/** Mounts a file system of 64 KiB; undefined where that is not allowed. */
function mountSmall(): { readonly folder: string; readonly remount: (options: string) => void; readonly remove: () => void } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "dots-full-"));
  const mount = (options: string): void => {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", folder], { stdio: "ignore" });
  };
  try {
    mount("size=64k");
  } catch {
    rmdirSync(folder);
    return undefined;
  }
  return {
    folder,
    remount: (options) => {
      mount(`remount,${options}`);
    },
    remove() {
      execFileSync("umount", [folder]);
      rmdirSync(folder);
    },
  };
}

test("a full disk and a read-only one: what was saved stays whole, the daemon says so and goes on, and saves again when it can", (t) => {
  const disk = mountSmall();
  if (!disk) {
    t.skip("mounting is not allowed here");
    return;
  }
  const logged: string[] = [];
  const open = (): ReturnType<typeof openMemory> =>
    openMemory({
      state: openStateFile(disk.folder, "state.json"),
      owner: openStateFile(disk.folder, "owner.json"),
      ids: openStateFile(disk.folder, "ids.json"),
    }, {
      clock: steadyClock,
      filter: { readCounters: () => Promise.resolve(new Map()) },
      log: (level, message) => logged.push(`${level}: ${message}`),
    });
  const savedIds = (): number[] => {
    const read = readRemembered(readFileSync(join(disk.folder, "state.json"), "utf8"));
    assert.ok(!("problem" in read));
    return read.remembered.mitigations.map(({ id }) => id);
  };
  try {
    const memory = open();
    const remember = (): number => {
      const id = memory.store.newId();
      memory.store.put({ ...sampleMitigation, id });
      memory.saveNow();
      return id;
    };
    assert.equal(remember(), 1);
    const ballast = join(disk.folder, "ballast");
    try {
      for (let size = 1; size < 100; size++) writeFileSync(`${ballast}${size}`, Buffer.alloc(4096));
    } catch { /* full now */ }
    assert.equal(remember(), 2);
    assert.match(logged.at(-1) ?? "", /ENOSPC/);
    assert.deepEqual(savedIds(), [1], "the old content is whole");
    assert.ok(!readdirSync(disk.folder).includes("state.json.new"), "no half-written file takes space");
    assert.deepEqual(memory.store.all().map(({ id }) => id), [1, 2], "and nothing is forgotten while it runs");

    for (const name of readdirSync(disk.folder)) if (name.startsWith("ballast")) rmSync(join(disk.folder, name));
    remember();
    assert.deepEqual(savedIds(), [1, 2, 3]);
    assert.deepEqual(memory.warnings(), []);

    disk.remount("ro");
    remember();
    assert.match(memory.warnings()[0] ?? "", /EROFS/);
    assert.deepEqual(savedIds(), [1, 2, 3]);
    assert.equal(open().store.all().length, 3, "a start on a read-only disk works too");
    disk.remount("rw");
    remember();
    assert.deepEqual(savedIds(), [1, 2, 3, 4, 5]);
  } finally {
    disk.remove();
  }
});
