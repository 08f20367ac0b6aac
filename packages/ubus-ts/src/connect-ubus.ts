import { connect } from "node:net";
import { BlobError } from "./blob.ts";
import { createMessageReader, encodeMessage, largestMessage, messageType, ubusStatus, type MessageAttributes, type UbusMessage } from "./message.ts";
import { UbusError } from "./ubus-error.ts";

/** Calls back once after this many milliseconds, unless the returned function is called first. */
export type After = (delay: number, callback: () => void) => () => void;

/** One connection to ubusd, from its HELLO to its end. */
export interface UbusConnection {
  /**
   * What came as answer, in order; rejects with UbusError if the status is not 0, if time runs out or the connection ends. `onData`
   * hears of it at once, before any message that came behind it is read.
   */
  request(type: number, peer: number, attributes: MessageAttributes, timeout: number, onData?: (data: MessageAttributes) => void): Promise<readonly MessageAttributes[]>;
  /** False if it was dropped: too large, or ubusd does not read. */
  send(message: UbusMessage): boolean;
  close(): void;
}

export const connectionLimits = {
  /** Milliseconds until HELLO. */
  hello: 5_000,
  /** Requests under way. */
  requests: 256,
  /** Bytes that wait until ubusd reads them. */
  unsent: 2 * largestMessage,
  /** Bytes and messages of one answer. */
  answerBytes: 4 * largestMessage,
  answerMessages: 4096,
} as const;

interface PendingRequest {
  readonly peer: number;
  readonly data: MessageAttributes[];
  readonly onData: ((data: MessageAttributes) => void) | undefined;
  bytes: number;
  finish(status: number, why?: string): void;
}

/**
 * Connects, and resolves after ubusd's HELLO. `receive` hears what is no answer to a request (INVOKE, NOTIFY,
 * UNSUBSCRIBE), `closed` once of the end. A connection whose bytes make no sense is ended.
 */
export function connectUbus(
  path: string, receive: (message: UbusMessage) => void, closed: (reason: string) => void, after: After,
): Promise<UbusConnection> {
  return new Promise((resolve, reject) => {
    const pending = new Map<number, PendingRequest>();
    let lastSeq = 0;
    let isOpen = false;
    let hasEnded = false;
    const socket = connect(path);

    const end = (reason: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      stopWaiting();
      socket.destroy();
      for (const request of [...pending.values()]) request.finish(ubusStatus.connectionFailed, reason);
      if (isOpen) closed(reason);
      else reject(new UbusError(ubusStatus.connectionFailed, reason));
    };
    const stopWaiting = after(connectionLimits.hello, () => { end("ubusd did not say hello"); });

    const send = (message: UbusMessage): boolean => {
      if (hasEnded || socket.writableLength > connectionLimits.unsent) return false;
      try {
        socket.write(encodeMessage(message));
        return true;
      } catch (error) {
        if (error instanceof BlobError) return false;
        throw error;
      }
    };

    const request: UbusConnection["request"] = (type, peer, attributes, timeout, onData) => new Promise((answer, refuse) => {
      if (hasEnded) { refuse(new UbusError(ubusStatus.connectionFailed, "the connection to ubusd has ended")); return; }
      if (pending.size >= connectionLimits.requests) { refuse(new UbusError(ubusStatus.noMemory, "too many requests are under way")); return; }
      do lastSeq = (lastSeq + 1) & 0xffff; while (pending.has(lastSeq));
      const seq = lastSeq;
      const waiting: PendingRequest = {
        peer, data: [], bytes: 0, onData,
        finish(status, why) {
          stopTimer();
          pending.delete(seq);
          if (status === ubusStatus.ok) answer(waiting.data);
          else refuse(new UbusError(status, why));
        },
      };
      const stopTimer = after(timeout, () => { waiting.finish(ubusStatus.timeout, `no answer within ${timeout} ms`); });
      pending.set(seq, waiting);
      if (!send({ type, seq, peer, attributes })) waiting.finish(ubusStatus.noMemory, "the request is too large, or ubusd does not read");
    });

    /** Answers carry the sequence number of the request and its peer: both must match, as others count from 1 too. */
    const receiveAnswer = ({ type, seq, peer, attributes }: UbusMessage): void => {
      const asked = pending.get(seq);
      if (asked?.peer !== peer) return;
      if (type === messageType.status) {
        asked.finish(attributes.status ?? ubusStatus.parseError);
        return;
      }
      asked.bytes += (attributes.data?.length ?? 0) + (attributes.signature?.length ?? 0);
      asked.data.push(attributes);
      asked.onData?.(attributes);
      if (asked.bytes > connectionLimits.answerBytes || asked.data.length > connectionLimits.answerMessages) asked.finish(ubusStatus.noMemory, "the answer is too large");
    };

    const read = createMessageReader((message) => {
      if (hasEnded) return;
      if (message.type === messageType.hello) {
        if (isOpen) return;
        isOpen = true;
        stopWaiting();
        resolve({ request, send, close: () => { end("closed"); } });
      } else if (message.type === messageType.status || message.type === messageType.data) receiveAnswer(message);
      else if (isOpen) receive(message);
    });
    socket.on("data", (chunk) => {
      try {
        read(chunk);
      } catch (error) {
        end(error instanceof BlobError ? `ubusd cannot be understood: ${error.message}` : `internal: ${String(error)}`);
      }
    });
    socket.on("error", (error: NodeJS.ErrnoException) => { end(`${path}: ${error.code ?? error.message}`); });
    socket.on("close", () => { end("ubusd ended the connection"); });
  });
}
