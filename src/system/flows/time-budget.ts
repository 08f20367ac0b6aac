import { milliseconds, type Milliseconds } from "../../model/time.ts";

/** Bounds the time that some work takes: a quarter of each quarter of a second. */
export interface TimeBudget {
  spend(work: () => void): void;
  isSpent(): boolean;
  /** All that was spent so far. */
  readonly total: Milliseconds;
  /** Until there is more to spend. */
  untilNext(): Milliseconds;
}

const period = milliseconds(250);
const share = 1 / 4;

/** Spreads work so that it takes a bounded share of the time. `stopwatch` gives milliseconds. */
export function createTimeBudget(stopwatch: () => number = () => performance.now()): TimeBudget {
  let began = -Infinity;
  let spent = 0;
  let total = 0;
  return {
    spend(work) {
      const before = stopwatch();
      if (before - began >= period) {
        began = before;
        spent = 0;
      }
      work();
      const took = stopwatch() - before;
      spent += took;
      total += took;
    },
    get total() {
      return milliseconds(total);
    },
    isSpent: () => spent >= period * share,
    untilNext: () => milliseconds(Math.max(1, Math.ceil(began + period - stopwatch()))),
  };
}
