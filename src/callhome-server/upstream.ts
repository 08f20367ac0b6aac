import type { Mitigation } from "../model/mitigation.ts";
import type { Clock, Instant } from "../model/time.ts";
import { dialDelay, noHistory, NothingSent, orderedAtOnce, orderedDialFrom, type DialHistory } from "./backoff.ts";
import type { MitigationService } from "./dots/dots-service.ts";
import { anyPath, longestAllowed, shortenPath } from "./path-limit.ts";
import { atHome, followRedirection, isOver, noteSpoken, noteUnreachable, refuseAddresses, type Whereabouts } from "./redirection.ts";
import { openSession, type Session } from "./session.ts";
import { errorText } from "../text/error-text.ts";

/** Where to dial: a name that is also verified, and addresses that spare its resolution (RFC 9066 §5.2.2). */
export interface DialAddress {
  readonly host: string;
  /** Empty = resolve the host. */
  readonly addresses: readonly string[];
}

/** A (D)TLS session; over UDP each piece of bytes is a CoAP message, over TCP they are a stream. */
export interface Channel {
  readonly transport: "udp" | "tcp";
  readonly peer: string;
  /** Our address that it was dialled from. */
  readonly localAddress?: string;
  /** For the log: version and cipher suite, and whether an earlier session was resumed. */
  readonly secured?: string;
  /** Why the session cannot go on from here: its address or the way to the peer is gone. Undefined if nothing is wrong. */
  readonly pathProblem?: () => Promise<string | undefined>;
  send(message: Uint8Array): void;
  close(): void;
}

export interface ChannelEvents {
  message(bytes: Uint8Array): void;
  /** It ended, not by our close(). */
  closed(reason: string): void;
  /** Something could not be sent, for a reason that lies on this side: whether the way is still there is to be looked at. */
  unsendable?(): void;
}

/** Dials once, with all addresses and transports that are to be tried; rejects with an Error whose message says why not. */
export type Dial = (to: DialAddress, events: ChannelEvents, how: DialManner) => Promise<Channel>;

export interface DialManner {
  readonly signal: AbortSignal;
  /** An attack is under way. */
  readonly mitigating: boolean;
  /** Rejects if there is no way but TCP. */
  readonly udpOnly?: boolean;
}

/** RFC 9132 §4.3: not more often does a session over TCP look whether UDP has become available. */
const udpProbeInterval = 24 * 3_600_000;
/** Messages that are kept for a session that is about to begin. */
const mostEarly = 16;
/** A WAN that comes up changes several things, one after the other. */
const settlesAfter = 1_000;
/** A session that ends before has not settled: the next attempt leaves more time each time. */
const settledAfter = 60_000;

export interface UpstreamPorts {
  /** One that does not jump. */
  readonly clock: Clock;
  /** For what upstream and owner read. */
  wallTime(): Instant;
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

export interface UpstreamStatus {
  readonly state: "connected" | "connecting" | "backing-off";
  readonly transport: "udp" | "tcp" | null;
  readonly peer: string | null;
  /** Our address that the session was dialled from. */
  readonly local: string | null;
  /** Since when it is in this state. */
  readonly since: Instant;
  readonly lastError: string | null;
  /** Sessions since the daemon started. */
  readonly sessions: number;
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
export function startUpstream(options: UpstreamOptions, ports: UpstreamPorts, mitigations: MitigationService, changed: (status: UpstreamStatus) => void): Upstream {
  const { clock } = ports;
  let status: UpstreamStatus = { state: "connecting", transport: null, peer: null, local: null, since: clock.now(), lastError: null, sessions: 0 };
  let live: { readonly session: Session; readonly channel: Channel } | undefined;
  let where: Whereabouts = atHome;
  let history: DialHistory = noHistory;
  /** When the last dials began, or are to, that reconnect() asked for. */
  let ordered: readonly Instant[] = [];
  let mitigating = false;
  let path = anyPath;
  /** Seconds of idleness after which the last session fell silent; if the next comes about at once, a NAT had forgotten it. */
  let suspectedGap: number | undefined;
  /** Ends the attempt or the wait that is under way. */
  let interrupt: () => void = () => undefined;
  /** What is to happen to the live session later: its return from an alternate, the look for UDP. */
  let cancelPlans: () => void = () => undefined;
  /** When the network changed last. */
  let changedAt: Instant = -Infinity;
  let cancelSettling: (() => void) | undefined;
  let stopped = false;

  const report = (): UpstreamStatus => ({ ...status, since: status.since + ports.wallTime() - clock.now() });

  const become = (next: Partial<UpstreamStatus>): void => {
    status = { ...status, ...next, since: next.state && next.state !== status.state ? clock.now() : status.since };
    if (next.state) changed(report());
  };

  const dialLater = (delay = dialDelay(history, ports.random())): void => {
    if (stopped) return;
    if (delay > 0) become({ state: "backing-off", transport: null, peer: null, local: null });
    if (delay > 0) ports.log("info", `upstream ${options.name}: next attempt in ${Math.ceil(delay / 1000)} s`);
    interrupt = clock.after(delay, () => void dialNow());
  };

  const dialNow = async (): Promise<void> => {
    if (isOver(where, mitigating, clock.now())) where = { ...where, alternate: null };
    const to = where.alternate ? { host: where.alternate.client, addresses: where.alternate.addresses } : { host: options.host, addresses: [] };
    const abort = new AbortController();
    interrupt = () => { abort.abort(); };
    const began = clock.now();
    become({ state: "connecting" });
    try {
      await dialTo(to, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return;
      // Perhaps from an address that is gone.
      if (changedAt > began) clock.after(0, reconnect);
      failed(to, errorText(error), error instanceof NothingSent);
    }
  };

  /** Dials, and begins a session with the host that answers. */
  const dialTo = async (to: DialAddress, signal: AbortSignal, udpOnly = false): Promise<void> => {
    // Messages that come with the handshake's last flight wait for the session.
    const early: Uint8Array[] = [];
    let deliver = (message: Uint8Array): void => { if (early.length < mostEarly) early.push(message); };
    let ended: (reason: string) => void = (reason) => { endedEarly = reason; };
    let endedEarly: string | undefined;
    const channel = await ports.dial(
      to, { message: (bytes) => { deliver(bytes); }, closed: (reason) => { ended(reason); }, unsendable: () => { networkChanged(); } }, { signal, mitigating, ...(udpOnly ? { udpOnly } : {}) },
    );
    if (signal.aborted) {
      channel.close();
      return;
    }
    const session = begin(channel, to);
    deliver = (bytes) => { session.receive(bytes); };
    ended = (reason) => { finish(session, reason); };
    early.forEach(deliver);
    if (endedEarly !== undefined) finish(session, endedEarly);
  };

  /** The live session's later moments. */
  const plan = (to: DialAddress, transport: Channel["transport"]): (() => void) => {
    const until = where.alternate?.until ?? null;
    const cancelReturn = until === null ? () => undefined : clock.after(Math.max(0, until - clock.now()), returnHome);
    const abort = new AbortController();
    let cancelProbe: () => void = () => undefined;
    const probeLater = (): void => {
      cancelProbe = clock.after(udpProbeInterval, () => {
        // A session that serves well is not risked while an attack is under way.
        if (mitigating) probeLater();
        else dialTo(to, abort.signal, true).catch(probeLater);
      });
    };
    if (transport === "tcp") probeLater();
    return () => {
      cancelReturn();
      cancelProbe();
      abort.abort();
    };
  };

  /** RFC 9132 §4.6: at once when the redirection's time is over, but not during an attack. */
  const returnHome = (): void => {
    if (live && isOver(where, mitigating, clock.now())) finish(live.session, "the redirection's time is over", true);
  };

  const begin = (channel: Channel, to: DialAddress): Session => {
    if (suspectedGap !== undefined && channel.transport === "udp") path = shortenPath(path, suspectedGap, clock.now());
    suspectedGap = undefined;
    const session = openSession(
      {
        upstream: options.name, requestRate: options.requestRate, mitigating, transport: channel.transport,
        mostObservers: () => options.mostMitigations() + 2, // the list of all, and the configuration
        longestHeartbeat: () => longestAllowed(path, clock.now()),
      },
      {
        clock,
        wallTime: () => ports.wallTime(),
        randomBytes: (count) => ports.randomBytes(count),
        transmit: (message) => { channel.send(message); },
        trace: (line) => { ports.log("debug", `upstream ${options.name}: ${line}`); },
        failed: (error) => { ports.log("warn", `upstream ${options.name}: a request failed: ${errorText(error)}`); },
      },
      mitigations,
      {
        disconnected(why, gap) {
          suspectedGap = gap;
          finish(session, why);
        },
        redirect: (redirection) => {
          // We spoke with this one until now, and not only when its session began: its own return is a loop too.
          const next = refuseAddresses(redirection, channel.peer) ?? followRedirection(noteSpoken(where, to.host, clock.now()), redirection, clock.now());
          if ("refused" in next) {
            ports.log("warn", `upstream ${options.name}: ${next.refused}`);
            return next.refused;
          }
          where = next;
          ports.log("info", `upstream ${options.name}: redirected to ${redirection.client}`);
          // The answer has to leave before the session ends.
          clock.after(100, () => { finish(session, `redirected to ${redirection.client}`, true); });
          return undefined;
        },
      },
    );
    end(); // of the session over TCP, if UDP has become available
    live = { session, channel };
    where = noteSpoken(where, to.host, clock.now());
    cancelPlans = plan(to, channel.transport);
    history = { ...history, failures: 0, unsent: 0, hadSession: true, atOnce: false };
    become({ state: "connected", transport: channel.transport, peer: channel.peer, local: channel.localAddress ?? null, lastError: null, sessions: status.sessions + 1 });
    ports.log("info", `upstream ${options.name}: session with ${channel.peer} over ${channel.transport}${channel.secured === undefined ? "" : ` (${channel.secured})`}`);
    return session;
  };

  const finish = (session: Session, reason: string, atOnce = false): void => {
    if (live?.session !== session) return;
    end();
    const settled = clock.now() - status.since >= settledAfter;
    history = atOnce ? { ...noHistory, hadSession: true, atOnce } : { ...history, unsettled: settled ? 0 : (history.unsettled ?? 0) + 1 };
    become({ state: "connecting", transport: null, peer: null, local: null, lastError: reason });
    ports.log("warn", `upstream ${options.name}: session ended: ${reason}`);
    dialLater();
  };

  const end = (): void => {
    cancelPlans();
    live?.session.close();
    live?.channel.close();
    live = undefined;
  };

  const failed = (to: DialAddress, reason: string, nothingSent: boolean): void => {
    suspectedGap = undefined; // an outage: the path, or the peer, is not there
    if (where.alternate) {
      // Given up for the upstream that the owner configured, with which the session was: the next attempt is the first since.
      where = noteUnreachable(where, to.host, clock.now());
      history = { ...noHistory, hadSession: true };
    } else if (nothingSent) history = { ...history, unsent: (history.unsent ?? 0) + 1 };
    else history = { ...history, failures: history.failures + 1, unsent: 0 };
    become({ lastError: reason });
    ports.log("warn", `upstream ${options.name}: no session with ${to.host}: ${reason}`);
    dialLater();
  };

  const reconnect = (): void => {
    if (stopped) return;
    const now = clock.now();
    if ((ordered.at(-1) ?? now) > now) return; // it waits for its turn already
    interrupt();
    end();
    path = anyPath;
    suspectedGap = undefined;
    history = noHistory;
    become({ state: "connecting", transport: null, peer: null, local: null });
    const from = orderedDialFrom(ordered, now);
    ordered = [...ordered, from].slice(-orderedAtOnce);
    dialLater(from - now);
  };

  const networkChanged = (): void => {
    if (stopped) return;
    if (live) {
      void leaveLostPath(live);
      return;
    }
    changedAt = clock.now();
    cancelSettling ??= clock.after(settlesAfter, () => {
      cancelSettling = undefined;
      if (status.state === "backing-off") reconnect();
    });
  };
  const leaveLostPath = async ({ session, channel }: NonNullable<typeof live>): Promise<void> => {
    const problem = await channel.pathProblem?.().catch(() => undefined);
    if (problem === undefined || live?.session !== session) return;
    ports.log("warn", `upstream ${options.name}: session ended: ${problem}`);
    become({ lastError: problem });
    reconnect();
  };

  dialLater();
  return {
    name: options.name,
    status: report,
    mitigationChanged: (mitigation) => { live?.session.mitigationChanged(mitigation); },
    setMitigating(next) {
      mitigating = next;
      live?.session.setMitigating(next);
      returnHome();
    },
    reconnect,
    networkChanged,
    stop() {
      stopped = true;
      cancelSettling?.();
      interrupt();
      end();
    },
  };
}
