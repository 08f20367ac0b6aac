import type { Mitigation } from "../model/mitigation.ts";
import type { Clock, Instant } from "../model/time.ts";
import { dialDelay } from "./backoff.ts";
import type { MitigationService } from "./dots/dots-service.ts";
import { atHome, followRedirection, isOver, noteSpoken, type Whereabouts } from "./redirection.ts";
import { openSession, type Session } from "./session.ts";

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
  send(message: Uint8Array): void;
  close(): void;
}

export interface ChannelEvents {
  message(bytes: Uint8Array): void;
  /** It ended, not by our close(). */
  closed(reason: string): void;
}

/** Dials once, with all addresses and transports that are to be tried; rejects with an Error whose message says why not. */
export type Dial = (
  to: DialAddress, events: ChannelEvents, how: { readonly signal: AbortSignal; /** An attack is under way. */ readonly mitigating: boolean },
) => Promise<Channel>;

export interface UpstreamPorts {
  readonly clock: Clock;
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
}

export interface UpstreamStatus {
  readonly state: "connected" | "connecting" | "backing-off";
  readonly transport: "udp" | "tcp" | null;
  readonly peer: string | null;
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
  /** Dials at once, as when the WAN has come up. */
  reconnect(): void;
  stop(): void;
}

export function startUpstream(options: UpstreamOptions, ports: UpstreamPorts, mitigations: MitigationService, changed: (status: UpstreamStatus) => void): Upstream {
  const { clock } = ports;
  let status: UpstreamStatus = { state: "connecting", transport: null, peer: null, since: clock.now(), lastError: null, sessions: 0 };
  let live: { readonly session: Session; readonly channel: Channel } | undefined;
  let where: Whereabouts = atHome;
  let history = { failures: 0, hadSession: false };
  let mitigating = false;
  /** Ends the attempt or the wait that is under way. */
  let interrupt: () => void = () => undefined;
  let stopped = false;

  const become = (next: Partial<UpstreamStatus>): void => {
    status = { ...status, ...next, since: next.state && next.state !== status.state ? clock.now() : status.since };
    if (next.state) changed(status);
  };

  const dialLater = (): void => {
    if (stopped) return;
    const delay = dialDelay(history, ports.random());
    if (delay > 0) become({ state: "backing-off", transport: null, peer: null });
    if (delay > 0) ports.log("info", `upstream ${options.name}: next attempt in ${Math.ceil(delay / 1000)} s`);
    interrupt = clock.after(delay, () => void dialNow());
  };

  const dialNow = async (): Promise<void> => {
    if (isOver(where, mitigating, clock.now())) where = { ...where, alternate: null };
    const to = where.alternate ? { host: where.alternate.client, addresses: where.alternate.addresses } : { host: options.host, addresses: [] };
    const abort = new AbortController();
    interrupt = () => { abort.abort(); };
    become({ state: "connecting" });
    // Messages that come with the handshake's last flight wait for the session.
    let deliver: (message: Uint8Array) => void = () => undefined;
    let ended: (reason: string) => void = (reason) => { endedEarly = reason; };
    let endedEarly: string | undefined;
    try {
      const channel = await ports.dial(to, { message: (bytes) => { deliver(bytes); }, closed: (reason) => { ended(reason); } }, { signal: abort.signal, mitigating });
      if (abort.signal.aborted) {
        channel.close();
        return;
      }
      const session = begin(channel, to);
      deliver = (bytes) => { session.receive(bytes); };
      ended = (reason) => { finish(session, reason); };
      if (endedEarly !== undefined) finish(session, endedEarly);
    } catch (error) {
      if (abort.signal.aborted) return;
      failed(to, error instanceof Error ? error.message : String(error));
    }
  };

  const begin = (channel: Channel, to: DialAddress): Session => {
    const session = openSession(
      { upstream: options.name, requestRate: options.requestRate, mitigating, transport: channel.transport },
      {
        clock,
        randomBytes: (count) => ports.randomBytes(count),
        transmit: (message) => { channel.send(message); },
        trace: (line) => { ports.log("debug", `upstream ${options.name}: ${line}`); },
      },
      mitigations,
      {
        disconnected: (why) => { finish(session, why); },
        redirect: (redirection) => {
          const next = followRedirection(where, redirection, clock.now());
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
    live = { session, channel };
    where = noteSpoken(where, to.host, clock.now());
    history = { failures: 0, hadSession: true };
    become({ state: "connected", transport: channel.transport, peer: channel.peer, lastError: null, sessions: status.sessions + 1 });
    ports.log("info", `upstream ${options.name}: session with ${channel.peer} over ${channel.transport}`);
    return session;
  };

  const finish = (session: Session, reason: string, atOnce = false): void => {
    if (live?.session !== session) return;
    end();
    if (atOnce) history = { failures: 0, hadSession: false };
    become({ state: "connecting", transport: null, peer: null, lastError: reason });
    ports.log("warn", `upstream ${options.name}: session ended: ${reason}`);
    dialLater();
  };

  const end = (): void => {
    live?.session.close();
    live?.channel.close();
    live = undefined;
  };

  const failed = (to: DialAddress, reason: string): void => {
    history = { ...history, failures: history.failures + 1 };
    // An alternate that cannot be reached is given up for the upstream that the owner configured.
    if (where.alternate) where = { ...where, alternate: null };
    become({ lastError: reason });
    ports.log("warn", `upstream ${options.name}: no session with ${to.host}: ${reason}`);
    dialLater();
  };

  dialLater();
  return {
    name: options.name,
    status: () => status,
    mitigationChanged: (mitigation) => { live?.session.mitigationChanged(mitigation); },
    setMitigating(next) {
      mitigating = next;
      live?.session.setMitigating(next);
    },
    reconnect() {
      if (stopped) return;
      interrupt();
      end();
      history = { failures: 0, hadSession: false };
      become({ state: "connecting", transport: null, peer: null });
      dialLater();
    },
    stop() {
      stopped = true;
      interrupt();
      end();
    },
  };
}
