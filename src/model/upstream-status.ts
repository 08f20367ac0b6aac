import type { WallInstant } from "./time.ts";

/** The session with an upstream. */
export interface UpstreamStatus {
  readonly state: "connected" | "connecting" | "backing-off";
  /** What the session uses, or the attempt under way; null where there is none. */
  readonly transport: "udp" | "tcp" | null;
  /** Address and port that it is connected to. */
  readonly peer: string | null;
  /** Our address that the session was dialled from. */
  readonly local: string | null;
  /** Since when it is in this state. */
  readonly since: WallInstant;
  /** Why the last session or attempt ended, in words. */
  readonly lastError: string | null;
  /** Sessions that were established since the start. */
  readonly sessions: number;
}

/** One of the upstreams of the configuration, those that are disabled included. */
export interface NamedUpstream extends Omit<UpstreamStatus, "state"> {
  readonly name: string;
  readonly state: UpstreamStatus["state"] | "disabled";
}
