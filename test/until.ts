import { setTimeout as delay } from "node:timers/promises";
import { patience } from "./patience.ts";

/** Waits until it holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = patience): Promise<void> {
  await eventually(what, async () => (await holds() ? true : undefined), timeoutMs);
}

/** What it answers, once it answers. It is asked often at first, then ten times a second. */
export async function eventually<T>(what: string, ask: () => T | undefined | Promise<T | undefined>, timeoutMs = patience): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = 5;; pause = Math.min(pause * 1.5, 100)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(pause);
  }
}
