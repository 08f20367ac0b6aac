import { blobmsgType, encodeTable, type BlobmsgType, type UbusTable } from "./blobmsg.ts";
import { BlobError } from "./blob.ts";
import type { UbusConnection } from "./connect-ubus.ts";
import type { HostedObject, UbusCaller } from "./hosted-object.ts";
import { messageType, ubusStatus } from "./message.ts";
import { UbusError } from "./ubus-error.ts";

export interface UbusMethod {
  /** Names and types of its parameters, for `ubus -v list`; nobody checks them but the method itself. */
  readonly signature: Readonly<Record<string, BlobmsgType>>;
  /** A UbusError that it throws is the answer; anything else that it throws is answered with status 9. */
  answer(args: UbusTable, caller: UbusCaller): UbusTable | Promise<UbusTable>;
}

export interface ObjectToPublish {
  readonly path: string;
  readonly methods: Readonly<Record<string, UbusMethod>>;
  /** Whether anybody is subscribed, each time that this changes. */
  onSubscribers?(active: boolean): void;
}

/** A published object, across all connections. */
export interface Publication {
  /** Whether ubusd knows it now. */
  readonly isPublished: boolean;
  /** Tells all subscribers; false if ubusd is away or does not read. Nothing is kept for later. */
  notify(type: string, data: UbusTable): boolean;
  remove(): void;
}

/** Serves the methods of an object, and sends its notifications, on whichever connection holds it at the moment. */
export function hostPublished(object: ObjectToPublish): HostedObject & Omit<Publication, "remove"> {
  let current: { readonly connection: UbusConnection; readonly id: number } | undefined;
  let lastSeq = 0;
  const signature = Object.fromEntries(
    Object.entries(object.methods).map((
      [method, { signature: parameters }],
    ) => [method, Object.fromEntries(Object.entries(parameters).map(([name, type]) => [name, blobmsgType[type]]))]),
  );
  return {
    name: `object '${object.path}'`,
    // Without a signature the object would be invisible to lookup.
    attributes: { objectPath: object.path, signature: encodeTable(signature) },
    get isPublished() {
      return current !== undefined;
    },
    added(connection, id) {
      current = { connection, id };
    },
    lost() {
      current = undefined;
    },
    activityChanged: (active) => {
      object.onSubscribers?.(active);
    },
    invoked({ method, args, caller }) {
      const known = Object.hasOwn(object.methods, method) ? object.methods[method] : undefined;
      if (!known) throw new UbusError(ubusStatus.methodNotFound);
      return known.answer(args, caller);
    },
    notify(type, data) {
      if (!current) return false;
      lastSeq = (lastSeq + 1) & 0xffff;
      const { connection, id } = current;
      try {
        return connection.send({
          type: messageType.notify,
          seq: lastSeq,
          peer: id,
          attributes: { objectId: id, method: type, data: encodeTable(data), noReply: true },
        });
      } catch (error) {
        if (error instanceof BlobError) return false;
        throw error;
      }
    },
  };
}
