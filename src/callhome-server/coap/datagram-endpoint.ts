import type { Clock, Instant } from "../../model/time.ts";
import type { CoapEndpoint, EndpointEvents, OwnRequest, TransmissionParameters } from "./endpoint.ts";
import {
  decodeDatagram, encodeDatagram, isRequest, isResponse, nothing, tokenKey, withMessageId,
  type CoapContent, type CoapDatagram, type MessageType,
} from "./message.ts";
import { readRequest, requestContent, responseContent, type CoapResponse } from "./request.ts";

export interface DatagramIo {
  transmit(datagram: Uint8Array): void;
  readonly clock: Clock;
  /** Unpredictable bytes, for tokens and the first message ID (RFC 7252 §11.4). */
  randomBytes(count: number): Uint8Array;
  transmission(): TransmissionParameters;
}

/** How long a message ID is remembered: EXCHANGE_LIFETIME, the longer of the two (RFC 7252 §4.8.2). */
const exchangeLifetime = 247_000;
/** A CON that is not answered by now gets an empty ACK, before the peer's first retransmission after ACK_TIMEOUT. */
const acknowledgeAfter = 1_000;
/** A body of this size, with CoAP, DTLS, UDP and IPv6 headers, stays below a PMTU of 1280 bytes (RFC 9132 §7.3). */
const largestBlock = 1_024;
/** Bounds on what a peer can make us remember. */
const maxRemembered = 8_192; // message IDs: 33 a second
const maxReplies = 512;
const maxReplyBytes = 131_072;
const maxNotified = 64;
const maxUnanswered = 16;

interface Remembered {
  readonly until: Instant;
  /** What to send again when the same request comes again; undefined while the answer is being made, and when there is none. */
  reply: Uint8Array | undefined;
}

interface Unanswered {
  readonly messageId: number;
  readonly answered: (answer: CoapContent | "timeout" | "reset") => void;
  readonly stopWaiting: () => void;
}

/** The message layer of CoAP over UDP (RFC 7252 §4): de-duplication, ACK and RST, retransmission of our CONs. */
export function createDatagramEndpoint(io: DatagramIo, events: EndpointEvents): CoapEndpoint {
  const remembered = new Map<number, Remembered>();
  /** Those of the remembered ones whose replies are kept, and the bytes of these. */
  const replying = new Map<number, Remembered>();
  let replyBytes = 0;
  const notified = new Map<number, Uint8Array>();
  const unanswered = new Map<string, Unanswered>();
  const retransmitted = new Map<number, () => void>();
  const [high = 0, low = 0] = io.randomBytes(2);
  let nextMessageId = (high << 8) | low;
  let closed = false;
  const isClosed = (): boolean => closed;

  const newMessageId = (): number => {
    nextMessageId = (nextMessageId + 1) & 0xffff;
    return nextMessageId;
  };

  const send = (type: MessageType, messageId: number, content: CoapContent): Uint8Array => {
    const datagram = encodeDatagram({ type, messageId, ...content });
    if (!closed) io.transmit(datagram);
    return datagram;
  };

  const sendEmpty = (type: "CON" | "ACK" | "RST", messageId: number): Uint8Array =>
    send(type, messageId, { code: "0.00", token: nothing, options: [], payload: nothing });

  /** RFC 7252 §4.2: until it is acknowledged, rejected, or MAX_RETRANSMIT is reached. */
  const sendConfirmable = (content: CoapContent): void => {
    const messageId = newMessageId();
    const datagram = send("CON", messageId, content);
    const { ackTimeout, ackRandomFactor, maxRetransmit } = io.transmission();
    const [random = 0] = io.randomBytes(1);
    let timeout = ackTimeout * (1 + (ackRandomFactor - 1) * (random / 255));
    let left = maxRetransmit;
    const wait = (): void => {
      retransmitted.set(messageId, io.clock.after(timeout, () => {
        retransmitted.delete(messageId);
        if (left-- <= 0) return;
        timeout *= 2;
        io.transmit(datagram);
        wait();
      }));
    };
    if (retransmitted.size < maxUnanswered) wait();
  };

  const remember = (messageId: number): Remembered => {
    const entry: Remembered = { until: io.clock.now() + exchangeLifetime, reply: undefined };
    remembered.set(messageId, entry);
    dropOldest(remembered, maxRemembered);
    return entry;
  };

  /** Keeps the reply for the case that the request comes again; the oldest replies make room. */
  const keepReply = (messageId: number, entry: Remembered, reply: Uint8Array): void => {
    forgetReply(messageId);
    entry.reply = reply;
    replyBytes += reply.length;
    replying.set(messageId, entry);
    for (const oldest of replying.keys()) {
      if (replying.size <= maxReplies && replyBytes <= maxReplyBytes) return;
      forgetReply(oldest);
    }
  };

  const forgetReply = (messageId: number): void => {
    const entry = replying.get(messageId);
    if (!entry) return;
    replyBytes -= entry.reply?.length ?? 0;
    entry.reply = undefined;
    replying.delete(messageId);
  };

  const answer = async (message: CoapDatagram): Promise<void> => {
    const entry = remember(message.messageId);
    const keep = (reply: Uint8Array): void => { keepReply(message.messageId, entry, reply); };
    const stopWaiting = message.type === "CON"
      ? io.clock.after(acknowledgeAfter, () => { keep(sendEmpty("ACK", message.messageId)); })
      : () => undefined;
    const read = readRequest(message);
    const response = "refused" in read ? read.refused : await events.request(read);
    stopWaiting();
    if (isClosed()) return;
    if (!response) {
      if (message.type === "CON" && !entry.reply) keep(sendEmpty("ACK", message.messageId));
      return;
    }
    const content = responseContent(message.token, response);
    if (message.type === "NON") keep(send("NON", newMessageId(), content));
    else if (entry.reply) sendConfirmable(content); // acknowledged already: a separate response (RFC 7252 §5.2.2)
    else keep(send("ACK", message.messageId, content));
  };

  const receiveRequest = (message: CoapDatagram): void => {
    const known = remembered.get(message.messageId);
    if (known && known.until > io.clock.now()) {
      // RFC 7252 §4.5: neither is executed twice, and a duplicate CON gets the same answer again. A duplicate NON SHOULD get none; but
      // RFC 9132 §4.4 has the client send one "at regular intervals until a response is received", and some repeat the same message.
      if (known.reply && !closed) io.transmit(message.type === "CON" ? known.reply : withMessageId(known.reply, newMessageId()));
      return;
    }
    remembered.delete(message.messageId);
    forgetReply(message.messageId);
    void answer(message);
  };

  const receiveResponse = (message: CoapDatagram): void => {
    const waiting = unanswered.get(tokenKey(message.token));
    if (message.type === "CON") sendEmpty(waiting ? "ACK" : "RST", message.messageId);
    if (!waiting) return;
    forget(message.token, waiting);
    waiting.answered(message);
  };

  const receiveReset = (messageId: number): void => {
    stopRetransmitting(messageId);
    const token = notified.get(messageId);
    if (token) {
      notified.delete(messageId);
      events.forgotten(token);
    }
    for (const [key, waiting] of unanswered) {
      if (waiting.messageId !== messageId) continue;
      unanswered.delete(key);
      waiting.stopWaiting();
      waiting.answered("reset");
    }
  };

  const stopRetransmitting = (messageId: number): void => {
    retransmitted.get(messageId)?.();
    retransmitted.delete(messageId);
  };

  const forget = (token: Uint8Array, waiting: Unanswered): void => {
    unanswered.delete(tokenKey(token));
    waiting.stopWaiting();
  };

  return {
    receive(bytes) {
      if (closed) return;
      events.heard();
      const message = decodeDatagram(bytes);
      if ("is" in message) {
        // RFC 7252 §4.2: a CON that cannot be processed is rejected; anything else is ignored.
        if (message.type === "CON" && message.messageId !== undefined) sendEmpty("RST", message.messageId);
        return;
      }
      const request = isRequest(message.code) && (message.type === "CON" || message.type === "NON");
      const response = isResponse(message.code) && message.type !== "RST";
      const empty = message.code === "0.00";
      if (!request && !response && !empty) {
        if (message.type === "CON") sendEmpty("RST", message.messageId);
        return;
      }
      if (message.type === "ACK") stopRetransmitting(message.messageId);
      if (request) receiveRequest(message);
      else if (response) receiveResponse(message);
      else if (message.type === "RST") receiveReset(message.messageId);
      else if (message.type === "CON") sendEmpty("RST", message.messageId); // RFC 7252 §4.3: CoAP ping
    },

    request(ask: OwnRequest, answered) {
      if (closed || unanswered.size >= maxUnanswered) {
        answered("timeout");
        return;
      }
      const token = io.randomBytes(4);
      const messageId = newMessageId();
      const stopWaiting = io.clock.after(ask.timeout, () => {
        unanswered.delete(tokenKey(token));
        answered("timeout");
      });
      unanswered.set(tokenKey(token), { messageId, answered, stopWaiting });
      send("NON", messageId, requestContent(ask.code, token, ask.path, ask.body));
    },

    ping: () => { sendEmpty("CON", newMessageId()); },

    notify(token: Uint8Array, response: CoapResponse) {
      if (closed) return;
      const messageId = newMessageId();
      notified.set(messageId, token);
      dropOldest(notified, maxNotified);
      send("NON", messageId, responseContent(token, response));
    },

    largestPayload: () => largestBlock,

    close() {
      closed = true;
      for (const waiting of unanswered.values()) waiting.stopWaiting();
      for (const stop of retransmitted.values()) stop();
      for (const map of [remembered, replying, notified, unanswered, retransmitted]) map.clear();
      replyBytes = 0;
    },
  };
}

/** Keeps a Map at `most` entries; it iterates in the order of insertion. */
function dropOldest<K, V>(map: Map<K, V>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
