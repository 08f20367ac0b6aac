import { lineSplitter } from "../../nat-lookup/conntrack/line-splitter.ts";
import type { FollowCommand, Followed } from "../process/follow-command.ts";

const listings = [["-L", "-f", "ipv4", "-o", "id"], ["-L", "-f", "ipv6", "-o", "id"]];

/**
 * Reads the whole connection table, one family after the other, and calls `done` with what went wrong, or undefined; not after it was stopped
 * by the returned function.
 */
export function listFlows(follow: FollowCommand, takeLine: (bytes: Uint8Array, start: number, end: number) => void,
  done: (problem: string | undefined) => void): () => void {
  let listing: Followed | undefined;
  const next = (at: number): void => {
    const args = listings[at];
    if (args === undefined) done(undefined);
    else listing = follow("conntrack", args, {
        onData: lineSplitter(takeLine),
        onComplaint: () => undefined,
        onEnd({ status, reason }) {
          if (status === 0) next(at + 1);
          else done(reason);
        },
      });
  };
  next(0);
  return () => {
    listing?.stop();
  };
}
