import type { Mitigation, MitigationState } from "../model/mitigation.ts";
import { between, type WallInstant } from "../model/time.ts";
import type { NamedUpstream } from "../model/upstream-status.ts";
import { formatTimeOrNull } from "../text/format-time.ts";

/** What of an upstream is shown. */
export interface ShownUpstream extends Omit<NamedUpstream, "local" | "since"> {
  readonly since: WallInstant | null;
  /** Of several upstreams: the device of the WAN that this one speaks for. */
  readonly wan?: string;
}

export interface StatusView {
  readonly version: string;
  readonly uptime_seconds: number;
  readonly upstreams: readonly UpstreamView[];
  /** How many there are in each state. */
  readonly mitigations: Readonly<Record<MitigationState, number>>;
  readonly warnings: readonly string[];
}

export interface UpstreamView extends Omit<ShownUpstream, "since" | "lastError"> {
  readonly since: string | null;
  readonly last_error: string | null;
}

/** The daemon as `status --json` shows it. */
export function describeStatus(status: {
  readonly version: string;
  readonly startedAt: WallInstant;
  readonly now: WallInstant;
  readonly upstreams: readonly ShownUpstream[];
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
export function describeUpstream({ name, state, transport, peer, wan, since, lastError, sessions }: ShownUpstream): UpstreamView {
  return { name, state, transport, peer, ...(wan === undefined ? {} : { wan }), since: formatTimeOrNull(since), last_error: lastError, sessions };
}
