import { between, later, milliseconds, steadyInstant, type Milliseconds, type SteadyClock, type WallInstant } from "../../model/time.ts";
import type { Log } from "../../model/ports.ts";
import type { NatJournal } from "../../nat-lookup/journal/nat-journal.ts";
import { createTimers } from "./timers.ts";

/** Knows whether the journal holds every flow that lives, and sees to it by listings of the whole table. */
export interface JournalCompletion {
  /** Events have been heard without a gap since a whole listing began. */
  isComplete(): boolean;
  /** Events are heard from now on. */
  readonly began: () => void;
  /** Events are heard no more. */
  ended(): void;
  /** The kernel has dropped events. */
  readonly lost: () => void;
  /** The journal may have pushed out flows that live. */
  mayHaveForgotten(): void;
  /** Times that the kernel dropped events, listings, and those that were read to their end. */
  readonly figures: { readonly losses: number; readonly listings: number; readonly completed: number };
  stop(): void;
}

export interface JournalCompletionDeps {
  readonly clock: SteadyClock;
  /** For the times that the journal keeps. */
  readonly wallTime: () => WallInstant;
  readonly log: Log;
  readonly journal: Pick<NatJournal, "beginListing" | "hasForgotten">;
  /** Reads the table; `done` gets what went wrong. Returns how to stop it. */
  readonly list: (done: (problem: string | undefined) => void) => () => void;
  readonly isFollowing: () => boolean;
  readonly completed: () => void;
}

/** Until conntrack has subscribed: what begins meanwhile is in the listing. */
const listAfter = milliseconds(250);
/** A listing at most so often: it walks the whole table. */
const listEvery = milliseconds(30_000);
/** How often a listing is tried where the journal had to forget flows that live: perhaps there are fewer by then. */
const listForgottenEvery = milliseconds(300_000);

/** Lists when events begin to be heard, and again, one in 30 s at most, when some were missed. */
export function completeJournal({ clock, wallTime, log, journal, list, isFollowing, completed }: JournalCompletionDeps): JournalCompletion {
  const timers = createTimers(clock);
  const figures = { losses: 0, listings: 0, completed: 0 };
  /** Events have been missed, or none heard yet, since the last whole listing began. */
  let incomplete = true;
  let listedAt = steadyInstant(-Infinity);
  let isListing = false;
  let stopListing = (): void => undefined;

  const listNow = (): void => {
    if (isListing || !isFollowing()) return;
    isListing = true;
    figures.listings += 1;
    listedAt = clock.now();
    const lossesBefore = figures.losses;
    const finish = journal.beginListing(wallTime());
    stopListing = list((problem) => {
      isListing = false;
      finish(problem === undefined);
      if (problem !== undefined) {
        log("warn", `cannot complete the flow journal: ${problem}; next attempt in ${listEvery / 1000} s`);
        timers.after("list", listEvery, listNow);
        return;
      }
      incomplete = figures.losses > lossesBefore;
      figures.completed += 1;
      completed();
      if (incomplete) lost();
    });
  };
  const listNoMoreThanEvery = (span: Milliseconds): void => {
    timers.after("list", milliseconds(Math.max(listAfter, between(clock.now(), later(listedAt, span)))), listNow);
  };
  const lost = (): void => {
    figures.losses += 1;
    if (!incomplete) log("info", "the flow journal missed events during a flood of new flows; a conntrack listing repairs it");
    incomplete = true;
    listNoMoreThanEvery(listEvery);
  };

  return {
    isComplete: () => !incomplete,
    began() {
      timers.after("list", listAfter, listNow);
    },
    ended() {
      incomplete = true;
      timers.cancel("list");
    },
    lost,
    mayHaveForgotten() {
      if (journal.hasForgotten) listNoMoreThanEvery(listForgottenEvery);
    },
    figures,
    stop() {
      timers.stop();
      stopListing();
    },
  };
}
