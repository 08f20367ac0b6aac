import type { Milliseconds, Timer } from "./time.ts";

/** Named timers: setting one again replaces it. */
export interface Schedule {
  once(name: string, delay: Milliseconds, work: () => unknown): void;
  cancel(...names: readonly string[]): void;
  stop(): void;
}

/** `failed` hears of work that threw or rejected: no timer may end the daemon. */
export function createSchedule(clock: Timer, failed: (error: unknown) => void): Schedule {
  const timers = new Map<string, () => void>();
  let stopped = false;
  const cancel = (name: string): void => {
    timers.get(name)?.();
    timers.delete(name);
  };
  return {
    once(name, delay, work) {
      cancel(name);
      if (stopped) return;
      timers.set(name, clock.after(delay, () => {
        timers.delete(name);
        Promise.resolve().then(work).catch(failed);
      }));
    },
    cancel: (...names) => {
      names.forEach(cancel);
    },
    stop() {
      stopped = true;
      for (const name of [...timers.keys()]) cancel(name);
    },
  };
}
