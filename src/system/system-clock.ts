import type { Clock } from "../ports.ts";

/** The longest delay of setTimeout: beyond 2^31 - 1 ms it fires at once. */
const longestTimeout = 0x7fff_ffff;

/** The wall clock and Node's timers, for any delay; `after(Infinity, …)` never calls back. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, callback) {
    let remaining = Math.max(0, Math.ceil(delay)); // NaN stays NaN and fires at once, as in setTimeout
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const step = Math.min(remaining, longestTimeout);
      remaining -= step;
      timer = setTimeout(remaining > 0 ? wait : callback, step);
    };
    wait();
    return () => { clearTimeout(timer); };
  },
};
