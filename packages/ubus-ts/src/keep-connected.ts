import type { After } from "./after.ts";
import { connectUbus, type UbusConnection } from "./connect-ubus.ts";
import type { UbusMessage } from "./message.ts";

/** A connection to ubusd that comes back. */
export interface KeptConnection {
  /** Undefined while there is none. */
  current(): UbusConnection | undefined;
  close(): void;
}

export interface KeptConnectionEvents {
  opened(connection: UbusConnection): void;
  /** What is no answer to a request of ours. */
  received(message: UbusMessage): void;
  lost(): void;
  /** The connection is there, or is not, and why: each time that this changes. */
  changed(isConnected: boolean, reason: string): void;
}

const firstWait = 250; // milliseconds
const longestWait = 10_000; // milliseconds

/** Connects in the background and again whenever the connection ends, after twice as long each time, 10 s at most. */
export function keepConnected(path: string, events: KeptConnectionEvents, after: After): KeptConnection {
  let connection: UbusConnection | undefined;
  let wait = firstWait;
  let stopTimer = (): void => undefined;
  let isClosed = false;
  let wasReported: boolean | undefined;

  const report = (isConnected: boolean, reason: string): void => {
    if (wasReported !== isConnected) events.changed(isConnected, reason);
    wasReported = isConnected;
  };
  const connectLater = (reason: string): void => {
    if (isClosed) return;
    report(false, reason);
    stopTimer = after(wait, connectNow);
    wait = Math.min(longestWait, wait * 2);
  };
  const lost = (reason: string): void => {
    connection = undefined;
    events.lost();
    connectLater(reason);
  };
  const connectNow = (): void => {
    connectUbus(path, (message) => {
      events.received(message);
    }, lost, after).then((opened) => {
      if (isClosed) {
        opened.close();
        return;
      }
      connection = opened;
      wait = firstWait;
      report(true, "connected");
      events.opened(opened);
    }, (error: unknown) => {
      connectLater(error instanceof Error ? error.message : String(error));
    });
  };

  connectNow();
  return {
    current: () => connection,
    close() {
      isClosed = true;
      stopTimer();
      const open = connection;
      connection = undefined;
      open?.close();
    },
  };
}
