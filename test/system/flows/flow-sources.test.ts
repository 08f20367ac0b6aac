import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Flow } from "../../../src/model/flow.ts";
import { checkTools } from "../../../src/system/process/check-tools.ts";
import type { FlowJournal } from "../../../src/system/flows/flow-journal.ts";
import { openFlowMemory, type FlowMemory } from "../../../src/system/flows/flow-sources.ts";
import { CommandFailure, type RunCommand } from "../../../src/system/process/run-command.ts";
import { fakeClock } from "../../fake-clock.ts";
import { asking, recordedFlows } from "../../nat-lookup/asking.ts";
import { milliseconds } from "../../../src/model/time.ts";

const listed = recordedFlows("list-ipv4.txt").slice(0, 3);
const quiet: FlowJournal = {
  search: () => ({ flows: [], count: 0 }),
  vouches: () => false,
  warnings: () => [],
  describe: () => "journal: 0 flows",
  stop: () => undefined,
  figures: { lines: 0, unreadable: 0, pauses: 0, losses: 0, listings: 0, completed: 0, flows: 0, bytesHeld: 0, busy: milliseconds(0) },
};

describe("openFlowMemory", () => {
  it("goes on, and warns, while the table cannot be read", async () => {
    const log: string[] = [];
    let broken = true;
    const matching = (): Promise<
      readonly Flow[]
    > => (broken
      ? Promise.reject(new CommandFailure("conntrack", "missing", "conntrack is not installed: install the package conntrack"))
      : Promise.resolve(listed));
    const memory: FlowMemory = openFlowMemory({
      table: { matching, cut: () => Promise.resolve([]) },
      journal: quiet,
      log: (level, message) => {
        log.push(`${level}: ${message}`);
      },
    });
    assert.deepEqual(await memory.matching(asking()), []);
    assert.deepEqual(await memory.matching(asking()), []);
    const complaint = "the connection table cannot be read: conntrack is not installed: install the package conntrack";
    assert.deepEqual([memory.warnings(), log], [[complaint], [`error: ${complaint}; it is tried again with the next request`]]);
    assert.ok(memory.remarks?.().includes(complaint));
    broken = false;
    assert.equal((await memory.matching(asking())).length, 3);
    assert.deepEqual(memory.warnings(), []);
  });
});

describe("checkTools", () => {
  it("warns while a tool is missing or is not the one that is needed, and looks again", async () => {
    const clock = fakeClock();
    let isFull = false;
    const run: RunCommand = (tool) => {
      if (tool === "bridge") return Promise.reject(new CommandFailure("bridge", "missing", "bridge is not installed: install the package ip-bridge"));
      return Promise.resolve(isFull ? { status: 0, stdout: "[]", stderr: "" } : { status: 1, stdout: "", stderr: "ip: unrecognized option: j\n" });
    };
    const tools = checkTools({ run, clock: clock.steady, log: () => undefined });
    await clock.advance(0);
    assert.deepEqual(tools.warnings(), [
      "ip failed with status 1: ip: unrecognized option: j (is the package ip-full installed?)",
      "bridge is not installed: install the package ip-bridge",
    ]);
    isFull = true;
    await clock.advance(60_000);
    assert.deepEqual(tools.warnings(), ["bridge is not installed: install the package ip-bridge"]);
    tools.stop();
    assert.equal(clock.waiting(), 0);
  });
});
