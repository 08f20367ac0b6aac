import { BlobError } from "./blob.ts";
import { decodeTable, encodeTable, type UbusTable } from "./blobmsg.ts";
import type { UbusConnection } from "./connect-ubus.ts";
import { messageType, ubusStatus, type MessageAttributes } from "./message.ts";
import { eventObject } from "./subscription.ts";
import { UbusError } from "./ubus-error.ts";

/** An object that somebody published. */
export interface FoundObject {
  readonly path: string;
  readonly id: number;
  /** Methods, their parameters, and the blobmsg type of each. */
  readonly methods: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Objects of others, on the connection of now. All reject with UbusError. */
export interface ObjectCaller {
  lookup(path: string): Promise<readonly FoundObject[]>;
  /** `timeout` in milliseconds. */
  invoke(path: string, method: string, args?: UbusTable, timeout?: number): Promise<UbusTable>;
  sendEvent(id: string, data: UbusTable): Promise<void>;
  /** The connection has ended: objects have other numbers on the next one. */
  lost(): void;
}

const defaultTimeout = 5_000; // milliseconds

/** Finds objects by their paths, remembers their numbers, and calls them. */
export function callObjects(connection: () => UbusConnection | undefined): ObjectCaller {
  const knownIds = new Map<string, number>();
  const request = (type: number, peer: number, attributes: MessageAttributes, timeout = defaultTimeout): Promise<readonly MessageAttributes[]> =>
    connection()?.request(type, peer, attributes, timeout) ?? Promise.reject(new UbusError(ubusStatus.connectionFailed, "ubusd is not there"));

  const lookup = async (wanted: string): Promise<readonly FoundObject[]> => {
    const found = await request(messageType.lookup, 0, wanted === "*" ? {} : { objectPath: wanted }).catch((error: unknown) => {
      if (error instanceof UbusError && error.status === ubusStatus.notFound) return [];
      throw error;
    });
    return found.flatMap(({ objectPath, objectId, signature }) =>
      objectPath === undefined || objectId === undefined
        ? []
        : [{ path: objectPath, id: objectId, methods: readSignature(signature) }]
    );
  };
  const idOf = async (wanted: string): Promise<number> => {
    const [found] = await lookup(wanted);
    if (!found) throw new UbusError(ubusStatus.notFound, `there is no object '${wanted}'`);
    knownIds.set(wanted, found.id);
    return found.id;
  };
  const call = async (id: number, method: string, args: UbusTable, timeout?: number): Promise<UbusTable> => {
    const answers = await request(messageType.invoke, id, { objectId: id, method, data: encodeTable(args) }, timeout);
    const data = answers.at(-1)?.data;
    try {
      return data === undefined ? {} : decodeTable(data);
    } catch (error) {
      throw error instanceof BlobError ? new UbusError(ubusStatus.parseError, error.message) : error;
    }
  };

  return {
    lookup,
    async invoke(path, method, args = {}, timeout = defaultTimeout) {
      const known = knownIds.get(path);
      if (known === undefined) return call(await idOf(path), method, args, timeout);
      try {
        return await call(known, method, args, timeout);
      } catch (error) {
        // The object may have come back under another number; the method's own 'not found' is not asked for twice.
        if (!(error instanceof UbusError) || error.status !== ubusStatus.notFound) throw error;
        const id = await idOf(path);
        if (id === known) throw error;
        return call(id, method, args, timeout);
      }
    },
    async sendEvent(id, data) {
      await request(messageType.invoke, eventObject, { objectId: eventObject, method: "send", data: encodeTable({ id, data }) });
    },
    lost() {
      knownIds.clear();
    },
  };
}

function readSignature(signature: Buffer | undefined): FoundObject["methods"] {
  try {
    return signature === undefined ? {} : decodeTable(signature) as FoundObject["methods"];
  } catch {
    return {}; // of a publisher that ubusd should not have believed
  }
}
