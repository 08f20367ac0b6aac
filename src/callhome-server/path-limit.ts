import { between, seconds, steadyInstant, type Seconds, type SteadyClock, type SteadyInstant } from "../model/time.ts";
import { closerHeartbeat, longestHeartbeat } from "./dots/session-config.ts";

/** How far apart signs of life may be on the path to an upstream, as sessions that fell silent have shown (RFC 9066 §5.2.1). */
export interface PathLimit {
  readonly longest: Seconds;
  readonly since: SteadyInstant;
  /** How often the path has shown it: each time it is believed for longer. */
  readonly times: number;
}

const hour = 3_600_000;
const day = 24 * hour;

export const anyPath: PathLimit = { longest: longestHeartbeat, since: steadyInstant(0), times: 0 };

/** Half of the gap after which a session was dead, while the path was open. */
export function shortenPath(limit: PathLimit, gap: Seconds, now: SteadyInstant): PathLimit {
  return { longest: seconds(Math.min(longestAllowed(limit, now), closerHeartbeat(gap))), since: now, times: limit.times + 1 };
}

/** What the path is believed to allow now: after an hour twice as much, and so on; after the second time after two hours, up to a day. */
export function longestAllowed({ longest, since, times }: PathLimit, now: SteadyInstant): Seconds {
  const believedFor = Math.min(day, hour * 2 ** Math.max(0, times - 1));
  return seconds(Math.min(longestHeartbeat, longest * 2 ** Math.min(10, Math.max(0, Math.floor(between(since, now) / believedFor)))));
}

export interface PathMemory {
  /** Between signs of life, that the path is believed to allow now. */
  longest(): Seconds;
  /** A session has fallen silent after so many seconds of idleness; undefined if that is no reason to suspect the path. */
  silent(gap: Seconds | undefined): void;
  /** A session has come about. If at once after a silence, a NAT had forgotten the one before. */
  connected(transport: "udp" | "tcp"): void;
  /** None came about: an outage, the path or the peer is not there. */
  failed(): void;
  /** It may be another path now. */
  forget(): void;
}

/** Learns how often the path to an upstream has to be used. `clock` is one that does not jump. */
export function rememberPath(clock: Pick<SteadyClock, "now">): PathMemory {
  let path = anyPath;
  let suspectedGap: Seconds | undefined;
  return {
    longest: () => longestAllowed(path, clock.now()),
    silent(gap) {
      suspectedGap = gap;
    },
    connected(transport) {
      if (suspectedGap !== undefined && transport === "udp") path = shortenPath(path, suspectedGap, clock.now());
      suspectedGap = undefined;
    },
    failed() {
      suspectedGap = undefined;
    },
    forget() {
      path = anyPath;
      suspectedGap = undefined;
    },
  };
}
