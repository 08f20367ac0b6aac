import { milliseconds, type SteadyClock } from "../../model/time.ts";
import { dropOldest } from "./drop-oldest.ts";
import type { CoapEndpoint, EndpointEvents, TransmissionParameters } from "./endpoint.ts";
import { rememberExchanges, type Exchange } from "./exchanges.ts";
import {
  decodeDatagram,
  encodeDatagram,
  isRequest,
  isResponse,
  nothing,
  withMessageId,
  type CoapContent,
  type CoapDatagram,
  type MalformedDatagram,
  type MessageType,
} from "./message.ts";
import { createOwnRequests } from "./own-requests.ts";
import { readRequest, requestContent, responseContent, type CoapResponse } from "./request.ts";
import { createRetransmission } from "./retransmission.ts";

export interface DatagramIo {
  transmit(datagram: Uint8Array): void;
  readonly clock: SteadyClock;
  /** Unpredictable bytes, for tokens and the first message ID (RFC 7252 §11.4). */
  randomBytes(count: number): Uint8Array;
  transmission(): TransmissionParameters;
}

/** A CON that is not answered by now gets an empty ACK, before the peer's first retransmission after ACK_TIMEOUT. */
const acknowledgeAfter = milliseconds(1_000);
/** A body of this size, with CoAP, DTLS, UDP and IPv6 headers, stays below a PMTU of 1280 bytes (RFC 9132 §7.3). */
const largestBlock = 1_024;
/** A bound on what a peer can make us remember. */
const mostNotified = 64;

/** The message layer of CoAP over UDP (RFC 7252 §4): de-duplication, ACK and RST, retransmission of our CONs. */
export function createDatagramEndpoint(io: DatagramIo, events: EndpointEvents): CoapEndpoint {
  const send = sender(io);
  const exchanges = rememberExchanges(io.clock);
  const randomBytes = (count: number): Uint8Array => io.randomBytes(count);
  const own = createOwnRequests({ clock: io.clock, randomBytes });
  const retransmission = createRetransmission({ clock: io.clock, transmit: send.again, randomBytes, transmission: () => io.transmission() });
  /** Tokens of notifications, by message ID. */
  const notified = new Map<number, Uint8Array>();

  const answer = async (message: CoapDatagram, exchange: Exchange): Promise<void> => {
    const { type, messageId } = message;
    const keep = (reply: Uint8Array): void => {
      exchanges.keepReply(exchange, reply);
    };
    const stopWaiting = type === "CON"
      ? io.clock.after(acknowledgeAfter, () => {
        keep(send.empty("ACK", messageId));
      })
      : () => undefined;
    const read = readRequest(message);
    const response = "refused" in read ? read.refused : await events.request(read);
    stopWaiting();
    if (send.isClosed()) return;
    if (!response) {
      if (type === "CON" && !exchange.reply) keep(send.empty("ACK", messageId));
      return;
    }
    const content = responseContent(message.token, response);
    if (type === "NON") keep(send.message("NON", send.newId(), content));
    else if (!exchange.reply) keep(send.message("ACK", messageId, content));
    else { // acknowledged already: a separate response (RFC 7252 §5.2.2)
      const separate = send.newId();
      retransmission.begin(separate, send.message("CON", separate, content));
    }
  };

  const receiveRequest = (message: CoapDatagram): void => {
    const known = exchanges.known(message.messageId);
    if (!known) void answer(message, exchanges.begin(message.messageId));
    // RFC 7252 §4.5: neither is executed twice, and a duplicate CON gets the same answer again. A duplicate NON SHOULD get none; but
    // RFC 9132 §4.4 has the client send one "at regular intervals until a response is received", and some repeat the same message.
    else if (known.reply) send.again(message.type === "CON" ? known.reply : withMessageId(known.reply, send.newId()));
  };
  const receiveResponse = (message: CoapDatagram): void => {
    if (message.type === "CON") send.empty(own.isWaiting(message.token) ? "ACK" : "RST", message.messageId);
    own.answer(message);
  };
  const receiveReset = ({ messageId }: CoapDatagram): void => {
    retransmission.stop(messageId);
    const token = notified.get(messageId);
    if (token) {
      notified.delete(messageId);
      events.forgotten(token);
    }
    own.reset(messageId);
  };
  const receive = (message: CoapDatagram | MalformedDatagram): void => {
    const kind = kindOf(message);
    if ("is" in message || kind === "unusable") {
      // RFC 7252 §4.2: a CON that cannot be processed is rejected; anything else is ignored. §4.3: an empty one is CoAP's ping.
      if (message.type === "CON" && message.messageId !== undefined) send.empty("RST", message.messageId);
      return;
    }
    if (message.type === "ACK") retransmission.stop(message.messageId);
    if (kind === "request") receiveRequest(message);
    else if (kind === "response") receiveResponse(message);
    else if (kind === "reset") receiveReset(message);
  };

  return {
    receive(bytes) {
      if (send.isClosed()) return;
      events.heard();
      receive(decodeDatagram(bytes));
    },
    request(ask, answered) {
      own.ask(ask, (token) => {
        const messageId = send.newId();
        send.message("NON", messageId, requestContent(ask.code, token, ask.path, ask.body));
        return messageId;
      }, answered);
    },
    ping: () => {
      send.empty("CON", send.newId());
    },
    notify(token: Uint8Array, response: CoapResponse) {
      if (send.isClosed()) return;
      const messageId = send.newId();
      notified.set(messageId, token);
      dropOldest(notified, mostNotified);
      send.message("NON", messageId, responseContent(token, response));
    },
    largestPayload: () => largestBlock,
    close() {
      send.close();
      own.close();
      retransmission.close();
      exchanges.clear();
      notified.clear();
    },
  };
}

/** What a message is for; `acknowledgement` is an empty one. */
function kindOf(message: CoapDatagram | MalformedDatagram): "request" | "response" | "reset" | "acknowledgement" | "unusable" {
  if ("is" in message) return "unusable";
  const { code, type } = message;
  if (isRequest(code)) return type === "CON" || type === "NON" ? "request" : "unusable";
  if (isResponse(code)) return type === "RST" ? "unusable" : "response";
  if (code !== "0.00" || type === "CON") return "unusable";
  return type === "RST" ? "reset" : "acknowledgement";
}

interface Sender {
  newId(): number;
  /** Returns the datagram, also when it is closed and nothing goes out. */
  message(type: MessageType, messageId: number, content: CoapContent): Uint8Array;
  empty(type: "CON" | "ACK" | "RST", messageId: number): Uint8Array;
  readonly again: (datagram: Uint8Array) => void;
  isClosed(): boolean;
  close(): void;
}

/** Numbers messages from a random one on (RFC 7252 §4.4), and sends them until it is closed. */
function sender(io: DatagramIo): Sender {
  const [high = 0, low = 0] = io.randomBytes(2);
  let lastId = (high << 8) | low;
  let closed = false;
  const message: Sender["message"] = (type, messageId, content) => {
    const datagram = encodeDatagram({ type, messageId, ...content });
    if (!closed) io.transmit(datagram);
    return datagram;
  };
  return {
    newId() {
      lastId = (lastId + 1) & 0xffff;
      return lastId;
    },
    message,
    empty: (type, messageId) => message(type, messageId, { code: "0.00", token: nothing, options: [], payload: nothing }),
    again: (datagram) => {
      if (!closed) io.transmit(datagram);
    },
    isClosed: () => closed,
    close() {
      closed = true;
    },
  };
}
