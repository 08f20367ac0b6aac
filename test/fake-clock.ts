import {
  later,
  milliseconds,
  steadyInstant,
  wallInstant,
  type Milliseconds,
  type SteadyClock,
  type SteadyInstant,
  type WallClock,
  type WallInstant,
} from "../src/model/time.ts";

/** A clock that moves only when it is told to: a wall clock, which jumps, and a steady one with the same timers. Spans are milliseconds. */
export interface FakeClock extends WallClock {
  readonly steady: SteadyClock;
  /** Calls back what falls due on the way, in its order, and lets promises settle in between. */
  advance(span: number): Promise<void>;
  /** The same without a pause for promises. */
  skip(span: number): void;
  /** Puts the wall clock forward; timers go by spans and do not notice. */
  jump(by: number): void;
  /** Timer that wait. */
  waiting(): number;
}

export const start: WallInstant = wallInstant(Date.parse("2026-11-21T20:20:00Z"));
/** So many milliseconds after it. */
export const startPlus = (span: number): WallInstant => later(start, milliseconds(span));
/** The steady clock's at `start`. */
export const steadyStart: SteadyInstant = steadyInstant(1_000_000);

export function fakeClock(begin: WallInstant = start): FakeClock {
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  /** Milliseconds since the beginning, and how much further the wall clock was put. */
  let [passed, ahead] = [0, 0];
  const nextUntil = (end: number): (() => void) | undefined => {
    let next: { readonly at: number; readonly callback: () => void } | undefined;
    for (const timer of timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    if (!next) return undefined;
    timers.delete(next);
    passed = Math.max(passed, next.at);
    return next.callback;
  };
  const after = (delay: Milliseconds, callback: () => void): () => void => {
    const timer = { at: passed + Math.max(0, delay), callback };
    timers.add(timer);
    return () => {
      timers.delete(timer);
    };
  };
  return {
    now: () => later(begin, milliseconds(passed + ahead)),
    after,
    steady: { now: () => later(steadyStart, milliseconds(passed)), after },
    async advance(span) {
      const end = passed + span;
      await settle();
      for (let due = nextUntil(end); due; due = nextUntil(end)) {
        due();
        await settle();
      }
      passed = end;
    },
    skip(span) {
      const end = passed + span;
      for (let due = nextUntil(end); due; due = nextUntil(end)) due();
      passed = end;
    },
    jump(by) {
      ahead += by;
    },
    waiting: () => timers.size,
  };
}

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
