import { connect } from "node:net";
import type { After } from "./after.ts";
import { BlobError } from "./blob.ts";
import { createMessageReader, encodeMessage, largestMessage, messageType, ubusStatus, type UbusMessage } from "./message.ts";
import { keepRequests, type SendRequest } from "./pending-requests.ts";
import { UbusError } from "./ubus-error.ts";

/** One connection to ubusd, from its HELLO to its end. */
export interface UbusConnection {
  readonly request: SendRequest;
  /** False if it was dropped: too large, or ubusd does not read. */
  send(message: UbusMessage): boolean;
  close(): void;
}

const connectionLimits = {
  /** Milliseconds until HELLO. */
  hello: 5_000,
  /** Bytes that wait until ubusd reads them. */
  unsent: 2 * largestMessage,
} as const;

/**
 * Connects, and resolves after ubusd's HELLO. `receive` hears what is no answer to a request (INVOKE, NOTIFY,
 * UNSUBSCRIBE), `closed` once of the end. A connection whose bytes make no sense is ended.
 */
export function connectUbus(
  path: string,
  receive: (message: UbusMessage) => void,
  closed: (reason: string) => void,
  after: After,
): Promise<UbusConnection> {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    let hasEnded = false;
    const socket = connect(path);

    const end = (reason: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      stopWaiting();
      socket.destroy();
      requests.endAll(reason);
      if (isOpen) closed(reason);
      else reject(new UbusError(ubusStatus.connectionFailed, reason));
    };
    const stopWaiting = after(connectionLimits.hello, () => {
      end("ubusd did not say hello");
    });

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

    const requests = keepRequests({ send, after });
    const read = createMessageReader((message) => {
      if (hasEnded) return;
      if (message.type === messageType.hello) {
        if (isOpen) return;
        isOpen = true;
        stopWaiting();
        resolve({
          request: requests.request,
          send,
          close: () => {
            end("closed");
          },
        });
      } else if (message.type === messageType.status || message.type === messageType.data) requests.answered(message);
      else if (isOpen) receive(message);
    });
    socket.on("data", (chunk) => {
      try {
        read(chunk);
      } catch (error) {
        end(error instanceof BlobError ? `ubusd cannot be understood: ${error.message}` : `internal: ${String(error)}`);
      }
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      end(`${path}: ${error.code ?? error.message}`);
    });
    socket.on("close", () => {
      end("ubusd ended the connection");
    });
  });
}
