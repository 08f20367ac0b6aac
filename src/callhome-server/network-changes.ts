import { milliseconds, steadyInstant, type SteadyClock, type SteadyInstant } from "../model/time.ts";

export interface NetworkChanges {
  /** An address or a route of this router has changed. */
  changed(): void;
  /** Whether one has since. */
  since(at: SteadyInstant): boolean;
  stop(): void;
}

/** A WAN that comes up changes several things, one after the other. */
const settlesAfter = milliseconds(1_000);

/** Calls back once for changes that come together, a moment after the first of them. */
export function followNetworkChanges(clock: SteadyClock, settled: () => void): NetworkChanges {
  let changedAt = steadyInstant(-Infinity);
  let cancel: (() => void) | undefined;
  let stopped = false;
  return {
    changed() {
      if (stopped) return;
      changedAt = clock.now();
      cancel ??= clock.after(settlesAfter, () => {
        cancel = undefined;
        settled();
      });
    },
    since: (at) => changedAt > at,
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
