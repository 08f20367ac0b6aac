import { later, milliseconds, type SteadyClock, type SteadyInstant } from "../../model/time.ts";
import { dropOldest } from "./drop-oldest.ts";

/** A request of the peer's, and what was sent back. */
export interface Exchange {
  /** What to send when the same request comes again; undefined while the answer is being made, and when there is none, or none any more. */
  reply: Uint8Array | undefined;
  readonly messageId: number;
  readonly until: SteadyInstant;
}

/** Requests that have come lately, by message ID, so that none is executed twice (RFC 7252 §4.5). */
export interface Exchanges {
  /** Undefined if it is a new one, or the ID has been free for long enough to be used again (§4.4). */
  known(messageId: number): Exchange | undefined;
  /** Forgets what had the ID before. */
  begin(messageId: number): Exchange;
  /** The only one to set `reply`. */
  keepReply(exchange: Exchange, reply: Uint8Array): void;
  clear(): void;
}

/** How long a message ID is remembered: EXCHANGE_LIFETIME, the longer of the two (RFC 7252 §4.8.2). */
const exchangeLifetime = milliseconds(247_000);
/** Bounds on what a peer can make us remember. */
const mostRemembered = 8_192; // message IDs: 33 a second
const mostReplies = 512;
const mostReplyBytes = 131_072;

/** Remembers exchanges within bounds: the oldest replies make room first, then the oldest message IDs. */
export function rememberExchanges(clock: Pick<SteadyClock, "now">): Exchanges {
  const exchanges = new Map<number, Exchange>();
  /** Those whose replies are kept, and the bytes of these. */
  const replying = new Map<number, Exchange>();
  let replyBytes = 0;
  const forgetReply = (messageId: number): void => {
    const exchange = replying.get(messageId);
    if (!exchange) return;
    replyBytes -= exchange.reply?.length ?? 0;
    exchange.reply = undefined;
    replying.delete(messageId);
  };
  return {
    known(messageId) {
      const exchange = exchanges.get(messageId);
      return exchange && exchange.until > clock.now() ? exchange : undefined;
    },
    begin(messageId) {
      exchanges.delete(messageId);
      forgetReply(messageId);
      const exchange: Exchange = { messageId, until: later(clock.now(), exchangeLifetime), reply: undefined };
      exchanges.set(messageId, exchange);
      dropOldest(exchanges, mostRemembered);
      return exchange;
    },
    keepReply(exchange, reply) {
      forgetReply(exchange.messageId);
      exchange.reply = reply;
      replyBytes += reply.length;
      replying.set(exchange.messageId, exchange);
      for (const oldest of replying.keys()) {
        if (replying.size <= mostReplies && replyBytes <= mostReplyBytes) return;
        forgetReply(oldest);
      }
    },
    clear() {
      exchanges.clear();
      replying.clear();
      replyBytes = 0;
    },
  };
}
