import type { Clock, Milliseconds } from "../model/time.ts";
import type { Log } from "../ports.ts";
import { errorText } from "../text/error-text.ts";

/** A delivery that trying again cannot mend: the receiver refuses it. */
export class RefusedDelivery extends Error {}

export interface Outbox<T> {
  add(item: T): void;
  close(): void;
}

const mostWaiting = 50;
const firstWait: Milliseconds = 2_000;
const longestWait: Milliseconds = 120_000;
const mostAttempts = 10;

/** Delivers one after the other, in order, again and again; what is too much or too old is dropped, and the log says so. */
export function createOutbox<T>(name: string, deliver: (item: T) => Promise<void>, { clock, log }: { readonly clock: Clock; readonly log: Log }): Outbox<T> {
  const waiting: T[] = [];
  let isBusy = false;
  let isClosed = false;
  let attempts = 0;
  let stopTimer = (): void => undefined;

  const next = (): void => {
    const [item] = waiting;
    if (isBusy || isClosed || item === undefined) return;
    isBusy = true;
    deliver(item).then(() => {
      if (attempts > 0) log("info", `notify ${name}: delivered again`);
      done(item);
    }, (error: unknown) => {
      const reason = errorText(error);
      attempts++;
      if (error instanceof RefusedDelivery || attempts >= mostAttempts) {
        log("warn", `notify ${name}: a message was not delivered: ${reason}`);
        done(item);
        return;
      }
      if (attempts === 1) log("warn", `notify ${name}: ${reason}; it is tried again`);
      stopTimer = clock.after(Math.min(longestWait, firstWait * 2 ** (attempts - 1)), () => {
        isBusy = false;
        next();
      });
    });
  };
  const done = (item: T): void => {
    const at = waiting.indexOf(item);
    if (at >= 0) waiting.splice(at, 1);
    attempts = 0;
    isBusy = false;
    next();
  };
  return {
    add(item) {
      if (isClosed) return;
      waiting.push(item);
      // Not the first: it may be under way.
      if (waiting.length > mostWaiting) {
        waiting.splice(1, 1);
        log("warn", `notify ${name}: too many messages wait, the oldest is dropped`);
      }
      next();
    },
    close() {
      isClosed = true;
      stopTimer();
    },
  };
}
