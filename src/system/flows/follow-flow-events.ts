import { between, milliseconds, type Milliseconds, type SteadyClock } from "../../model/time.ts";
import type { Log } from "../../model/ports.ts";
import { lineSplitter } from "../../nat-lookup/conntrack/line-splitter.ts";
import type { FollowCommand, Followed, FollowEnd } from "../process/follow-command.ts";
import type { ConntrackSettings } from "./conntrack-settings.ts";
import type { TimeBudget } from "./time-budget.ts";
import { createTimers } from "./timers.ts";

/** `conntrack -E`, started again whenever it ends. */
export interface FlowEvents {
  isFollowing(): boolean;
  /** Pieces of output after which reading paused. */
  pauses(): number;
  begin(): void;
  stop(): void;
}

export interface FlowEventsDeps {
  readonly follow: FollowCommand;
  readonly clock: SteadyClock;
  readonly log: Log;
  readonly settings: Pick<ConntrackSettings, "widenSockets">;
  /** While it is spent nothing is read. */
  readonly budget: TimeBudget;
  /** A line, from `start` to `end`. */
  readonly takeLine: (bytes: Uint8Array, start: number, end: number) => void;
  readonly began: () => void;
  /** Lines were taken. */
  readonly heard: () => void;
  /** The kernel has dropped events. */
  readonly lost: () => void;
  /** `startsIn`: until it is started again. */
  readonly ended: (why: string, startsIn: Milliseconds) => void;
}

const events = ["-E", "-e", "NEW,DESTROY", "-o", "timestamp,id"];
/** Room for some 4,000 events that wait for us, of the kernel's memory, taken only while they wait. By default it is 200. */
const socketBuffer = 4 * 1024 * 1024; // bytes
/** Until conntrack has opened its sockets. */
const opensWithin = milliseconds(250);
const restartAfter = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000].map(milliseconds);
/** A life that is worth another quick restart. */
const longLife = milliseconds(60_000);

/** Reads the kernel's events of flows that begin and end, once `begin` is called. */
export function followFlowEvents({ follow, clock, log, settings, budget, takeLine, began, heard, lost, ended }: FlowEventsDeps): FlowEvents {
  const timers = createTimers(clock);
  let following: Followed | undefined;
  const undo: (() => void)[] = [];
  let pauses = 0;
  let attempts = 0;
  let bornAt = clock.now();
  let stopped = false;

  const narrowSockets = (): void => {
    for (const narrow of undo.splice(0)) narrow();
  };
  const begin = (): void => {
    if (stopped) return;
    bornAt = clock.now();
    const split = lineSplitter(takeLine);
    const narrow = settings.widenSockets(socketBuffer);
    const mine = follow("conntrack", events, {
      onData(chunk) {
        budget.spend(() => {
          split(chunk);
        });
        if (budget.isSpent()) {
          pauses += 1;
          mine.pause();
          timers.after("resume", budget.untilNext(), () => {
            mine.resume();
          });
        }
        heard();
      },
      onComplaint(text) {
        if (text.includes("ENOBUFS")) lost();
        else if (text.trim() !== "" && !text.includes("flow events have been shown")) log("debug", `conntrack: ${text.trim()}`);
      },
      onEnd: restart,
    });
    following = mine;
    // By then conntrack has opened its sockets, and a stop in between does not leave it undone.
    undo.push(narrow);
    timers.after("narrow", opensWithin, narrowSockets);
    began();
  };

  const restart = ({ isMissing, reason }: FollowEnd): void => {
    following = undefined;
    if (between(bornAt, clock.now()) >= longLife) attempts = 0;
    const startsIn = restartAfter[Math.min(attempts, restartAfter.length - 1)] ?? milliseconds(60_000);
    timers.after("begin", startsIn, begin);
    attempts += 1;
    ended(`${reason}${isMissing ? ": install the package conntrack" : ""}`, startsIn);
  };

  return {
    isFollowing: () => following !== undefined,
    pauses: () => pauses,
    begin,
    stop() {
      stopped = true;
      narrowSockets();
      timers.stop();
      following?.stop();
    },
  };
}
