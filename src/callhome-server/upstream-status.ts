import { between, earlier, type Milliseconds, type SteadyClock, type SteadyInstant, type WallInstant } from "../model/time.ts";
import type { UpstreamStatus } from "../model/upstream-status.ts";

/** Where there is no session. */
export const nowhere = { transport: null, peer: null, local: null } as const;

export interface StatusKeeper {
  /** For who asks: `since` by the wall clock as it is now. */
  report(): UpstreamStatus;
  state(): UpstreamStatus["state"];
  /** How long it has been in this state. */
  age(): Milliseconds;
  become(next: Partial<Omit<UpstreamStatus, "since">>): void;
}

/** Follows an upstream's state; `changed` hears whenever one is entered, also the same again. `clock` is one that does not jump. */
export function keepStatus(clock: SteadyClock, wallTime: () => WallInstant, changed: (status: UpstreamStatus) => void): StatusKeeper {
  let status: Omit<UpstreamStatus, "since"> & { readonly since: SteadyInstant } = {
    state: "connecting",
    ...nowhere,
    since: clock.now(),
    lastError: null,
    sessions: 0,
  };
  const report = (): UpstreamStatus => ({ ...status, since: earlier(wallTime(), between(status.since, clock.now())) });
  return {
    report,
    state: () => status.state,
    age: () => between(status.since, clock.now()),
    become(next) {
      const isConnected = next.state === "connected";
      status = {
        ...status,
        ...next,
        since: next.state && next.state !== status.state ? clock.now() : status.since,
        sessions: status.sessions + (isConnected ? 1 : 0),
      };
      if (next.state) changed(report());
    },
  };
}
