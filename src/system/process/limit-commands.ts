import { createTurnstile } from "../../model/turnstile.ts";
import { CommandFailure, type RunCommand } from "./run-command.ts";

export interface CommandLimits {
  /** Tools that run at the same time. */
  readonly atOnce?: number;
  /** Calls that wait for one to end, of each kind; what comes beyond fails at once. */
  readonly mostWaiting?: number;
}

/**
 * Runs few tools at a time, so that no number of requests takes the router's processor, memory or file descriptors. What the owner waits for
 * (`isUrgent`) goes first, and one of the places is theirs alone.
 */
export function limitCommands(run: RunCommand, { atOnce = 4, mostWaiting = 64 }: CommandLimits = {}): RunCommand {
  const turnstile = createTurnstile({ atOnce: [atOnce, atOnce - 1], mostWaiting });
  return async (tool, args, options = {}) => {
    const leave = await turnstile.enter(options.isUrgent === true ? 0 : 1);
    if (!leave) throw new CommandFailure(tool, "busy", `${tool} was not started: ${mostWaiting} others wait already`);
    try {
      return await run(tool, args, options);
    } finally {
      leave();
    }
  };
}
