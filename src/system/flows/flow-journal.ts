import type { HomeDirectory, HomeNetwork, Log } from "../../model/ports.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";
import { between, type Milliseconds, type SteadyClock, type WallInstant } from "../../model/time.ts";
import { emptyFlowLine, readFlowLine } from "../../nat-lookup/conntrack/read-flow-line.ts";
import { createNatJournal, type NatJournal } from "../../nat-lookup/journal/nat-journal.ts";
import { searchJournal, type Search } from "../../nat-lookup/journal/search-journal.ts";
import type { FollowCommand } from "../process/follow-command.ts";
import { completeJournal } from "./complete-journal.ts";
import { checkSettings, conntrackSettings, type ConntrackSettings } from "./conntrack-settings.ts";
import { followFlowEvents } from "./follow-flow-events.ts";
import { learnIdentities } from "./learn-identities.ts";
import { listFlows } from "./list-flows.ts";
import { createTimeBudget } from "./time-budget.ts";

export interface FlowJournal {
  search(asked: AttackFlows, options?: { readonly nearMisses?: number }): Search;
  /** Whether it holds every flow that lives: then the table knows nothing that it does not. */
  vouches(): boolean;
  /** For `status`. */
  warnings(): readonly string[];
  /** For `lookup`: what it can know, a sentence. */
  describe(): string;
  readonly figures: JournalFigures;
  stop(): void;
}

export interface JournalFigures {
  /** Lines read, lines that could not be read, pieces of output after which reading paused, times that the kernel dropped events. */
  readonly lines: number;
  readonly unreadable: number;
  readonly pauses: number;
  readonly losses: number;
  readonly listings: number;
  /** Listings that were read to their end. */
  readonly completed: number;
  readonly flows: number;
  readonly bytesHeld: number;
  /** Milliseconds of work on events so far. */
  readonly busy: Milliseconds;
}

export interface FlowJournalOptions {
  readonly follow: FollowCommand;
  readonly clock: SteadyClock;
  /** For the times that the journal keeps. */
  readonly wallTime: () => WallInstant;
  readonly log: Log;
  readonly directory: HomeDirectory;
  readonly network: Pick<HomeNetwork, "addresses">;
  readonly settings?: ConntrackSettings;
  readonly journal?: NatJournal;
  /** Makes the kernel find out who has an address. */
  readonly solicit?: (address: string) => void;
  /** Milliseconds by a clock that measures work. */
  readonly stopwatch?: () => number;
}

/**
 * Keeps the flow journal, from `conntrack -E`. It works when the kernel has something to say, and never more than a quarter of
 * the time: under a flood of new flows it stops reading for the rest of each quarter of a second, so that the kernel drops
 * events at no cost, and is repaired by a listing, one in 30 s at most. What it then lacks it says (`vouches`).
 */
export function openFlowJournal(options: FlowJournalOptions): FlowJournal {
  const { follow, clock, wallTime, log, directory, network, solicit, settings = conntrackSettings, journal = createNatJournal() } = options;
  const line = emptyFlowLine();
  const budget = createTimeBudget(options.stopwatch);
  const lines = { lines: 0, unreadable: 0 };
  for (const warning of checkSettings(settings)) log("warn", warning);
  const startedAt = clock.now();
  let down: string | undefined;

  const takeLine = (bytes: Uint8Array, start: number, end: number): void => {
    lines.lines += 1;
    if (readFlowLine(bytes, start, end, line)) journal.record(line, wallTime());
    else lines.unreadable += 1;
  };
  const learner = learnIdentities({ clock, wallTime, log, journal, directory, network, solicit });
  const completion = completeJournal({
    clock,
    wallTime,
    log,
    journal,
    list: (done) => listFlows(follow, takeLine, done),
    isFollowing: () => events.isFollowing(),
    completed() {
      if (events.isFollowing()) down = undefined;
    },
  });
  const events = followFlowEvents({
    follow,
    clock,
    log,
    settings,
    budget,
    takeLine,
    began: completion.began,
    lost: completion.lost,
    heard() {
      learner.flowsCame();
      completion.mayHaveForgotten();
    },
    ended(why, startsIn) {
      completion.ended();
      const complaint = `the flow journal is down: ${why}`;
      if (complaint !== down) log("warn", `${complaint}; next attempt in ${startsIn / 1000} s`);
      down = complaint;
    },
  });

  network.addresses().then((home) => {
    journal.setBorders(home);
  }, () => undefined).finally(() => {
    events.begin();
  });

  return {
    search: (asked, { nearMisses = 0 } = {}) => searchJournal(journal, asked, { now: wallTime(), nearMisses }),
    vouches: () => events.isFollowing() && completion.isComplete() && !journal.hasForgotten,
    // What was mended since is no warning any more.
    warnings: () => [...checkSettings(settings), ...(down === undefined ? [] : [down])],
    describe() {
      const seconds = Math.round(between(startedAt, clock.now()) / 1000);
      const size = `journal: ${journal.columns.size} flows, kept for ${seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`}`;
      if (down !== undefined) return `${size}; ${down}`;
      if (!completion.isComplete()) return `${size}; some events were missed, so the connection table is asked too`;
      return !journal.hasForgotten
        ? `${size}; it has missed none that live`
        : `${size}; it had to forget flows that still live, so the connection table is asked too`;
    },
    get figures() {
      return { ...lines, ...completion.figures, pauses: events.pauses(), flows: journal.columns.size, bytesHeld: journal.bytesHeld, busy: budget.total };
    },
    stop() {
      for (const each of [events, completion, learner]) each.stop();
    },
  };
}
