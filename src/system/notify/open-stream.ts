import { constants } from "node:crypto";
import { connect, isIP, type Socket } from "node:net";
import { attemptDelay, orderCandidates, raceCandidates, waysTo } from "../../callhome-server/happy-eyeballs.ts";
import type { Milliseconds, SteadyClock } from "../../model/time.ts";
import { resolveHost } from "../dial/resolve-host.ts";

/** A server of the owner's: a broker, or a receiver of messages. */
export interface StreamTarget {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Undefined: plain TCP. `ca`: PEM, instead of the public authorities. */
  readonly tls?: { readonly ca: string | undefined };
}

/**
 * Connects over TCP, and TLS where wanted. All addresses of a name are in the race, each begun a little after the one before, and none is
 * given up before `patience` is over: Node's own dialling gives each address 250 ms, so that one lost SYN fails it. Rejects with an Error that says why.
 */
export async function openStream(target: StreamTarget, patience: Milliseconds, clock: SteadyClock, signal?: AbortSignal): Promise<Socket> {
  const abort = new AbortController();
  const callOff = (): void => {
    abort.abort();
  };
  if (signal?.aborted) callOff();
  signal?.addEventListener("abort", callOff, { once: true });
  const stop = clock.after(patience, callOff);
  try {
    // Before there is a socket: one that closes meanwhile would not be noticed.
    const tls = target.tls && await import("node:tls");
    const socket = await connectTcp(target, clock, abort.signal);
    return target.tls && tls ? await beginTls(tls, socket, target.host, target.tls.ca, abort.signal) : socket;
  } catch (error) {
    throw abort.signal.aborted && signal?.aborted !== true ? new Error(`no answer within ${patience / 1000} s`, { cause: error }) : error;
  } finally {
    stop();
    signal?.removeEventListener("abort", callOff);
  }
}

async function connectTcp({ host, port }: StreamTarget, clock: SteadyClock, signal: AbortSignal): Promise<Socket> {
  const addresses = await unlessAborted(resolveHost(host), signal);
  const { result } = await raceCandidates<Socket>({
    candidates: orderCandidates(waysTo(addresses, ["tcp"], port), undefined, clock.now()),
    delay: attemptDelay.idle,
    clock,
    signal,
    discard: (socket) => {
      socket.destroy();
    },
    dial: ({ address }, attempt) => settle(connect({ host: address, port, noDelay: true }), "connect", attempt),
  });
  return result;
}

async function beginTls(tls: typeof import("node:tls"), socket: Socket, host: string, ca: string | undefined, signal: AbortSignal): Promise<Socket> {
  const secured = tls.connect({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host.replace(/\.$/, "") } : {}),
    ...(ca === undefined ? {} : { ca }),
    minVersion: "TLSv1.2",
    rejectUnauthorized: true, // whatever the environment says
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
  await settle(secured, "secureConnect", signal);
  return secured;
}

/** Resolves once the socket is that far. A socket that gets no further is destroyed. */
function settle<S extends Socket>(socket: S, event: "connect" | "secureConnect", signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      reject(error);
    };
    const abort = (): void => {
      fail(new Error("aborted"));
    };
    socket.on("error", fail); // stays: an error must not end the process before the next owner listens
    socket.once("close", () => {
      fail(new Error("the server closed the connection"));
    });
    socket.once(event, () => {
      signal.removeEventListener("abort", abort);
      resolve(socket);
    });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

/** A resolver that hangs goes on hanging, in a thread of its own. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(new Error("aborted"));
    };
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", abort);
    });
  });
}
