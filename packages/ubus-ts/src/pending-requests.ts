import type { After } from "./after.ts";
import { largestMessage, messageType, ubusStatus, type MessageAttributes, type UbusMessage } from "./message.ts";
import { UbusError } from "./ubus-error.ts";

/**
 * Sends a request and waits. Resolves with what came as answer, in order; rejects with UbusError if the status is not 0, if time runs out or the
 * connection ends. `onData` hears of it at once, before any message that came behind it is read.
 */
export type SendRequest = (type: number, peer: number, attributes: MessageAttributes, timeout: number,
  onData?: (data: MessageAttributes) => void) => Promise<readonly MessageAttributes[]>;

/** Requests that wait for their answers, on one connection. */
export interface PendingRequests {
  readonly request: SendRequest;
  /** DATA and STATUS. */
  answered(message: UbusMessage): void;
  /** The connection has ended: none is ever answered. */
  endAll(reason: string): void;
}

export interface PendingRequestsDeps {
  /** False if it was dropped. */
  readonly send: (message: UbusMessage) => boolean;
  readonly after: After;
}

const requestLimits = {
  /** Requests under way. */
  requests: 256,
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

/** Numbers requests, and finds the one that an answer is for. */
export function keepRequests({ send, after }: PendingRequestsDeps): PendingRequests {
  const pending = new Map<number, PendingRequest>();
  let lastSeq = 0;
  let hasEnded = false;
  return {
    request: (type, peer, attributes, timeout, onData) =>
      new Promise((answer, refuse) => {
        if (hasEnded) {
          refuse(new UbusError(ubusStatus.connectionFailed, "the connection to ubusd has ended"));
          return;
        }
        if (pending.size >= requestLimits.requests) {
          refuse(new UbusError(ubusStatus.noMemory, "too many requests are under way"));
          return;
        }
        do lastSeq = (lastSeq + 1) & 0xffff; while (pending.has(lastSeq));
        const seq = lastSeq;
        const waiting: PendingRequest = {
          peer,
          data: [],
          bytes: 0,
          onData,
          finish(status, why) {
            stopTimer();
            pending.delete(seq);
            if (status === ubusStatus.ok) answer(waiting.data);
            else refuse(new UbusError(status, why));
          },
        };
        const stopTimer = after(timeout, () => {
          waiting.finish(ubusStatus.timeout, `no answer within ${timeout} ms`);
        });
        pending.set(seq, waiting);
        if (!send({ type, seq, peer, attributes })) waiting.finish(ubusStatus.noMemory, "the request is too large, or ubusd does not read");
      }),
    /** Answers carry the sequence number of the request and its peer: both must match, as others count from 1 too. */
    answered({ type, seq, peer, attributes }) {
      const asked = pending.get(seq);
      if (asked?.peer !== peer) return;
      if (type === messageType.status) {
        asked.finish(attributes.status ?? ubusStatus.parseError);
        return;
      }
      asked.bytes += (attributes.data?.length ?? 0) + (attributes.signature?.length ?? 0);
      asked.data.push(attributes);
      asked.onData?.(attributes);
      if (asked.bytes > requestLimits.answerBytes || asked.data.length > requestLimits.answerMessages)
        asked.finish(ubusStatus.noMemory, "the answer is too large");
    },
    endAll(reason) {
      hasEnded = true;
      for (const request of [...pending.values()]) request.finish(ubusStatus.connectionFailed, reason);
    },
  };
}
