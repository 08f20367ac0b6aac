import { milliseconds, type Timer } from "../../model/time.ts";
import type { Log } from "../../model/ports.ts";
import { runForJson, type RunCommand } from "./run-command.ts";

export interface ToolCheck {
  /** For `status`: tools that are missing, or are not what is needed (BusyBox has an `ip` that prints no JSON). */
  warnings(): readonly string[];
  stop(): void;
}

/** While something is missing, it is looked for again: a package may be installed at any time. */
const lookAgainAfter = milliseconds(60_000);

/** Tries the tools of iproute2 at the start, so that the owner hears before the first attack that one is missing. */
export function checkTools({ run, clock, log }: { readonly run: RunCommand; readonly clock: Timer; readonly log: Log }): ToolCheck {
  let warnings: readonly string[] = [];
  let cancel: (() => void) | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const trials = await Promise.allSettled([runForJson(run, "ip", ["link"]), runForJson(run, "bridge", ["link"])]);
    const found = trials.flatMap((trial) => (trial.status === "rejected" ? [trial.reason instanceof Error ? trial.reason.message : String(trial.reason)] : []));
    for (const warning of found) if (!warnings.includes(warning)) log("warn", warning);
    warnings = found;
    if (found.length > 0 && !stopped)
      cancel = clock.after(lookAgainAfter, () => {
        void look();
      });
  };
  void look();
  return {
    warnings: () => warnings,
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
