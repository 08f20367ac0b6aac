import type { CoapEndpoint, EndpointEvents } from "./endpoint.ts";
import { isRequest, isResponse, nothing, type CoapContent } from "./message.ts";
import { createOwnRequests } from "./own-requests.ts";
import { isCritical, readUint, uintOption } from "./options.ts";
import { readRequest, requestContent, responseContent, type CoapResponse } from "./request.ts";
import { readStreamMessage, signal, signalOption, writeStreamMessage } from "./stream-message.ts";
import type { Timer } from "../../model/time.ts";

export interface StreamIo {
  transmit(bytes: Uint8Array): void;
  readonly clock: Timer;
  randomBytes(count: number): Uint8Array;
}

/** The largest message that we take, as our CSM says: a body of 16 KiB and its header. */
const largestMessage = 17_408;
/** What a peer takes that has not said otherwise (RFC 8323 §5.3.1). */
const defaultMessageSize = 1_152;

/** CoAP over TCP (RFC 8323): no message types, no retransmission; signalling messages instead. */
export function createStreamEndpoint(io: StreamIo, events: EndpointEvents): CoapEndpoint {
  const own = createOwnRequests({ clock: io.clock, randomBytes: (count) => io.randomBytes(count) });
  let pending: Uint8Array = nothing;
  let greeted = false;
  let closed = false;
  let peerMessageSize = defaultMessageSize;
  const isClosed = (): boolean => closed;

  const send = (content: CoapContent): void => {
    if (!closed) io.transmit(writeStreamMessage(content));
  };
  const sendSignal = (code: CoapContent["code"], token: Uint8Array, options: CoapContent["options"], payload = nothing): void => {
    send({ code, token, options, payload });
  };
  /** RFC 8323 §5.6: says why, and ends the connection. */
  const abort = (why: string): void => {
    sendSignal(signal.abort, nothing, [], new TextEncoder().encode(why));
    events.ended(why);
  };

  const receiveSignal = (message: CoapContent): void => {
    const known: readonly number[] = message.code === signal.csm ? [signalOption.maxMessageSize, signalOption.blockWiseTransfer] : [signalOption.custody];
    const unknown = message.options.find((option) => isCritical(option.number) && !known.includes(option.number));
    if (unknown) {
      abort(`unknown critical option ${String(unknown.number)} in ${message.code}`);
      return;
    }
    switch (message.code) {
      case signal.csm: {
        const size = message.options.find(({ number }) => number === signalOption.maxMessageSize);
        peerMessageSize = (size && readUint(size.value)) ?? peerMessageSize;
        break;
      }
      case signal.ping:
        sendSignal(signal.pong, message.token, []);
        break;
      case signal.release:
        events.ended("the peer released the connection");
        break;
      case signal.abort:
        events.ended("the peer aborted the connection");
        break;
      default:
        break; // a pong, or a signal that is not known (RFC 8323 §5.1): nothing to do
    }
  };

  const answer = async (message: CoapContent): Promise<void> => {
    const read = readRequest(message, true);
    const response = "refused" in read ? read.refused : await events.request(read);
    if (response && !isClosed()) send(responseContent(message.token, response));
  };

  const receiveMessage = (message: CoapContent): void => {
    if (!greeted && message.code !== signal.csm) {
      abort("the first message must be a CSM"); // RFC 8323 §5.3
      return;
    }
    greeted = true;
    events.heard();
    if (message.code.startsWith("7.")) receiveSignal(message);
    else if (isRequest(message.code)) void answer(message);
    else if (isResponse(message.code)) own.answer(message);
  };

  sendSignal(signal.csm, nothing, [uintOption(signalOption.maxMessageSize, largestMessage), { number: signalOption.blockWiseTransfer, value: nothing }]);
  return {
    receive(bytes) {
      if (closed) return;
      pending = pending.length === 0 ? bytes : concatenate(pending, bytes);
      while (!isClosed()) {
        const read = readStreamMessage(pending, largestMessage);
        if (read === undefined) break;
        if ("broken" in read) {
          abort(read.broken);
          return;
        }
        pending = pending.subarray(read.length);
        receiveMessage(read.content);
      }
      // What is left is part of one message: a copy lets go of the buffer that it came in.
      pending = pending.slice();
    },

    // Options and token need some bytes too; a peer that takes next to nothing gets the smallest blocks.
    largestPayload: () => Math.max(16, Math.min(largestMessage, peerMessageSize) - 128),

    request(ask, answered) {
      own.ask(ask, (token) => {
        send(requestContent(ask.code, token, ask.path, ask.body));
        return undefined;
      }, answered);
    },

    ping: () => {
      sendSignal(signal.ping, nothing, []);
    },

    notify(token: Uint8Array, response: CoapResponse) {
      send(responseContent(token, response));
    },

    close() {
      // RFC 8323 §5.5: says that the end is meant.
      sendSignal(signal.release, nothing, []);
      closed = true;
      own.close();
    },
  };
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
