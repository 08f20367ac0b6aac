import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { randomFillSync } from "node:crypto";
import { type DtlsCredentials, type DtlsEffect, type DtlsFailureCause, type DtlsHost, type DtlsModule, DtlsSession } from "dtls-wasm";
import { unsendable } from "../files/path-problem.ts";

export interface DialTarget {
  /** An IP literal: names are resolved by the caller, which also chooses among the addresses. */
  readonly address: string;
  readonly port: number;
  readonly serverName: string;
  readonly credentials: DtlsCredentials;
  readonly localAddress?: string;
  /** The longest datagram to send; default 1200. */
  readonly mtu?: number;
  /** From an earlier channel's saveSession(). */
  readonly resume?: Uint8Array;
  /** Default 1 to 60 s (RFC 6347 §4.2.4.1). */
  readonly handshakeTimer?: { readonly minMs: number; readonly maxMs: number };
}

/** Why there is no channel, or no longer. */
export type DialFailure =
  & (
    | DtlsFailureCause
    /** This host has no route, or the local address cannot be used. */
    | { readonly reason: "unreachable" }
    /** ICMP said that nobody listens there, and nothing else was heard. */
    | { readonly reason: "refused" }
    /** The caller's signal. */
    | { readonly reason: "aborted" }
  )
  & {
    readonly text: string;
    /** Whether another attempt may go better although nothing is changed here. */
    readonly retryable: boolean;
  };

/** An attempt to dial that failed, with its cause. */
export class DialError extends Error {
  readonly failure: DialFailure;

  constructor(failure: DialFailure) {
    super(failure.text);
    this.name = "DialError";
    this.failure = failure;
  }
}

/**
 * A DTLS session over a socket of its own. Beside a Channel of callhome-server it says whether a message went out, and ends with
 * a failure that dial-upstream puts into words.
 */
export interface DtlsChannel {
  readonly transport: "udp";
  /** "203.0.113.1:4647" or "[2001:db8::1]:4647" */
  readonly peer: string;
  readonly details: { readonly cipherSuite: string; readonly resumed: boolean; readonly connectionId: boolean };
  /** The address that it sends from. */
  readonly localAddress: string;
  /** The longest message that send() takes. */
  readonly maxMessageBytes: number;
  /** False: not sent, since it is longer than maxMessageBytes or the channel is closed. True says nothing about its arrival. */
  send(message: Uint8Array): boolean;
  /** Says goodbye to the peer. The closed event does not follow. */
  close(): void;
  saveSession(): Uint8Array | undefined;
}

export interface DtlsChannelEvents {
  message(bytes: Uint8Array): void;
  /** Once, unless close() was called. */
  closed(failure: DialFailure): void;
  /** A datagram of an open channel could not be sent, for a reason that lies on this side. */
  unsendable?(): void;
}

export interface DialOptions {
  readonly signal?: AbortSignal;
  /** How long an attempt may take. Default 25,000: retransmissions at 1, 3, 7 and 15 s, then 10 s to hear an answer. */
  readonly giveUpMs?: number;
}

const host: DtlsHost = {
  random: (into) => {
    randomFillSync(into);
  },
  nowMs: () => performance.now(),
  unixSeconds: () => Date.now() / 1000,
};

/** Connects a UDP socket of its own and makes a DTLS handshake over it. Rejects with a DialError. */
export function dialDtls(
  module: DtlsModule,
  target: DialTarget,
  events: DtlsChannelEvents,
  options: DialOptions = {},
): Promise<DtlsChannel> {
  const { signal, giveUpMs = 25_000 } = options;
  const session = new DtlsSession(module, target, host);

  return new Promise((resolve, reject) => {
    let at: "dialling" | "open" | "closed" = "dialling";
    let retransmit: NodeJS.Timeout | undefined;
    let refused = false; // by ICMP, which anybody can forge: remembered for the error's text, never believed
    // An IP literal. The expression that net.isIPv6 compiles costs 10 ms of the start, and 200 KB.
    const isIpv6 = target.address.includes(":");
    const socket = createSocket({ type: isIpv6 ? "udp6" : "udp4" });
    // The socket keeps the process alive as long as the channel exists; timers need not.
    const giveUp = setTimeout(() => {
      perform(session.giveUp());
    }, giveUpMs).unref();
    const abort = (): void => {
      end({ reason: "aborted", text: "the dialling was called off", retryable: false });
    };

    function end(failure: DialFailure): void {
      if (at === "closed") return;
      const before = at;
      release();
      if (before === "dialling") reject(new DialError(failure));
      else events.closed(failure);
    }

    function release(): void {
      at = "closed";
      clearTimeout(giveUp);
      clearTimeout(retransmit);
      signal?.removeEventListener("abort", abort);
      for (const effect of session.close()) if (effect.is === "transmit") transmit(effect.datagram);
      closeSocket(socket);
    }

    function perform(effects: readonly DtlsEffect[]): void {
      for (const [index, effect] of effects.entries()) {
        // The consumer of a message may close the channel: what is left is then not its business any more.
        if (at === "closed") return;
        switch (effect.is) {
          case "transmit":
            transmit(effect.datagram);
            break;
          case "data":
            events.message(effect.bytes);
            break;
          case "connected":
            open(effect);
            // Data in the same datagram: not before the caller has the channel in hand to answer on.
            setImmediate(() => {
              perform(effects.slice(index + 1));
            });
            return;
          case "closed":
            end(explain(effect.failure));
            break;
        }
      }
      schedule();
    }

    function transmit(datagram: Uint8Array): void {
      // What the kernel does not take is a lost datagram, which the handshake sends again.
      socket.send(datagram, notice);
    }

    // The kernel reports ICMP errors of a connected socket when it next sends or receives. They are not authenticated, so
    // they end nothing; node's socket goes on receiving.
    function notice(error: NodeJS.ErrnoException | null): void {
      if (error?.code === "ECONNREFUSED") refused = true;
      else if (at === "open" && unsendable.has(error?.code)) events.unsendable?.();
    }

    function explain(failure: DialFailure): DialFailure {
      return failure.reason === "timeout" && refused
        ? { reason: "refused", text: "nobody listens on the server's UDP port (ICMP port unreachable)", retryable: true }
        : failure;
    }

    function schedule(): void {
      clearTimeout(retransmit);
      const wait = session.nextTimeoutMs();
      if (at === "dialling" && wait !== undefined)
        retransmit = setTimeout(() => {
          perform(session.onTimer());
        }, wait).unref();
    }

    function open(details: DtlsChannel["details"]): void {
      at = "open";
      clearTimeout(giveUp);
      signal?.removeEventListener("abort", abort);
      resolve({
        transport: "udp",
        peer: isIpv6 ? `[${target.address}]:${String(target.port)}` : `${target.address}:${String(target.port)}`,
        details: { cipherSuite: details.cipherSuite, resumed: details.resumed, connectionId: details.connectionId },
        localAddress: socket.address().address,
        get maxMessageBytes() {
          return session.maxMessageBytes;
        },
        send(message) {
          if (at !== "open" || message.length > session.maxMessageBytes) return false;
          perform(session.send(message));
          return true;
        },
        close() {
          if (at === "open") release();
        },
        saveSession: () => session.saveSession(),
      });
    }

    // Without a listener an error would end the process.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.syscall === "bind") end(unreachable(error));
      else notice(error);
    });
    socket.on("message", (datagram) => {
      perform(session.receive(datagram));
    });

    const connect = (): void => {
      // A connected socket: the kernel drops what comes from any other address or port.
      socket.connect(target.port, target.address, ((error?: NodeJS.ErrnoException) => {
        if (at === "closed") return;
        if (error) end(unreachable(error));
        else perform(session.start());
      }) as () => void);
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener("abort", abort, { once: true });
    if (target.localAddress === undefined) connect();
    else socket.bind({ address: target.localAddress, exclusive: true }, connect);
  });
}

function unreachable(error: NodeJS.ErrnoException): DialFailure {
  return { reason: "unreachable", text: `the server cannot be reached: ${error.message}`, retryable: true };
}

/** After what was sent has left. */
function closeSocket(socket: Socket): void {
  setImmediate(() => {
    try {
      socket.close();
    } catch {
      // It was never opened, or closed itself when binding failed.
    }
  });
}
