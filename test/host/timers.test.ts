import assert from "node:assert/strict";
import { test } from "node:test";

const after = (delay: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, delay);
  });

test("what is due first comes first; what is called off never", async () => {
  const seen: string[] = [];
  setTimeout(() => {
    seen.push("20");
  }, 20);
  setTimeout((text: string) => {
    seen.push(text);
  }, 5, "5");
  setTimeout(() => {
    seen.push("5 too");
  }, 5);
  clearTimeout(setTimeout(() => {
    seen.push("never");
  }, 1));
  clearTimeout(undefined);
  clearImmediate(setImmediate(() => {
    seen.push("never");
  }));
  queueMicrotask(() => {
    seen.push("microtask");
  });
  seen.push("now");
  await after(40);
  assert.deepEqual(seen, ["now", "microtask", "5", "5 too", "20"]);
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      seen.push("immediate");
      resolve();
    });
  });
  assert.equal(seen.at(-1), "immediate");
});

test("an interval goes on until it is cleared", async () => {
  let count = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (++count === 3) {
        clearInterval(timer);
        resolve();
      }
    }, 2);
  });
  await after(20);
  assert.equal(count, 3);
});

test("a timer of a thousand others can be taken out", async () => {
  const fired: number[] = [];
  const timers = Array.from({ length: 1000 }, (_, at) =>
    setTimeout(() => {
      fired.push(at);
    }, 1 + (at * 7919) % 50));
  timers.forEach((timer, at) => {
    if (at % 3 !== 0) clearTimeout(timer);
  });
  await after(80);
  assert.deepEqual(fired.toSorted((a, b) => a - b), timers.map((_, at) => at).filter((at) => at % 3 === 0));
});

test("time goes forward, and a signal aborts once", () => {
  const before = performance.now();
  assert.ok(performance.now() >= before);
  assert.ok(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1_000);
  const abort = new AbortController();
  let heard = 0;
  abort.signal.addEventListener("abort", () => {
    heard++;
  }, { once: true });
  abort.abort(new Error("why"));
  abort.abort();
  assert.equal(heard, 1);
  assert.throws(() => {
    abort.signal.throwIfAborted();
  }, /why/);
});
