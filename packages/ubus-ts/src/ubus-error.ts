import type { UbusTable } from "./blobmsg.ts";
import { ubusStatus } from "./message.ts";

/** A request that did not end with status 0; a method that throws one answers with its status, and `data` if there is any. */
export class UbusError extends Error {
  readonly status: number;
  readonly data: UbusTable | undefined;

  constructor(status: number, message?: string, data?: UbusTable) {
    super(message ?? describeStatus(status));
    this.status = status;
    this.data = data;
  }
}

function describeStatus(status: number): string {
  const name = Object.entries(ubusStatus).find(([, number]) => number === status)?.[0];
  return name === undefined ? `ubus status ${status}` : name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
