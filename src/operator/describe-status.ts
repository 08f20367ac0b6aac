import type { Mitigation, MitigationState } from "../model/mitigation.ts";
import { between, type WallInstant } from "../model/time.ts";
import { formatTimeOrNull } from "../text/format-time.ts";

/** The session with an upstream, as the pipeline knows it. */
export interface UpstreamStatus {
  readonly name: string;
  readonly state: "connected" | "connecting" | "backing-off" | "disabled";
  /** What the session uses, or the attempt under way; null where there is none. */
  readonly transport: "udp" | "tcp" | null;
  /** Address and port that it is connected to. */
  readonly peer: string | null;
  /** Of several upstreams: the device of the WAN that this one speaks for. */
  readonly wan?: string;
  /** Since when it is in this state. */
  readonly since: WallInstant | null;
  /** Why the last session or attempt ended, in words. */
  readonly lastError: string | null;
  /** Sessions that were established since the start. */
  readonly sessions: number;
}

export interface StatusView {
  readonly version: string;
  readonly uptime_seconds: number;
  readonly upstreams: readonly UpstreamView[];
  /** How many there are in each state. */
  readonly mitigations: Readonly<Record<MitigationState, number>>;
  readonly warnings: readonly string[];
}

export interface UpstreamView extends Omit<UpstreamStatus, "since" | "lastError"> {
  readonly since: string | null;
  readonly last_error: string | null;
}

/** The daemon as `status --json` shows it. */
export function describeStatus(status: {
  readonly version: string;
  readonly startedAt: WallInstant;
  readonly now: WallInstant;
  readonly upstreams: readonly UpstreamStatus[];
  readonly mitigations: Iterable<Mitigation>;
  readonly warnings: readonly string[];
}): StatusView {
  const mitigations = { pending: 0, active: 0, terminating: 0, ended: 0 };
  for (const { state } of status.mitigations) mitigations[state]++;
  return {
    version: status.version,
    // The wall clock of a router jumps when it first hears from NTP.
    uptime_seconds: Math.max(0, Math.floor(between(status.startedAt, status.now) / 1000)),
    upstreams: status.upstreams.map(describeUpstream),
    mitigations,
    warnings: [...status.warnings],
  };
}

/** One upstream of it. */
export function describeUpstream({ name, state, transport, peer, wan, since, lastError, sessions }: UpstreamStatus): UpstreamView {
  return { name, state, transport, peer, ...(wan === undefined ? {} : { wan }), since: formatTimeOrNull(since), last_error: lastError, sessions };
}
