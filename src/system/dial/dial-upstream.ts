import { NothingSent } from "../../callhome-server/backoff.ts";
import { isAllowedAlternate } from "../../callhome-server/redirection.ts";
import {
  attemptDelay,
  candidateKey,
  orderCandidates,
  raceCandidates,
  waysTo,
  type Candidate,
  type LastWinner,
  type Transport,
} from "../../callhome-server/happy-eyeballs.ts";
import type { Channel, ChannelEvents, Dial, DialAddress } from "../../callhome-server/channel.ts";
import type { Way } from "../../callhome-server/discovery/discover.ts";
import type { DtlsCredentials, DtlsModule } from "dtls-wasm";
import { parseIpAddress, type IpPrefix } from "../../model/ip-prefix.ts";
import type { SteadyClock, SteadyInstant } from "../../model/time.ts";
import { errorText } from "../../text/error-text.ts";
import { DialError, dialDtls } from "./dial-dtls.ts";
import { pathProblem } from "../files/path-problem.ts";
import { resolveHost, type ResolvedAddress } from "./resolve-host.ts";
import { dialTls, TlsDialError, type TlsChannel } from "./dial-tls.ts";

export interface DialSettings {
  /** Name or address; of an upstream that is discovered, what it is called. */
  readonly host: string;
  readonly port: number;
  /** The name that the configured host is verified as. */
  readonly serverName: string;
  readonly credentials: DtlsCredentials;
  readonly transports: readonly Transport[];
  /** Finds the ways to the configured host, where they are discovered (RFC 8973). Rejects where there are none. */
  readonly discover?: (signal: AbortSignal) => Promise<readonly Way[]>;
  /** Addresses to dial from, of the device that the upstream is bound to or was discovered on; a family without one is not dialled. Undefined = any. */
  localAddresses(device?: string): readonly { readonly address: string; readonly family: 4 | 6 }[] | undefined;
  /** No session begins before. A handshake over UDP does, since what is lost meanwhile is sent again. */
  readonly ready?: Promise<void>;
  readonly clock: SteadyClock;
  /** The networks inside the home: an alternate that a provider names is not dialled there. */
  readonly inside?: () => Promise<readonly IpPrefix[]>;
}

/**
 * Attempts at one address before it counts as failed: an alert or a malformed record during the handshake can be forged by
 * anybody who guesses the port, and a new socket has a new one.
 */
const attemptsPerAddress = 2;
const mostOutcomes = 32;
/**
 * RFC 6347 §4.2.4.1 recommends to begin at 1 s. Where calling home matters most, an attack fills the uplink: at 30 % loss each way, 28 of 30
 * handshakes come about within 25 s from 0.5 s on, and 26 from 1 s on. It still doubles, so that a dead path is not pounded.
 */
const handshakeTimer = { minMs: 500, maxMs: 60_000 };

/** Dials an upstream: resolves its name and races its addresses and transports (RFC 9132 §4.3). */
export function openDial(module: DtlsModule, settings: DialSettings): Dial {
  const { clock, credentials } = settings;
  const dtlsSessions = new Map<string, Uint8Array>();
  const tlsSessions = new Map<string, Buffer>();
  const winners = new Map<string, LastWinner>();
  /** Where the configured host was last found. */
  let home: string | undefined;
  const failed = new Map<string, SteadyInstant>();

  const dialUdp = async ({ address, port, serverName }: Way, localAddress: string | undefined, events: ChannelEvents,
    signal: AbortSignal): Promise<Channel> => {
    // A resumed session verifies nothing again: it is for this name only.
    const key = `${serverName} ${address} ${port}`;
    for (let attempt = 1;; attempt++) {
      const resume = dtlsSessions.get(key);
      dtlsSessions.delete(key); // one that fails is not offered again
      try {
        const channel = await dialDtls(
          module,
          { address, port, serverName, credentials, ...(resume ? { resume } : {}), ...(localAddress === undefined ? {} : { localAddress }), handshakeTimer },
          {
            message: (bytes) => {
              events.message(bytes);
            },
            closed: ({ text }) => {
              events.closed(text);
            },
            unsendable: () => {
              events.unsendable?.();
            },
          },
          { signal },
        );
        const saved = channel.saveSession();
        if (saved) remember(dtlsSessions, key, saved);
        await settings.ready;
        const { cipherSuite, resumed } = channel.details;
        return Object.assign(channel, {
          secured: describe("DTLSv1.2", cipherSuite, resumed),
          pathProblem: () => pathProblem({ local: channel.localAddress, peer: address, port, isBound: localAddress !== undefined }),
        });
      } catch (error) {
        if (attempt >= attemptsPerAddress || !(error instanceof DialError) || !isWorthAnotherPort(error)) throw error;
      }
    }
  };

  const dialTcp = async ({ address, port, serverName }: Way, localAddress: string | undefined, events: ChannelEvents,
    signal: AbortSignal): Promise<Channel> => {
    await settings.ready;
    const key = `${serverName} ${address} ${port}`; // as for DTLS
    const session = tlsSessions.get(key);
    tlsSessions.delete(key);
    const attempt = (resume: Buffer | undefined): Promise<TlsChannel> =>
      dialTls(
        { address, port, serverName, credentials, ...(resume ? { session: resume } : {}), ...(localAddress === undefined ? {} : { localAddress }) },
        events,
        {
          signal,
          onSession: (ticket) => {
            remember(tlsSessions, key, ticket);
          },
        },
      );
    const channel = await attempt(session).catch((error: unknown) => {
      // Servers that cannot resume what they offered end the handshake (OpenSSL without a session id context).
      if (session && !signal.aborted && error instanceof TlsDialError && error.connected) return attempt(undefined);
      throw error;
    });
    const { protocol, cipherSuite, resumed } = channel.details;
    return Object.assign(channel, {
      secured: describe(protocol, cipherSuite, resumed),
      pathProblem: () => pathProblem({ local: channel.localAddress, peer: address, port, isBound: localAddress !== undefined }),
    });
  };

  /** RFC 9132 §4.3: the outcome of each attempt is cached. */
  const noteFailure = (candidate: Candidate): void => {
    remember(failed, candidateKey(candidate), clock.now());
  };

  /** Of an alternate: whatever its name resolves to. */
  const allowed = async (addresses: readonly ResolvedAddress[]): Promise<ResolvedAddress[]> => {
    const own = home === undefined ? undefined : parseIpAddress(home);
    const inside = await settings.inside?.() ?? [];
    const rest = addresses.filter(({ address }) => {
      const parsed = parseIpAddress(address);
      return parsed !== undefined && isAllowedAlternate(parsed, own, inside);
    });
    if (rest.length === 0) throw new Error("the alternate's addresses are not of the internet");
    return rest;
  };

  const waysOf = async (to: DialAddress, signal: AbortSignal): Promise<readonly Way[]> => {
    const isHome = to.host === settings.host;
    if (isHome && settings.discover) return settings.discover(signal);
    const resolved = await resolve(to.addresses.length > 0 ? to.addresses : [to.host]);
    const serverName = isHome ? settings.serverName : to.host;
    return waysTo(isHome ? resolved : await allowed(resolved), settings.transports, settings.port).map((way) => ({ ...way, serverName }));
  };

  return async (to, events, { signal, mitigating, udpOnly = false }) => {
    if (udpOnly && !settings.transports.includes("udp")) throw new Error("only TCP is configured");
    const ways = (await waysOf(to, signal)).filter(({ transport }) => !udpOnly || transport === "udp");
    if (ways.length === 0) throw new Error("there is no way but TCP");
    const from = ({ family, device }: Way): string | undefined => settings.localAddresses(device)?.find((each) => each.family === family)?.address;
    const reachable = ways.filter((way) => settings.localAddresses(way.device) === undefined || from(way) !== undefined);
    if (reachable.length === 0) throw new NothingSent("the device that it is bound to has no address of a family that it has");
    const dial = (candidate: Way, attempt: AbortSignal): Promise<Channel> =>
      (candidate.transport === "udp" ? dialUdp : dialTcp)(candidate, from(candidate), events, attempt).catch((error: unknown) => {
        if (!attempt.aborted) noteFailure(candidate);
        throw hasSentNothing(error) ? new NothingSent(errorText(error), { cause: error }) : error;
      });
    const { result, winner } = await raceCandidates({
      candidates: orderCandidates(reachable, winners.get(to.host), clock.now(), failed),
      dial,
      discard: (channel) => {
        channel.close();
      },
      delay: mitigating ? attemptDelay.mitigating : attemptDelay.idle,
      clock,
      signal,
    });
    failed.delete(candidateKey(winner));
    remember(winners, to.host, { candidate: winner, at: clock.now() });
    if (to.host === settings.host) home = winner.address;
    return result;
  };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > mostOutcomes && oldest !== undefined) map.delete(oldest);
}

/** There is no route, or the local address cannot be used. */
function hasSentNothing(error: unknown): boolean {
  return error instanceof DialError ? error.failure.reason === "unreachable" : error instanceof TlsDialError && !error.sent;
}

function describe(protocol: string, cipherSuite: string, resumed: boolean): string {
  return `${protocol}, ${cipherSuite}${resumed ? ", resumed" : ""}`;
}

function isWorthAnotherPort(error: DialError): boolean {
  const { failure } = error;
  // A peer that fell silent when our key was needed will do so again; only what it said may have been forged.
  return failure.reason === "alert" || failure.reason === "malformed" || (failure.reason === "bad-credentials" && failure.alert !== undefined);
}

async function resolve(hosts: readonly string[]): Promise<ResolvedAddress[]> {
  const all = await Promise.all(hosts.map((host) =>
    resolveHost(host).catch((error: unknown) => {
      throw new NothingSent(errorText(error), { cause: error });
    })
  ));
  return all.flat();
}
