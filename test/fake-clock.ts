import type { Clock, Instant, Milliseconds } from "../src/model/time.ts";

/** A clock that moves only when it is told to. */
export interface FakeClock extends Clock {
  /** Calls back what falls due on the way, in its order, and lets promises settle in between. */
  advance(span: Milliseconds): Promise<void>;
  /** The same without a pause for promises. */
  skip(span: Milliseconds): void;
  /** Puts the wall clock forward; timers go by spans and do not notice. */
  jump(by: Milliseconds): void;
  /** Timers that wait. */
  waiting(): number;
}

export const start: Instant = Date.parse("2026-11-21T20:20:00Z");

export function fakeClock(now: Instant = start): FakeClock {
  const timers = new Set<{ at: Instant; readonly callback: () => void }>();
  const nextUntil = (end: Instant): (() => void) | undefined => {
    let next: { at: Instant; callback: () => void } | undefined;
    for (const timer of timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    if (!next) return undefined;
    timers.delete(next);
    now = Math.max(now, next.at);
    return next.callback;
  };
  return {
    now: () => now,
    after(delay, callback) {
      const timer = { at: now + Math.max(0, delay), callback };
      timers.add(timer);
      return () => { timers.delete(timer); };
    },
    async advance(span) {
      const end = now + span;
      await settle();
      for (let due = nextUntil(end); due; due = nextUntil(end)) {
        due();
        await settle();
      }
      now = end;
    },
    skip(span) {
      const end = now + span;
      for (let due = nextUntil(end); due; due = nextUntil(end)) due();
      now = end;
    },
    jump(by) {
      now += by;
      for (const timer of timers) timer.at += by;
    },
    waiting: () => timers.size,
  };
}

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => { setImmediate(resolve); });
}
