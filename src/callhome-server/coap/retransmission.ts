import type { TransmissionParameters } from "./endpoint.ts";
import { milliseconds, type Timer } from "../../model/time.ts";

/** Confirmable messages that have not been acknowledged. */
export interface Retransmission {
  /** The message has just been sent; it is sent again until `stop`, as often as was agreed. */
  begin(messageId: number, datagram: Uint8Array): void;
  /** It is acknowledged, or rejected. */
  stop(messageId: number): void;
  close(): void;
}

export interface RetransmissionDeps {
  readonly clock: Timer;
  readonly transmit: (datagram: Uint8Array) => void;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly transmission: () => TransmissionParameters;
}

const mostWaiting = 16;

/** RFC 7252 §4.2: until it is acknowledged, rejected, or MAX_RETRANSMIT is reached; each time after twice as long. */
export function createRetransmission({ clock, transmit, randomBytes, transmission }: RetransmissionDeps): Retransmission {
  const waiting = new Map<number, () => void>();
  return {
    begin(messageId, datagram) {
      const { ackTimeout, ackRandomFactor, maxRetransmit } = transmission();
      const [random = 0] = randomBytes(1);
      let timeout = ackTimeout * (1 + (ackRandomFactor - 1) * (random / 255));
      let left = maxRetransmit;
      const wait = (): void => {
        waiting.set(messageId, clock.after(milliseconds(timeout), () => {
          waiting.delete(messageId);
          if (left-- <= 0) return;
          timeout *= 2;
          transmit(datagram);
          wait();
        }));
      };
      if (waiting.size < mostWaiting) wait();
    },
    stop(messageId) {
      waiting.get(messageId)?.();
      waiting.delete(messageId);
    },
    close() {
      for (const cancel of waiting.values()) cancel();
      waiting.clear();
    },
  };
}
