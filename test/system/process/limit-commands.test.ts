import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { limitCommands } from "../../../src/system/process/limit-commands.ts";
import { CommandFailure, type RunCommand } from "../../../src/system/process/run-command.ts";
import { settle } from "../../fake-clock.ts";

interface Played {
  readonly run: RunCommand;
  /** Tools that run now, each ended by calling it. */
  readonly running: Map<string, (error?: Error) => void>;
}

function play(limits: Parameters<typeof limitCommands>[1]): Played {
  const running = new Map<string, (error?: Error) => void>();
  const run: RunCommand = (tool) =>
    new Promise((resolve, reject) => {
      running.set(tool, (error) => {
        running.delete(tool);
        if (error) reject(error);
        else resolve({ status: 0, stdout: tool, stderr: "" });
      });
    });
  return { run: limitCommands(run, limits), running };
}

describe("limitCommands", () => {
  it("runs so many at a time, in their order, and gives each its own result", async () => {
    const { run, running } = play({ atOnce: 3 });
    const results = ["a", "b", "c", "d"].map((tool) => run(tool, []));
    await settle();
    assert.deepEqual([...running.keys()], ["a", "b"], "one place is the owner's");
    running.get("a")?.();
    await settle();
    assert.deepEqual([...running.keys()], ["b", "c"]);
    for (let left = 3; left > 0; left -= 1) {
      for (const end of [...running.values()]) end();
      await settle();
    }
    assert.deepEqual((await Promise.all(results)).map(({ stdout }) => stdout), ["a", "b", "c", "d"]);
  });

  it("lets the owner's go first, whatever waits", async () => {
    const { run, running } = play({ atOnce: 2, mostWaiting: 100 });
    for (let at = 0; at < 50; at += 1) void run(`upstream ${at}`, []);
    void run("owner", [], { isUrgent: true });
    void run("owner too", [], { isUrgent: true });
    await settle();
    assert.deepEqual([...running.keys()], ["upstream 0", "owner"]);
    running.get("upstream 0")?.();
    await settle();
    assert.deepEqual([...running.keys()], ["owner", "owner too"]);
  });

  it("refuses what comes beyond those that wait, and goes on after a failure", async () => {
    const { run, running } = play({ atOnce: 2, mostWaiting: 1 });
    const first = run("a", []);
    await settle();
    const second = run("b", []);
    await assert.rejects(run("c", []), (error) => error instanceof CommandFailure && error.reason === "busy");
    running.get("a")?.(new Error("broken"));
    await assert.rejects(first, /broken/);
    await settle();
    running.get("b")?.();
    assert.equal((await second).stdout, "b");
  });
});
