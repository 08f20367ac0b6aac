import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { readOwnersWord } from "../../src/memory/owners-word-json.ts";
import { readRemembered } from "../../src/memory/state-json.ts";
import { suiteLimit } from "../patience.ts";
import { sinceEpoch } from "../../src/model/time.ts";

const kills = Number(process.env["KILLS"] ?? 100);

test(`memory survives kill -9 at ${kills} random instants`, { timeout: suiteLimit }, async () => {
  // In memory: what the kernel was given survives a kill, and a disk's fsync would leave little else to be interrupted.
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "dots-kill-"));
  const victim = join(folder, "victim.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("victim.ts", import.meta.url))],
    outfile: victim,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  const state = join(folder, "state");
  const used = new Set<number>();
  let lastDecided = 0;
  let decisions = 0;
  let drafts = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      const child = spawn(process.execPath, [victim, state], { stdio: ["ignore", "pipe", "inherit"] });
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      const closed = once(child, "close");
      await Promise.race([once(child.stdout, "data"), closed]);
      // After some decisions, so that there are some however slow this machine is; and amid whatever comes then.
      const decisionsBefore = Math.floor(Math.random() * 8);
      while (child.exitCode === null && said.split("decided").length <= decisionsBefore) await Promise.race([once(child.stdout, "data"), closed]);
      await wait(Math.random() * 4);
      child.kill("SIGKILL");
      await closed;

      for (const line of said.split("\n")) {
        const [word, id] = line.split(" ");
        assert.notEqual(word, "logged", line);
        if (word === "used") {
          assert.ok(!used.has(Number(id)), `id ${id ?? ""} was given out twice`);
          used.add(Number(id));
        }
        if (word === "decided") {
          lastDecided = Number(id);
          decisions++;
        }
      }
      if (existsSync(join(state, "state.json.new"))) drafts++;
      const recalled = readRemembered(readFileSync(join(state, "state.json"), "utf8"));
      assert.ok(!("problem" in recalled), "problem" in recalled ? recalled.problem : "");
      const { remembered: read, lost } = recalled;
      assert.deepEqual(lost, []);
      if (lastDecided === 0) continue;
      assert.equal(read.mitigations.find(({ id }) => id === lastDecided)?.outcome, "denied", `decision on ${lastDecided} was acknowledged and is lost`);
      const owner = readOwnersWord(readFileSync(join(state, "owner.json"), "utf8"));
      assert.ok(!("problem" in owner) && owner.lost.length === 0, "problem" in owner ? owner.problem : "");
      assert.ok(owner.word.nos.some(({ saidAt }) => sinceEpoch(saidAt) === lastDecided), `the owner's no to ${lastDecided} was acknowledged and is lost`);
      assert.ok(read.history.some(({ mitigation }) => mitigation === lastDecided));
      assert.ok(read.mitigations.filter((each) => each.state === "ended").length <= 128 && read.history.length <= 200, "what is kept is bounded");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  assert.ok(decisions > 0, `${decisions} decisions`);
  console.log(`${kills} kills, ${decisions} decisions acknowledged, ${drafts} times in the middle of a write`);
});
