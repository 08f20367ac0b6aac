import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deferred, type Deferred } from "../../src/daemon/deferred.ts";
import { runParts, type Part, type Running } from "../../src/daemon/run-parts.ts";
import { settle } from "../fake-clock.ts";

interface Played {
  readonly running: Running<string>;
  /** What happened, in order: `open a`, `a takes 2`, `stop a`. */
  readonly happened: string[];
  readonly log: string[];
  /** `open b`, `b takes 2`: waits until it is resolved, or fails. */
  readonly held: Map<string, Deferred>;
  readonly failing: Set<string>;
}

/** Parts a, b and c, with settings that are words. */
function play({ failing = [], held = [] }: { failing?: readonly string[]; held?: readonly string[] } = {}): Played {
  const played: Omit<Played, "running"> = { happened: [], log: [], held: new Map(held.map((what) => [what, deferred()])), failing: new Set(failing) };
  const now = async (what: string): Promise<void> => {
    played.happened.push(what);
    await played.held.get(what)?.promise;
    if (played.failing.has(what)) throw new Error(`no: ${what}`);
  };
  async function* opening(): AsyncGenerator<Part<string>, void> {
    for (const name of ["a", "b", "c"]) {
      await now(`open ${name}`);
      yield { reload: (next) => now(`${name} takes ${next}`), stop: () => now(`stop ${name}`) };
    }
  }
  const running = runParts({
    first: "1",
    opening: opening(),
    log: (level, message) => {
      played.log.push(`${level}: ${message}`);
    },
    reloaded: (next) => {
      played.happened.push(`all have ${next}`);
    },
  });
  return { ...played, running };
}

const opened = ["open a", "open b", "open c"];
const stopped = ["stop c", "stop b", "stop a"];
const taken = (what: string): string[] => ["a", "b", "c"].map((name) => `${name} takes ${what}`);

describe("runParts", () => {
  it("opens in order and stops in reverse", async () => {
    const { running, happened } = play();
    await running.started;
    await running.stop();
    assert.deepEqual(happened, [...opened, ...stopped]);
  });

  it("reloads overlap: one after the other, and of those that wait only the last", async () => {
    const { running, happened, held } = play({ held: ["b takes 2"] });
    const reloads = ["2", "3", "4"].map((next) => running.reload(next));
    await running.started;
    await settle();
    assert.deepEqual([happened.slice(3), running.current()], [["a takes 2", "b takes 2"], "1"], "not before all have taken it");
    held.get("b takes 2")?.resolve();
    await Promise.all(reloads);
    assert.deepEqual([happened.slice(3), running.current()], [[...taken("2"), "all have 2", ...taken("4"), "all have 4"], "4"]);
  });

  it("a part that refuses: it and those before it go back, and the next reload has its turn", async () => {
    const { running, happened, log } = play({ failing: ["b takes 2", "a takes 1"] });
    const [refused, next] = [assert.rejects(running.reload("2"), /no: b takes 2/), running.reload("3")];
    await refused;
    assert.deepEqual([happened.slice(3), running.current()], [["a takes 2", "b takes 2", "a takes 1", "b takes 1"], "1"]);
    assert.deepEqual(log, ["error: internal: a part of the daemon could not go back to the configuration before: no: a takes 1"]);
    await next;
    assert.equal(running.current(), "3");
  });

  it("stop while b is being opened: c never is, and both are stopped", async () => {
    const { running, happened, held } = play({ held: ["open b"] });
    await settle();
    assert.deepEqual(happened, ["open a", "open b"]);
    const over = [running.stop(), running.reload("2"), running.started];
    await settle();
    assert.deepEqual(happened, ["open a", "open b"], "it waits for b");
    held.get("open b")?.resolve();
    await Promise.all(over);
    assert.deepEqual(happened, ["open a", "open b", "stop b", "stop a"]);
  });

  it("stop during a reload: when that is over, and those that wait come to nothing", async () => {
    const { running, happened, held } = play({ held: ["b takes 2"] });
    const over = [running.reload("2"), running.reload("3")];
    await running.started;
    await settle();
    over.push(running.stop());
    await settle();
    assert.deepEqual(happened.slice(3), ["a takes 2", "b takes 2"]);
    held.get("b takes 2")?.resolve();
    await Promise.all(over);
    assert.deepEqual(happened.slice(3), [...taken("2"), "all have 2", ...stopped]);
  });

  it("a part that cannot be opened: those before it are stopped, and the start says why", async () => {
    const { running, happened } = play({ failing: ["open c"] });
    await assert.rejects(running.started, /no: open c/);
    await assert.rejects(running.reload("2"), /no: open c/);
    await running.stop();
    assert.deepEqual(happened, [...opened, "stop b", "stop a"]);
  });

  it("a part that cannot be stopped keeps no other from it", async () => {
    const { running, happened, log } = play({ failing: ["stop b"] });
    await running.started;
    await running.stop();
    assert.deepEqual([happened.slice(3), log], [stopped, ["error: internal: a part of the daemon could not be stopped: no: stop b"]]);
  });
});
