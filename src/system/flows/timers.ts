import type { Milliseconds, Timer } from "../../model/time.ts";

/** Named timers, of which one that waits already is left as it is. */
export interface Timers {
  after(name: string, delay: Milliseconds, work: () => void): void;
  cancel(name: string): void;
  /** Cancels all, for good. */
  stop(): void;
}

/** No timer yet; `work` must not throw. */
export function createTimers(clock: Timer): Timers {
  const waiting = new Map<string, () => void>();
  let stopped = false;
  const cancel = (name: string): void => {
    waiting.get(name)?.();
    waiting.delete(name);
  };
  return {
    after(name, delay, work) {
      if (stopped || waiting.has(name)) return;
      waiting.set(name, clock.after(delay, () => {
        waiting.delete(name);
        work();
      }));
    },
    cancel,
    stop() {
      stopped = true;
      for (const name of [...waiting.keys()]) cancel(name);
    },
  };
}
