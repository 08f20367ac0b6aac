import type { UbusTable } from "./blobmsg.ts";
import type { UbusConnection } from "./connect-ubus.ts";
import type { MessageAttributes } from "./message.ts";

/** Who invokes a method, as ubusd says; it knows by the socket's credentials. */
export interface UbusCaller {
  readonly user: string | null;
  readonly group: string | null;
}

export interface Invocation {
  readonly method: string;
  readonly args: UbusTable;
  readonly caller: UbusCaller;
  /** Events come from ubusd itself (peer 0); notifications and calls from a client. */
  readonly isEvent: boolean;
}

/** Something of ours that ubusd knows by a number: a published object, or the nameless one behind a subscription. */
export interface HostedObject {
  /** For ADD_OBJECT. */
  readonly attributes: MessageAttributes;
  /** For messages about it: `object 'dots-callhome'`. */
  readonly name: string;
  /** ubusd has given it a number, on a new connection. */
  added(connection: UbusConnection, id: number): Promise<void> | void;
  /** The connection has ended, and with it the number. */
  lost(): void;
  /** Answers with a table, or throws UbusError. */
  invoked(invocation: Invocation): UbusTable | null | Promise<UbusTable | null>;
  /** The first subscriber came, or the last one went. */
  activityChanged?(active: boolean): void;
  /** An object that it had subscribed to is gone. */
  targetGone?(id: number): void;
}
