import { milliseconds, type Timer } from "../../model/time.ts";
import type { Log } from "../../model/ports.ts";
import { errorText } from "../../text/error-text.ts";

/** A delivery that trying again cannot mend: the receiver refuses this message. */
export class RefusedDelivery extends Error {}

export interface Outbox<T> {
  add(item: T): void;
  /** Delivers it now and once, beside those that wait; rejects with why it was not delivered. */
  try(item: T): Promise<void>;
  /** Does not sit out the wait until the next attempt. */
  retryNow(): void;
  /** What the receiver did not take last; for `status`. */
  warnings(): readonly string[];
  close(): void;
}

const mostWaiting = 50;
const firstWait = milliseconds(2_000);
const longestWait = milliseconds(120_000);
const mostAttempts = 10;

/** Delivers one after the other, in order, again and again; what is too much or too old is dropped, and the log says so. The signal ends a delivery. */
export function createOutbox<T>(
  name: string,
  deliver: (item: T, signal: AbortSignal) => Promise<void>,
  { clock, log }: { readonly clock: Timer; readonly log: Log },
): Outbox<T> {
  const waiting: T[] = [];
  const closing = new AbortController();
  let isBusy = false;
  let attempts = 0;
  let problem: string | undefined;
  let stopTimer: (() => void) | undefined;

  const next = (): void => {
    const [item] = waiting;
    if (isBusy || closing.signal.aborted || item === undefined) return;
    isBusy = true;
    deliver(item, closing.signal).then(() => {
      if (attempts > 0) log("info", `notify ${name}: delivered again`);
      problem = undefined;
      done(item);
    }, (error: unknown) => {
      failed(item, error);
    });
  };
  const failed = (item: T, error: unknown): void => {
    if (closing.signal.aborted) return;
    const reason = errorText(error);
    attempts++;
    if (error instanceof RefusedDelivery || attempts >= mostAttempts) {
      problem = `a message was not delivered: ${reason}`;
      log("warn", `notify ${name}: ${problem}`);
      done(item);
      return;
    }
    problem = reason;
    const wait = Math.min(longestWait, firstWait * 2 ** (attempts - 1));
    log(attempts === 1 ? "warn" : "debug", `notify ${name}: ${reason}; next attempt in ${wait / 1000} s`);
    stopTimer = clock.after(milliseconds(wait), tryAgain);
  };
  const tryAgain = (): void => {
    stopTimer = undefined;
    isBusy = false;
    next();
  };
  const done = (item: T): void => {
    const at = waiting.indexOf(item);
    if (at >= 0) waiting.splice(at, 1);
    attempts = 0;
    isBusy = false;
    next();
  };
  return {
    try: (item) => deliver(item, closing.signal),
    add(item) {
      if (closing.signal.aborted) return;
      waiting.push(item);
      // Not the first: it may be under way.
      if (waiting.length > mostWaiting) {
        waiting.splice(1, 1);
        log("warn", `notify ${name}: too many messages are waiting; the oldest was dropped`);
      }
      next();
    },
    retryNow() {
      if (!stopTimer) return;
      stopTimer();
      attempts = 0;
      tryAgain();
    },
    warnings: () => (problem === undefined ? [] : [`notify ${name}: ${problem}`]),
    close() {
      closing.abort();
      stopTimer?.();
    },
  };
}
