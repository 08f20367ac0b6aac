import type { Mitigation } from "../model/mitigation.ts";
import { milliseconds, type SteadyClock, type WallInstant } from "../model/time.ts";
import { errorText } from "../text/error-text.ts";
import { NothingSent } from "./backoff.ts";
import { createChannelEar, type Dial, type DialAddress } from "./channel.ts";
import type { MitigationService } from "./dots/dots-service.ts";
import { holdSession, type HoldSessionDeps } from "./hold-session.ts";
import { followNetworkChanges } from "./network-changes.ts";
import { rememberPath } from "./path-limit.ts";
import { createRedial, type Redial } from "./redial.ts";
import { keepStatus, nowhere, type StatusKeeper } from "./upstream-status.ts";
import type { UpstreamStatus } from "../model/upstream-status.ts";
import { keepWhereabouts } from "./whereabouts.ts";

/** A session that ends before has not settled: the next attempt leaves more time each time. */
const settledAfter = 60_000;

export interface UpstreamPorts {
  /** One that does not jump. */
  readonly clock: SteadyClock;
  /** For what upstream and owner read. */
  wallTime(): WallInstant;
  readonly dial: Dial;
  /** In [0, 1). */
  random(): number;
  randomBytes(count: number): Uint8Array;
  log(level: "warn" | "info" | "debug", message: string): void;
}

export interface UpstreamOptions {
  readonly name: string;
  readonly host: string;
  readonly requestRate: number;
  /** Of its own, at the same time. */
  mostMitigations(): number;
}

/** One upstream for life: it is dialled, served, and dialled again (RFC 9066 §5.1, §5.2.1). */
export interface Upstream {
  readonly name: string;
  status(): UpstreamStatus;
  mitigationChanged(mitigation: Mitigation): void;
  setMitigating(mitigating: boolean): void;
  /** Dials at once, as when the WAN has come up; three times in a row, then once a minute. */
  reconnect(): void;
  /** An address or a route of this router has changed: a session that lost its way is dialled again, and one that is waited for, too. */
  networkChanged(): void;
  stop(): void;
}

/** Keeps one session with an upstream for life: dials, backs off, redials (RFC 9066 §5, RFC 9132 §4). `changed` hears each new status. Never rejects. */
export function startUpstream(options: UpstreamOptions, ports: UpstreamPorts, mitigations: MitigationService,
  changed: (status: UpstreamStatus) => void): Upstream {
  const { clock } = ports;
  const log: UpstreamPorts["log"] = (level, message) => {
    ports.log(level, `upstream ${options.name}: ${message}`);
  };
  let mitigating = false;
  const status = keepStatus(clock, () => ports.wallTime(), changed);
  const where = keepWhereabouts(options.host, clock);
  const path = rememberPath(clock);

  /** Dials, and begins a session with the host that answers. */
  const dialTo = async (to: DialAddress, signal: AbortSignal, udpOnly = false): Promise<void> => {
    const ear = createChannelEar();
    const channel = await ports.dial(to, { ...ear, unsendable: networkChanged }, { signal, mitigating, ...(udpOnly ? { udpOnly } : {}) });
    if (signal.aborted) channel.close();
    else session.begin(channel, ear, to);
  };
  const dial = async (signal: AbortSignal): Promise<void> => {
    const to = where.next(mitigating);
    const began = clock.now();
    status.become({ state: "connecting" });
    try {
      await dialTo(to, signal);
    } catch (error) {
      if (signal.aborted) return;
      // Perhaps from an address that is gone.
      if (network.since(began)) clock.after(milliseconds(0), reconnect);
      outcome.failed(to.host, error);
    }
  };
  const redial = createRedial({
    clock,
    random: () => ports.random(),
    dial,
    waits(delay) {
      status.become({ state: "backing-off", ...nowhere });
      log("info", `next attempt in ${Math.ceil(delay / 1000)} s`);
    },
  });
  const reconnect = (): void => {
    redial.order(() => {
      session.end();
      path.forget();
      status.become({ state: "connecting", ...nowhere });
    });
  };
  const outcome = noteOutcomes({ status, path, where, redial, reconnect, log });
  const session = holdSession({
    ...ports,
    ...outcome,
    log,
    mitigations,
    where,
    path,
    upstream: options.name,
    requestRate: options.requestRate,
    mostObservers: () => options.mostMitigations() + 2, // the list of all, and the configuration
    isMitigating: () => mitigating,
    probeUdp: (to, signal) => dialTo(to, signal, true),
  });
  const network = followNetworkChanges(clock, () => {
    if (status.state() === "backing-off") reconnect();
  });
  const networkChanged = (): void => {
    if (session.isLive()) void session.checkPath();
    else network.changed();
  };

  redial.later();
  return {
    name: options.name,
    status: () => status.report(),
    mitigationChanged: (mitigation) => {
      session.mitigationChanged(mitigation);
    },
    setMitigating(next) {
      mitigating = next;
      session.setMitigating(next);
    },
    reconnect,
    networkChanged,
    stop() {
      redial.stop();
      network.stop();
      session.end();
    },
  };
}

interface Outcomes extends Pick<HoldSessionDeps, "began" | "ended" | "lost"> {
  readonly failed: (host: string, error: unknown) => void;
}

interface OutcomesDeps extends Pick<HoldSessionDeps, "where" | "path" | "log"> {
  readonly status: StatusKeeper;
  readonly redial: Redial;
  readonly reconnect: () => void;
}

/** What the owner reads of a dial and of a session, and when the next dial is. */
function noteOutcomes({ status, path, where, redial, reconnect, log }: OutcomesDeps): Outcomes {
  return {
    failed(host, error) {
      path.failed();
      redial.failed(where.isGivenUp(host) ? "elsewhere" : error instanceof NothingSent ? "unsent" : "unanswered");
      status.become({ lastError: errorText(error) });
      log("warn", `no session with ${host}: ${errorText(error)}`);
      redial.later();
    },
    began({ transport, peer, localAddress, secured }) {
      redial.connected();
      status.become({ state: "connected", transport, peer, local: localAddress ?? null, lastError: null });
      log("info", `session with ${peer} over ${transport}${secured === undefined ? "" : ` (${secured})`}`);
    },
    ended(reason, isMoving) {
      redial.ended(isMoving ? "moving" : status.age() >= settledAfter ? "settled" : "unsettled");
      status.become({ state: "connecting", ...nowhere, lastError: reason });
      log("warn", `session ended: ${reason}`);
      redial.later();
    },
    lost(problem) {
      log("warn", `session ended: ${problem}`);
      status.become({ lastError: problem });
      reconnect();
    },
  };
}
