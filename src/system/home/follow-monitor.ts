import { between, milliseconds, steadyInstant, type Milliseconds, type SteadyClock } from "../../model/time.ts";
import { lineSplitter } from "../../nat-lookup/conntrack/line-splitter.ts";
import type { Log } from "../../model/ports.ts";
import type { FollowCommand, Followed, FollowEnd } from "../process/follow-command.ts";
import { readMonitorLine, type HomeEvent } from "./monitor-line.ts";
import { createTimeBudget } from "../flows/time-budget.ts";

export interface MonitorFollower {
  begin(): void;
  /** Whether changes are announced to us. */
  isFollowing(): boolean;
  /** For `status`. */
  warnings(): readonly string[];
  stop(): void;
}

export interface MonitorFollowerOptions {
  readonly follow: FollowCommand;
  readonly clock: SteadyClock;
  readonly log: Log;
  readonly take: (event: HomeEvent) => void;
  /** From now on changes are announced, or some of them were lost: what is held is to be read again. */
  readonly missed: () => void;
  /** Milliseconds by a clock that measures work. */
  readonly stopwatch?: () => number;
}

const monitor = ["-o", "monitor", "label", "address", "route", "link", "neigh"];
/** By then `ip` has subscribed: what changed before is in the reading that begins now. */
const subscribedAfter = milliseconds(1_000);
const restartAfter = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000].map(milliseconds);
/** A life that is worth another quick restart. */
const longLife = milliseconds(60_000);

/**
 * Keeps one `ip monitor` running and reads what it announces, a quarter of the time at most: under a flood of announcements it stops reading,
 * so that the kernel drops some, and says so.
 */
export function followMonitor({ follow, clock, log, take, missed, stopwatch }: MonitorFollowerOptions): MonitorFollower {
  const budget = createTimeBudget(stopwatch);
  const timers = new Map<string, () => void>();
  let process: Followed | undefined;
  let isFollowing = false;
  let down: string | undefined;
  let attempts = 0;
  let bornAt = steadyInstant(0);
  let stopped = false;

  const after = (name: string, delay: Milliseconds, work: () => void): void => {
    if (stopped || timers.has(name)) return;
    timers.set(name, clock.after(delay, () => {
      timers.delete(name);
      work();
    }));
  };
  const takeLine = (bytes: Uint8Array, start: number, end: number): void => {
    const event = readMonitorLine(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1"));
    if (event) take(event);
  };
  const begin = (): void => {
    if (stopped) return;
    bornAt = clock.now();
    const split = lineSplitter(takeLine);
    const mine = process = follow("ip", monitor, {
      onData(piece) {
        budget.spend(() => {
          split(piece);
        });
        if (!budget.isSpent()) return;
        mine.pause();
        after("resume", budget.untilNext(), () => {
          mine.resume();
        });
      },
      onComplaint(text) {
        // "netlink receive error No buffer space available (105)": the kernel has dropped announcements.
        if (text.includes("receive error")) missed();
        else if (text.trim() !== "") log("debug", `ip monitor: ${text.trim()}`);
      },
      onEnd: ended,
    });
    after("subscribed", subscribedAfter, () => {
      isFollowing = true;
      down = undefined;
      missed();
    });
  };
  const ended = ({ isMissing, reason }: FollowEnd): void => {
    process = undefined;
    isFollowing = false;
    for (const name of ["subscribed", "resume"]) {
      timers.get(name)?.();
      timers.delete(name);
    }
    if (between(bornAt, clock.now()) >= longLife) attempts = 0;
    const complaint = `changes of addresses and neighbours cannot be followed: ${reason}${
      isMissing || attempts > 0 ? ": is the package ip-full installed?" : ""
    }; until then they are read for each request`;
    const delay = restartAfter[Math.min(attempts, restartAfter.length - 1)] ?? milliseconds(60_000);
    if (complaint !== down) log("warn", `${complaint}; next attempt in ${delay / 1000} s`);
    down = complaint;
    after("begin", delay, begin);
    attempts += 1;
  };
  return {
    begin,
    isFollowing: () => isFollowing,
    warnings: () => (down === undefined ? [] : [down]),
    stop() {
      stopped = true;
      for (const cancel of timers.values()) cancel();
      process?.stop();
    },
  };
}
