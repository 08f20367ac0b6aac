import { between, milliseconds, steadyInstant, type SteadyClock, type SteadyInstant } from "../../model/time.ts";

/** A table of the kernel's, as it was read last. */
export interface TableReading<T> {
  /** Answers from memory where that still holds; else it waits for a reading, which all share. Rejects if it was never read. */
  get(): Promise<T>;
  /** What is held; undefined before the first reading. */
  held(): T | undefined;
  /** It has changed: it is read again soon, in the background. */
  readAgain(): void;
  stop(): void;
}

export interface TableReadingOptions<T> {
  readonly read: () => Promise<T>;
  readonly clock: SteadyClock;
  /** Whether changes are announced, so that what was read holds until then. */
  readonly isFollowed: () => boolean;
  readonly changed?: (now: T) => void;
}

/** How long an answer is good where changes are not announced. */
const goodFor = milliseconds(1_000);
/** Between two readings while changes go on and on: they must not keep the router busy. */
const pauses = [0, 250, 500, 1_000, 2_000, 5_000].map(milliseconds);
/** After this long without a change, the next is read at once again. */
const calmAfter = milliseconds(10_000);

/** Reads a table when it is needed and outdated; shared by all who wait, and again soon after it changed. */
export function createTableReading<T>({ read, clock, isFollowed, changed }: TableReadingOptions<T>): TableReading<T> {
  let value: { readonly table: T; readonly at: SteadyInstant } | undefined;
  let reading: Promise<T> | undefined;
  let cancel: (() => void) | undefined;
  let isOutdated = false;
  let lastAgain = steadyInstant(-Infinity);
  let repeated = 0;
  let stopped = false;

  const readNow = (): Promise<T> => {
    isOutdated = false;
    reading ??= read().then((table) => {
      value = { table, at: clock.now() };
      changed?.(table);
      return table;
    }).finally(() => {
      reading = undefined;
      if (isOutdated) later();
    });
    return reading;
  };
  const later = (): void => {
    if (stopped || cancel) return;
    repeated = between(lastAgain, clock.now()) < calmAfter ? repeated + 1 : 0;
    lastAgain = clock.now();
    cancel = clock.after(pauses[Math.min(repeated, pauses.length - 1)] ?? milliseconds(0), () => {
      cancel = undefined;
      readNow().catch(() => undefined); // the next caller hears of it
    });
  };
  return {
    async get() {
      if (value && !reading && (isFollowed() || between(value.at, clock.now()) < goodFor)) return value.table;
      const before = value?.table;
      return readNow().catch((error: unknown) => {
        if (before === undefined) throw error;
        return before; // for want of anything better
      });
    },
    held: () => value?.table,
    readAgain() {
      if (reading) isOutdated = true;
      else later();
    },
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
