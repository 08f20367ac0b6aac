import assert from "node:assert/strict";
import { test } from "node:test";
import { createTurns, type Urgency } from "../../../src/system/filter/turns.ts";

/** Works that end when told; `order` is that of their beginnings. */
function played() {
  let time = 0;
  const turns = createTurns(() => time);
  const order: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();
  return {
    order,
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
    take: (name: string, urgency: Urgency) =>
      turns.take(urgency, () => {
        order.push(name);
        return new Promise<string>((resolve, reject) =>
          ends.set(name, (failure) => {
            if (failure) reject(failure);
            else resolve(name);
          })
        );
      }),
    async end(name: string, failure?: Error) {
      ends.get(name)?.(failure);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test("one at a time, the urgent first, else in the order of asking", async () => {
  const { take, end, order } = played();
  const all = [take("a", "soon"), take("b", "soon"), take("c", "soon"), take("d", "at once"), take("e", "at once")];
  for (const name of ["a", "d", "e", "b", "c"]) {
    await end("none");
    assert.equal(order.at(-1), name);
    await end(name);
  }
  assert.deepEqual(await Promise.all(all), ["a", "b", "c", "d", "e"]);
});

test("a failure is its own: what waits goes on", async () => {
  const { take, end, order } = played();
  const [failing, after] = [take("a", "at once"), take("b", "soon")];
  await end("none");
  const failed = assert.rejects(failing, /no/);
  await end("a", new Error("no"));
  await failed;
  assert.deepEqual(order, ["a", "b"]);
  await end("b");
  assert.equal(await after, "b");
  const later = take("c", "soon");
  await end("none");
  await end("c");
  assert.equal(await later, "c");
});

test("the owner's goes first; of what has waited a second only one goes before what is more urgent", async () => {
  const { take, end, order, pass } = played();
  void take("under way", "at once");
  for (const name of ["r1", "r2", "r3", "r4"]) void take(name, "soon");
  await end("none");
  pass(2_000);
  void take("rules", "at once");
  void take("owner's count", "owner");
  for (let at = 0; at < 7; at += 1) await end(order.at(-1) ?? "");
  assert.deepEqual(order, ["under way", "owner's count", "r1", "rules", "r2", "r3", "r4"]);
});

test("what has waited a second goes before what is more urgent", async () => {
  const { take, end, order, pass } = played();
  void take("first", "at once");
  void take("patient", "soon");
  await end("none");
  for (let at = 0; at < 3; at += 1) {
    pass(400);
    void take(`urgent ${at}`, "at once");
    await end(order.at(-1) ?? "");
  }
  assert.deepEqual(order, ["first", "urgent 0", "urgent 1", "patient"]);
});
