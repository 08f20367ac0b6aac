import { monitorNft, type SpawnOptions, type Table } from "nftables-js";
import type { Disturbance, Log } from "../../model/ports.ts";

/** Tells changes that others make to our tables from our own. */
export interface Guard {
  /** Runs a transaction of our own. */
  own<T>(transaction: () => Promise<T>): Promise<T>;
  /** Whether there is anything to guard. */
  holds(anything: boolean): void;
  /** Our tables are found to be wrong. */
  raise(): void;
  /** Why changes that others make are not heard of; for `status`. */
  problems(): readonly string[];
  stop(): void;
}

/** Our own transactions are announced within this time, milliseconds; later than that, it was somebody else. */
const announcedWithin = 2_000;
/** Or within this many times what they took: a slow router whose monitor lags must not take its own changes for another's, over and over. */
const announcedWithinTimes = 10;
/** A script that loads many tables makes many transactions: they are answered together. */
const settle = 150;
/** Two programs that both insist on their rules must not do so at full speed. */
const leastPause = 1_000;
const unheard = "changes that other programs make to our nftables rules are noticed only when the counters are read";

/**
 * `disturbed` hears, soon after and at most once a second, that something else has changed our tables, or could have: after the
 * monitor had ended and was started again. Every transaction that has an effect is announced once, ours too: what is announced
 * more often than we did is not ours.
 */
export function guardTables(tables: readonly Table[], { command, log }: Pick<SpawnOptions, "command"> & { readonly log: Log },
  disturbed: (why: Disturbance) => void): Guard {
  let problem: string | undefined;
  let unannounced = 0;
  /** Transactions of ours that run now: the kernel announces them before nft has ended. */
  let underWay = 0;
  let lastOwn = 0;
  let patience = announcedWithin;
  let stopMonitor: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lastRaised = 0;

  /** What is to be said: that somebody did change them says more. */
  let why: Disturbance = "unwatched";

  const raise = (because: Disturbance): void => {
    if (because === "changed") why = because;
    if (timer !== undefined || stopMonitor === undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      lastRaised = performance.now();
      const said = why;
      why = "unwatched";
      if (stopMonitor !== undefined) disturbed(said);
    }, Math.max(settle, lastRaised + leastPause - performance.now()));
  };
  const changed = (): void => {
    problem = undefined;
    if (underWay === 0 && performance.now() - lastOwn > patience) unannounced = 0;
    if (unannounced > 0) unannounced -= 1;
    else raise("changed");
  };
  const failed = (reason: string, startsIn: number): void => {
    if (reason !== problem) log("warn", `${unheard}: ${reason}; next attempt in ${startsIn / 1000} s`);
    problem = reason;
  };
  const stop = (): void => {
    problem = undefined;
    stopMonitor?.();
    stopMonitor = undefined;
    clearTimeout(timer);
    timer = undefined;
    why = "unwatched";
  };
  return {
    async own(transaction) {
      unannounced += 1;
      underWay += 1;
      const began = performance.now();
      try {
        return await transaction();
      } catch (error) {
        unannounced = Math.max(0, unannounced - 1); // nothing of it has happened
        throw error;
      } finally {
        underWay -= 1;
        lastOwn = performance.now();
        patience = Math.max(announcedWithin, announcedWithinTimes * (lastOwn - began));
      }
    },
    holds(anything) {
      if (!anything) stop();
      else if (stopMonitor === undefined) {
        unannounced = underWay;
        stopMonitor = monitorNft(tables, {
          ...(command ? { command } : {}),
          changed,
          missed: () => {
            raise("unwatched");
          },
          failed,
        });
      }
    },
    raise: () => {
      raise("changed");
    },
    problems: () => (problem === undefined ? [] : [`${unheard}: ${problem}`]),
    stop,
  };
}
