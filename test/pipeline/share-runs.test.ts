import assert from "node:assert/strict";
import { test } from "node:test";
import { shareRuns } from "../../src/pipeline/share-runs.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function played() {
  const ends: ((failure?: Error) => void)[] = [];
  let most = 0;
  let running = 0;
  const ask = shareRuns(() =>
    new Promise<number>((resolve, reject) => {
      const run = ends.length;
      most = Math.max(most, ++running);
      ends.push((failure) => {
        running -= 1;
        if (failure) reject(failure);
        else resolve(run);
      });
    })
  );
  return { ask, ends, most: () => most };
}

test("who asks while it runs waits for one more run, shared by all who do", async () => {
  const { ask, ends, most } = played();
  const first = ask();
  const later = [ask(), ask(), ask()];
  assert.equal(ends.length, 1);
  ends[0]?.();
  assert.equal(await first, 0);
  await turn();
  assert.equal(ends.length, 2);
  const last = ask();
  ends[1]?.();
  assert.deepEqual(await Promise.all(later), [1, 1, 1]);
  await turn();
  ends[2]?.();
  assert.equal(await last, 2);
  assert.deepEqual([ends.length, most()], [3, 1], "one at a time");
});

test("a failure is told to those of that run, and the next goes on", async () => {
  const { ask, ends } = played();
  const [first, second] = [ask(), ask()];
  ends[0]?.(new Error("no"));
  await assert.rejects(first, /no/);
  await turn();
  ends[1]?.();
  assert.equal(await second, 1);
  const third = ask();
  assert.equal(ends.length, 3, "at once: nothing runs");
  ends[2]?.();
  assert.equal(await third, 2);
});
