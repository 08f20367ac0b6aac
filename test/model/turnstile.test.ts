import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTurnstile, type TurnstileOptions } from "../../src/model/turnstile.ts";
import { settle } from "../fake-clock.ts";

function play(
  options: TurnstileOptions,
): { enter(name: string, rank: number, party?: string): boolean; leave(name: string): Promise<void>; readonly inside: string[] } {
  const turnstile = createTurnstile(options);
  const leaving = new Map<string, () => void>();
  const inside: string[] = [];
  return {
    inside,
    enter(name, rank, party) {
      const turn = turnstile.enter(rank, party);
      void turn?.then((leave) => {
        inside.push(name);
        leaving.set(name, leave);
      });
      return turn !== undefined;
    },
    async leave(name) {
      inside.splice(inside.indexOf(name), 1);
      leaving.get(name)?.();
      leaving.get(name)?.(); // a second time is nothing
      await settle();
    },
  };
}

describe("createTurnstile", () => {
  it("lets so many in, and the urgent ones first", async () => {
    const { enter, leave, inside } = play({ atOnce: [3, 2], mostWaiting: 10 });
    for (const name of ["a", "b", "c"]) enter(name, 1);
    await settle();
    assert.deepEqual(inside, ["a", "b"]);
    enter("urgent", 0);
    enter("urgent too", 0);
    await settle();
    assert.deepEqual(inside, ["a", "b", "urgent"]);
    await leave("a");
    assert.deepEqual(inside, ["b", "urgent", "urgent too"]);
    await leave("b");
    await leave("urgent");
    assert.deepEqual(inside, ["urgent too", "c"]);
  });

  it("gives each party its turn, however much another has waiting", async () => {
    const { enter, leave, inside } = play({ atOnce: [1], mostWaiting: 100 });
    for (let at = 1; at <= 50; at += 1) enter(`a${at}`, 0, "a");
    enter("b1", 0, "b");
    enter("b2", 0, "b");
    await settle();
    const order: string[] = [];
    for (let at = 0; at < 5; at += 1) {
      const [now = ""] = inside;
      order.push(now);
      await leave(now);
    }
    assert.deepEqual(order, ["a1", "a2", "b1", "a3", "b2"]);
  });

  it("lets only so many of a party wait, and another's still", async () => {
    const { enter, inside } = play({ atOnce: [1], mostWaiting: 2 });
    assert.equal(enter("first", 0, "a"), true);
    await settle();
    assert.deepEqual(["x", "y", "z"].map((name) => enter(name, 0, "a")), [true, true, false]);
    assert.equal(enter("other", 0, "b"), true);
    assert.deepEqual(inside, ["first"]);
  });
});
