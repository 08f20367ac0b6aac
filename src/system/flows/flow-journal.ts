import type { IpPrefix } from "../../model/ip-prefix.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";
import type { Instant, Milliseconds } from "../../model/time.ts";
import { addressSet } from "../../nat-lookup/match/address-set.ts";
import { lineSplitter } from "../../nat-lookup/conntrack/line-splitter.ts";
import { createNatJournal, type NatJournal } from "../../nat-lookup/journal/nat-journal.ts";
import { emptyFlowLine, readFlowLine } from "../../nat-lookup/conntrack/read-flow-line.ts";
import { searchJournal, type Search } from "../../nat-lookup/journal/search-journal.ts";
import type { Clock, HomeDirectory, HomeNetwork, Log } from "../../model/ports.ts";
import { checkSettings, conntrackSettings, type ConntrackSettings } from "./conntrack-settings.ts";
import type { Followed, FollowCommand, FollowEnd } from "../process/follow-command.ts";
import { createTimeBudget } from "./time-budget.ts";
import { errorText } from "../../text/error-text.ts";

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
  readonly clock: Clock;
  readonly log: Log;
  readonly directory: HomeDirectory;
  readonly network: Pick<HomeNetwork, "addresses">;
  readonly settings?: ConntrackSettings;
  readonly journal?: NatJournal;
  /** Makes the kernel find out who has an address. */
  readonly nudge?: (address: string) => void;
  /** Milliseconds by a clock that measures work. */
  readonly stopwatch?: () => number;
}

const events = ["-E", "-e", "NEW,DESTROY", "-o", "timestamp,id"];
/** Room for some 4,000 events that wait for us, of the kernel's memory, taken only while they wait. By default it is 200. */
const socketBuffer = 4 * 1024 * 1024; // bytes
const listings = [["-L", "-f", "ipv4", "-o", "id"], ["-L", "-f", "ipv6", "-o", "id"]];
/** Until conntrack has subscribed: what begins meanwhile is in the listing. */
const listAfter: Milliseconds = 250;
/** A listing at most so often: it walks the whole table. */
const listEvery: Milliseconds = 30_000;
const restartAfter: readonly Milliseconds[] = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000];
/** A life that is worth another quick restart. */
const longLife: Milliseconds = 60_000;
/** How soon the neighbour table is asked for a new address, and how often for those that are known, while flows come. */
const askAfter: Milliseconds = 1_000;
const askNewEvery: Milliseconds = 5_000;
const askKnownEvery: Milliseconds = 20_000;
/** Addresses asked about at a time, and remembered as asked about: once is enough for each. */
const mostNudges = 16;
const mostRemembered = 1024;
/** How often a listing is tried where the journal had to forget flows that live: perhaps there are fewer by then. */
const listForgottenEvery: Milliseconds = 300_000;

/**
 * Keeps the flow journal, from `conntrack -E`. It works when the kernel has something to say, and never more than a quarter of
 * the time: under a flood of new flows it stops reading for the rest of each quarter of a second, so that the kernel drops
 * events at no cost, and is repaired by a listing, one in 30 s at most. What it then lacks it says (`vouches`).
 */
export function openFlowJournal(options: FlowJournalOptions): FlowJournal {
  const { follow, clock, log, directory, network, nudge, settings = conntrackSettings, journal = createNatJournal() } = options;
  const line = emptyFlowLine();
  const budget = createTimeBudget(options.stopwatch);
  const figures = { lines: 0, unreadable: 0, pauses: 0, losses: 0, listings: 0, completed: 0 };
  const settingWarnings = checkSettings(settings);
  for (const warning of settingWarnings) log("warn", warning);
  const timers = new Map<string, () => void>();
  const startedAt = clock.now();
  let following: Followed | undefined;
  let listing: Followed | undefined;
  let down: string | undefined;
  let attempts = 0;
  let bornAt: Instant = 0;
  /** Events have been missed, or none heard yet, since the last whole listing began. */
  let incomplete = true;
  let listedAt: Instant | undefined;
  let askedAt: Instant = 0;
  let stopped = false;
  const undo: (() => void)[] = [];
  const nudged = new Set<string>();

  const after = (name: string, delay: Milliseconds, work: () => void): void => {
    if (stopped || timers.has(name)) return;
    timers.set(name, clock.after(delay, () => {
      timers.delete(name);
      work();
    }));
  };

  const narrowSockets = (): void => { for (const narrow of undo.splice(0)) narrow(); };

  const takeLine = (bytes: Uint8Array, start: number, end: number): void => {
    figures.lines += 1;
    if (readFlowLine(bytes, start, end, line)) journal.record(line, clock.now());
    else figures.unreadable += 1;
  };

  const begin = (): void => {
    if (stopped) return;
    bornAt = clock.now();
    const split = lineSplitter(takeLine);
    const narrow = settings.widenSockets(socketBuffer);
    const mine = follow("conntrack", events, {
      onData(chunk) {
        budget.spend(() => { split(chunk); });
        if (budget.isSpent()) {
          figures.pauses += 1;
          mine.pause();
          after("resume", budget.untilNext(), () => { mine.resume(); });
        }
        askLater();
        if (journal.hasForgotten) after("list", Math.max(listAfter, (listedAt ?? 0) + listForgottenEvery - clock.now()), list);
      },
      onComplaint(text) {
        if (text.includes("ENOBUFS")) lost();
        else if (text.trim() !== "" && !text.includes("flow events have been shown")) log("debug", `conntrack: ${text.trim()}`);
      },
      onEnd: ended,
    });
    following = mine;
    after("list", listAfter, list);
    // By then conntrack has opened its sockets, and a stop in between does not leave it undone.
    undo.push(narrow);
    after("narrow", listAfter, narrowSockets);
  };

  const lost = (): void => {
    figures.losses += 1;
    if (!incomplete) log("info", "the flow journal missed events during a flood of new flows; a conntrack listing repairs it");
    incomplete = true;
    after("list", Math.max(listAfter, (listedAt ?? 0) + listEvery - clock.now()), list);
  };

  const ended = ({ isMissing, reason }: FollowEnd): void => {
    following = undefined;
    incomplete = true;
    if (clock.now() - bornAt >= longLife) attempts = 0;
    const complaint = `the flow journal is down: ${reason}${isMissing ? ": install the package conntrack" : ""}`;
    if (complaint !== down) log("warn", complaint);
    down = complaint;
    timers.get("list")?.();
    timers.delete("list");
    after("begin", restartAfter[Math.min(attempts, restartAfter.length - 1)] ?? 60_000, begin);
    attempts += 1;
  };

  /** Reads the whole table, one family after the other. */
  const list = (): void => {
    if (listing || !following) return;
    figures.listings += 1;
    listedAt = clock.now();
    const lossesBefore = figures.losses;
    const finish = journal.beginListing(clock.now());
    const next = (at: number): void => {
      const args = listings[at];
      if (args === undefined) {
        listing = undefined;
        finish(true);
        incomplete = figures.losses > lossesBefore;
        if (following) down = undefined;
        figures.completed += 1;
        if (incomplete) lost();
        return;
      }
      listing = follow("conntrack", args, {
        onData: lineSplitter(takeLine),
        onComplaint: () => undefined,
        onEnd({ status, reason }) {
          if (status === 0) {
            next(at + 1);
            return;
          }
          listing = undefined;
          finish(false);
          log("warn", `cannot complete the flow journal: ${reason}`);
          after("list", listEvery, list);
        },
      });
    };
    next(0);
  };

  const askLater = (): void => {
    const since = clock.now() - askedAt;
    if (journal.identities.hasNew) after("ask", Math.max(askAfter, askNewEvery - since), ask);
    else if (since >= askKnownEvery) after("ask", askAfter, ask);
  };

  /** Whose the addresses are now, and which of them are ours. */
  const ask = (): void => {
    askedAt = clock.now();
    Promise.all([directory.neighbours(), directory.names(), network.addresses()]).then(([neighbours, names, home]) => {
      journal.setBorders(home);
      journal.identities.refresh(neighbours, names, clock.now());
      nudgeUnknown(home.inside);
    }).catch((error: unknown) => { log("debug", `the flow journal cannot read who holds which address: ${errorText(error)}`); });
  };

  /** Who only sends is not answered, so that the kernel need not know who it is: it has to be asked once. */
  const nudgeUnknown = (inside: readonly IpPrefix[]): void => {
    if (!nudge) return;
    const isInside = addressSet(inside);
    for (const address of journal.identities.unknown(mostNudges)) {
      if (nudged.has(address) || !isInside(address)) continue;
      if (nudged.size >= mostRemembered) nudged.clear();
      nudged.add(address);
      nudge(address);
      after("ask", askAfter, ask);
    }
  };

  network.addresses().then((home) => { journal.setBorders(home); }, () => undefined).finally(begin);

  return {
    search: (asked, { nearMisses = 0 } = {}) => searchJournal(journal, asked, { now: clock.now(), nearMisses }),
    vouches: () => following !== undefined && !incomplete && !journal.hasForgotten,
    warnings: () => [...settingWarnings, ...(down === undefined ? [] : [down])],
    describe() {
      const seconds = Math.round((clock.now() - startedAt) / 1000);
      const size = `journal: ${journal.columns.size} flows, kept for ${seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`}`;
      if (down !== undefined) return `${size}; ${down}`;
      if (incomplete) return `${size}; some events were missed, so the connection table is asked too`;
      return !journal.hasForgotten ? `${size}; it has missed none that live` : `${size}; it had to forget flows that still live, so the connection table is asked too`;
    },
    get figures() { return { ...figures, flows: journal.columns.size, bytesHeld: journal.bytesHeld, busy: budget.total }; },
    stop() {
      stopped = true;
      narrowSockets();
      for (const cancel of timers.values()) cancel();
      following?.stop();
      listing?.stop();
    },
  };
}
