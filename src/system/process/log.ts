import { excerpt } from "../../text/escape-text.ts";
import type { Log } from "../../model/ports.ts";
import { sinceEpoch, type WallClock } from "../../model/time.ts";

const levels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof levels)[number];

/** Longest message that is written, in UTF-16 units; logd cuts lines at 1 KiB anyway. */
const longestMessage = 1000;

/**
 * Writes one line an event: `warn: message`. Line ends, terminal escapes and the like in a message are escaped, as parts of
 * it come from the network. logd puts its own time before each line, so ours is only written to a terminal.
 * `threshold` is asked each time, so that a reload can change it.
 */
export function openLog(
  out: { write(text: string): unknown; readonly isTTY?: boolean },
  clock: Pick<WallClock, "now">,
  threshold: () => LogLevel,
): Log {
  return (level, message) => {
    if (levels.indexOf(level) > levels.indexOf(threshold())) return;
    const time = out.isTTY === true ? `${new Date(sinceEpoch(clock.now())).toISOString()} ` : "";
    try {
      out.write(`${time}${level}: ${excerpt(message, longestMessage)}\n`);
    } catch {
      // Nobody reads the log any more (EPIPE): that is no reason to stop protecting the home.
    }
  };
}
