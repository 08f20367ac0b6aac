import { between, type Milliseconds, type SteadyClock, type SteadyInstant } from "../model/time.ts";
import { dialDelay, noHistory, orderedAtOnce, orderedDialFrom, type DialHistory } from "./backoff.ts";

/** When an upstream is dialled: never twice at once, and as seldom as RFC 9132 §4.7 wants. */
export interface Redial {
  /** Dials when it is due, by what has happened since the last session. */
  later(): void;
  /** Dials at once, for a reason of its own: three times in a row, then once a minute. `first` is done before, unless such a dial waits for its turn already. */
  order(first: () => void): void;
  /** There is a session. */
  connected(): void;
  /** It has ended: `settled`, after it had lasted for a while; `unsettled`, as soon as it had begun; `moving`, since the next is to be elsewhere. */
  ended(how: "settled" | "unsettled" | "moving"): void;
  /** `unsent`: nothing reached for the peer. `elsewhere`: an alternate is given up for the upstream that the owner configured, with which the session was. */
  failed(how: "unsent" | "unanswered" | "elsewhere"): void;
  stop(): void;
}

export interface RedialDeps {
  /** One that does not jump. */
  readonly clock: SteadyClock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Dials once, until the signal says that it is not wanted any more. */
  readonly dial: (signal: AbortSignal) => Promise<void>;
  readonly waits: (delay: Milliseconds) => void;
}

/** Keeps the history of an upstream's dials and sessions, and dials when it says so. */
export function createRedial({ clock, random, dial, waits }: RedialDeps): Redial {
  let history: DialHistory = noHistory;
  /** When the last dials began, or are to, that were ordered. */
  let ordered: readonly SteadyInstant[] = [];
  /** Ends the attempt or the wait that is under way. */
  let interrupt: () => void = () => undefined;
  let stopped = false;

  const dialAfter = (delay: Milliseconds): void => {
    if (stopped) return;
    if (delay > 0) waits(delay);
    interrupt = clock.after(delay, () => {
      const abort = new AbortController();
      interrupt = () => {
        abort.abort();
      };
      void dial(abort.signal);
    });
  };

  return {
    later() {
      dialAfter(dialDelay(history, random()));
    },
    order(first) {
      const now = clock.now();
      if (stopped || (ordered.at(-1) ?? now) > now) return;
      interrupt();
      first();
      history = noHistory;
      const from = orderedDialFrom(ordered, now);
      ordered = [...ordered, from].slice(-orderedAtOnce);
      dialAfter(between(now, from));
    },
    connected() {
      history = { ...history, failures: 0, unsent: 0, hadSession: true, atOnce: false };
    },
    ended(how) {
      history = how === "moving"
        ? { ...noHistory, hadSession: true, atOnce: true }
        : { ...history, unsettled: how === "settled" ? 0 : (history.unsettled ?? 0) + 1 };
    },
    failed(how) {
      if (how === "elsewhere") history = { ...noHistory, hadSession: true };
      else if (how === "unsent") history = { ...history, unsent: (history.unsent ?? 0) + 1 };
      else history = { ...history, failures: history.failures + 1, unsent: 0 };
    },
    stop() {
      stopped = true;
      interrupt();
    },
  };
}
