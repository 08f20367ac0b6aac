import assert from "node:assert/strict";
import { test } from "node:test";
import { lastInTurn } from "../../src/daemon/in-turn.ts";

/** Each application ends when it is told to. */
function applications(): { readonly begun: string[]; end(error?: Error): Promise<void>; readonly set: (value: string) => Promise<void> } {
  const begun: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  let atOnce = 0;
  const set = lastInTurn<string>((value) =>
    new Promise((resolve, reject) => {
      assert.equal(++atOnce, 1, "one at a time");
      begun.push(value);
      ends.push((error) => {
        atOnce--;
        if (error) reject(error);
        else resolve();
      });
    })
  );
  return {
    begun,
    set,
    async end(error) {
      ends.shift()?.(error);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    },
  };
}

test("twenty at once: the first and the last are applied, one after the other", async () => {
  const { begun, end, set } = applications();
  const all = Array.from({ length: 20 }, (_, at) => set(`${at}`));
  assert.deepEqual(begun, ["0"]);
  await end();
  assert.deepEqual(begun, ["0", "19"]);
  await end();
  await Promise.all(all);
  const later = set("later");
  assert.deepEqual(begun, ["0", "19", "later"]);
  await end();
  await later;
});

test("one that fails says so to who asked, and does not keep the next from its turn", async () => {
  const { begun, end, set } = applications();
  const first = assert.rejects(set("a"), /broken/);
  const second = set("b");
  await end(new Error("broken"));
  await first;
  assert.deepEqual(begun, ["a", "b"]);
  await end();
  await second;
});
