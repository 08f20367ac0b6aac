import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { suiteLimit } from "../../patience.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Takes every descriptor that it may have, and then does what a daemon does in that state. */
const victim = `
  import { openSync } from "node:fs";
  const [{ runCommand }, { followCommand }, { spawnNft }, { interactiveNft }, { monitorNft }] = await Promise.all([
    "src/system/process/run-command.ts", "src/system/process/follow-command.ts", "packages/nftables-js/src/spawn-nft.ts", "packages/nftables-js/src/interactive-nft.ts", "packages/nftables-js/src/monitor-nft.ts"].map((file) => import("${root}" + file)));
  const taken = [];
  try { for (;;) taken.push(openSync("/dev/null")); } catch {}
  const said = [];
  const say = (name) => (error) => { said.push(name + ": " + (error.message ?? error)); };
  await runCommand("true", []).then(say("run"), say("run"));
  await new Promise((resolve) => followCommand("true", [], { onData() {}, onComplaint() {}, onEnd({ reason, isMissing }) { say("follow")(reason + " " + isMissing); resolve(); } }));
  await spawnNft().run(["list", "tables"]).then(say("nft"), say("nft"));
  await interactiveNft().transact(["add table inet x"]).then(say("nft -i"), say("nft -i"));
  await new Promise((resolve) => { const stop = monitorNft([], { changed() {}, missed() {}, failed(reason) { say("nft monitor")(reason); stop(); resolve(); } }); });
  process.stdout.write(said.join("\\n"));
`;

describe("a process that has no file descriptor left", () => {
  it("hears that a tool could not be started, each time, and lives", { timeout: suiteLimit }, async () => {
    const said = await new Promise<string>((resolve, reject) => {
      const args = ["--nofile=256:256", process.execPath, "--import", "tsx", "--input-type=module", "-e", victim];
      execFile("prlimit", args, (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message} ${stderr}`));
        else resolve(stdout);
      });
    });
    const lines = said.split("\n");
    assert.equal(lines.length, 5, said);
    for (const line of lines) assert.match(line, /EMFILE/, line);
  });
});
