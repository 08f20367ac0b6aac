import { encodeTable, type UbusTable } from "./blobmsg.ts";
import type { After } from "./after.ts";
import type { UbusConnection } from "./connect-ubus.ts";
import type { HostedObject } from "./hosted-object.ts";
import { messageType } from "./message.ts";
import { UbusError } from "./ubus-error.ts";

const requestTimeout = 5_000; // milliseconds
/** How often an object is looked for where ubusd does not let us hear of new ones. */
const lookEvery = 10_000; // milliseconds

/** ubusd's own object for events. */
export const eventObject = 1;

/** Asks ubusd for the events whose name matches `pattern`, for object `id`. Rejects with ubusd's status. */
function registerForEvents(connection: UbusConnection, id: number, pattern: string): Promise<unknown> {
  // The object's number is unsigned, INT32 is not.
  return connection.request(messageType.invoke, eventObject, { objectId: eventObject, method: "register", data: encodeTable({ object: id | 0, pattern }) },
    requestTimeout);
}

/** A nameless object that events with a matching id come to. */
export function hostListener(pattern: string, heard: (id: string, data: UbusTable) => void): HostedObject {
  return {
    name: `events '${pattern}'`,
    attributes: {},
    async added(connection, id) {
      await registerForEvents(connection, id, pattern);
    },
    lost: () => undefined,
    invoked({ method, args, isEvent }) {
      if (isEvent) heard(method, args);
      return null;
    },
  };
}

/**
 * A nameless object of its own for each subscription, as notifications name only the object that they go to. It follows the
 * object at `path` when that goes and comes back under another number.
 */
export function hostSubscription(path: string, notified: (type: string, data: UbusTable) => void, after: After): HostedObject {
  let own: { readonly connection: UbusConnection; readonly id: number } | undefined;
  let target: number | undefined;
  let hearsOfNew = false;
  let stopLooking = (): void => undefined;

  const lookLater = (): void => {
    stopLooking();
    if (!hearsOfNew && own)
      stopLooking = after(lookEvery, () => {
        look().catch(ignoreRefusal);
      });
  };
  const subscribeTo = async (id: number): Promise<void> => {
    if (!own || target === id) return; // ubusd would tell twice
    const { connection, id: objectId } = own;
    target = id;
    try {
      await connection.request(messageType.subscribe, 0, { objectId, target: id }, requestTimeout);
    } catch (error) {
      target = undefined;
      lookLater();
      throw error;
    }
  };
  const look = async (): Promise<void> => {
    if (!own) return;
    const found = await own.connection.request(messageType.lookup, 0, { objectPath: path }, requestTimeout)
      .catch((error: unknown) => {
        ignoreRefusal(error);
        return [];
      });
    const id = found[0]?.objectId;
    if (id === undefined) lookLater();
    else await subscribeTo(id);
  };

  return {
    name: `subscription to '${path}'`,
    attributes: {},
    async added(connection, id) {
      own = { connection, id };
      target = undefined;
      // First, so that an object which appears after the lookup is not missed.
      hearsOfNew = await registerForEvents(connection, id, "ubus.object.add").then(() => true, () => false);
      await look();
    },
    lost() {
      own = undefined;
      target = undefined;
      stopLooking();
    },
    invoked({ method, args, isEvent }) {
      if (!isEvent) notified(method, args);
      else if (method === "ubus.object.add" && args["path"] === path && typeof args["id"] === "number") subscribeTo(args["id"] >>> 0).catch(ignoreRefusal);
      return null;
    },
    targetGone(id) {
      if (target !== id) return;
      target = undefined;
      lookLater();
    },
  };
}

/** Not there, or not allowed: that may change, and is no reason to stop. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof UbusError)) throw error;
}
