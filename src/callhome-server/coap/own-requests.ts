import type { OwnRequest } from "./endpoint.ts";
import { tokenKey, type CoapContent } from "./message.ts";
import type { Timer } from "../../model/time.ts";

type Answered = (answer: CoapContent | "timeout" | "reset") => void;

/** Requests of our own that wait for their answers. */
export interface OwnRequests {
  /** `send` sends it with this token, and returns its message ID where it has one. `answered` is called once; at once, if too many wait. */
  ask(request: Pick<OwnRequest, "timeout">, send: (token: Uint8Array) => number | undefined, answered: Answered): void;
  isWaiting(token: Uint8Array): boolean;
  /** A response has come. */
  answer(message: CoapContent): void;
  /** The peer has no use for the message of this ID. */
  reset(messageId: number): void;
  /** Those that wait are never answered. */
  close(): void;
}

export interface OwnRequestsDeps {
  readonly clock: Timer;
  /** Unpredictable bytes, for tokens. */
  readonly randomBytes: (count: number) => Uint8Array;
}

/** A bound on what a peer that answers nothing makes us remember. */
const mostUnanswered = 16;

/** Matches responses with requests by their tokens (RFC 7252 §5.3.2), whatever the transport. */
export function createOwnRequests({ clock, randomBytes }: OwnRequestsDeps): OwnRequests {
  const unanswered = new Map<string, { messageId: number | undefined; readonly answered: Answered; readonly stopWaiting: () => void }>();
  let isClosed = false;
  const finish = (key: string, answer: Parameters<Answered>[0]): void => {
    const waiting = unanswered.get(key);
    unanswered.delete(key);
    waiting?.stopWaiting();
    waiting?.answered(answer);
  };
  return {
    ask({ timeout }, send, answered) {
      if (isClosed || unanswered.size >= mostUnanswered) {
        answered("timeout");
        return;
      }
      const token = randomBytes(4);
      const key = tokenKey(token);
      const waiting = {
        messageId: undefined as number | undefined,
        answered,
        stopWaiting: clock.after(timeout, () => {
          finish(key, "timeout");
        }),
      };
      unanswered.set(key, waiting);
      waiting.messageId = send(token);
    },
    isWaiting: (token) => unanswered.has(tokenKey(token)),
    answer(message) {
      finish(tokenKey(message.token), message);
    },
    reset(messageId) {
      for (const [key, waiting] of unanswered) if (waiting.messageId === messageId) finish(key, "reset");
    },
    close() {
      isClosed = true;
      for (const { stopWaiting } of unanswered.values()) stopWaiting();
      unanswered.clear();
    },
  };
}
