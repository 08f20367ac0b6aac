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

/** Messages that are kept for a session that is about to begin. */
const mostEarly = 16;

/** What a channel says while it is dialled, and then to whoever listens. */
export interface ChannelEar extends Pick<ChannelEvents, "message" | "closed"> {
  /** What came with the handshake's last flight comes first, and an end that came before there was a session at last. */
  passTo(listener: Pick<ChannelEvents, "message" | "closed">): void;
}

/** Keeps what a channel says, within bounds, until somebody listens. */
export function createChannelEar(): ChannelEar {
  const early: Uint8Array[] = [];
  let ended: string | undefined;
  let listener: Pick<ChannelEvents, "message" | "closed"> | undefined;
  return {
    message(bytes) {
      if (listener) listener.message(bytes);
      else if (early.length < mostEarly) early.push(bytes);
    },
    closed(reason) {
      if (listener) listener.closed(reason);
      else ended = reason;
    },
    passTo(next) {
      listener = next;
      for (const bytes of early.splice(0)) next.message(bytes);
      if (ended !== undefined) next.closed(ended);
    },
  };
}
