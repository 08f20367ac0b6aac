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
  const urgent: (() => void)[] = [];
  const ordinary: (() => void)[] = [];
  let running = 0;

  const begin = (): void => {
    const next = running < atOnce ? urgent.shift() ?? (running < atOnce - 1 ? ordinary.shift() : undefined) : undefined;
    if (!next) return;
    running += 1;
    next();
    begin();
  };
  return async (tool, args, options = {}) => {
    const waiting = options.isUrgent === true ? urgent : ordinary;
    if (waiting.length >= mostWaiting) throw new CommandFailure(tool, "busy", `${tool} was not started: ${mostWaiting} others wait already`);
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      begin();
    });
    try {
      return await run(tool, args, options);
    } finally {
      running -= 1;
      begin();
    }
  };
}
