import { BlobError } from "./blob.ts";
import { decodeTable, encodeTable, type UbusTable } from "./blobmsg.ts";
import { connectUbus, type After, type UbusConnection } from "./connect-ubus.ts";
import type { HostedObject } from "./hosted-object.ts";
import { messageType, ubusStatus, type MessageAttributes, type UbusMessage } from "./message.ts";
import { hostPublished, type ObjectToPublish, type Publication } from "./published-object.ts";
import { eventObject, hostListener, hostSubscription } from "./subscription.ts";
import { UbusError } from "./ubus-error.ts";

/** An object that somebody published. */
export interface FoundObject {
  readonly path: string;
  readonly id: number;
  /** Methods, their parameters, and the blobmsg type of each. */
  readonly methods: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A client of ubusd that outlives it: what was published, subscribed and listened to is so again when ubusd is back. */
export interface Ubus {
  readonly isConnected: boolean;
  /** One object by its path, several with `network.interface.*`, all with `*`; an empty list if there is none. */
  lookup(path: string): Promise<readonly FoundObject[]>;
  /** Rejects with UbusError. `timeout` in milliseconds; a callee that dies is never heard of, so there always is one. */
  invoke(path: string, method: string, args?: UbusTable, timeout?: number): Promise<UbusTable>;
  publish(object: ObjectToPublish): Publication;
  /** Returns how to end it. */
  subscribe(path: string, notified: (type: string, data: UbusTable) => void): () => void;
  /** `pattern` may end in `*`. Returns how to end it. */
  listen(pattern: string, heard: (id: string, data: UbusTable) => void): () => void;
  sendEvent(id: string, data: UbusTable): Promise<void>;
  close(): void;
}

export interface UbusOptions {
  /** On OpenWrt `/var/run/ubus/ubus.sock`. */
  readonly path: string;
  /** The connection is there, or is not, and why: each time that this changes. */
  readonly onConnection?: (connected: boolean, reason: string) => void;
  /** Something that ubusd refused, or a method that failed unexpectedly: for a log. */
  readonly onProblem?: (message: string) => void;
  readonly after?: After;
}

const defaultTimeout = 5_000; // milliseconds
const firstWait = 250; // milliseconds
const longestWait = 10_000; // milliseconds
/** How soon an object that ubusd refused (its path is taken) is offered again. */
const offerAgain = 5_000; // milliseconds
const mostInvocations = 64;

/** Connects in the background and again whenever the connection ends; an absent socket is tried again quietly. */
export function openUbus({ path, onConnection, onProblem = () => undefined, after = afterTimeout }: UbusOptions): Ubus {
  const hosted = new Set<HostedObject>();
  /** Objects that ubusd has given a number, on this connection. */
  let numbered = new Map<number, HostedObject>();
  let knownIds = new Map<string, number>();
  let connection: UbusConnection | undefined;
  let wait = firstWait;
  let stopTimer = (): void => undefined;
  const offers = new Set<() => void>();
  let isClosed = false;
  let invocations = 0;
  let wasReported: boolean | undefined;

  const report = (connected: boolean, reason: string): void => {
    if (wasReported !== connected) onConnection?.(connected, reason);
    wasReported = connected;
  };
  const connectLater = (reason: string): void => {
    if (isClosed) return;
    report(false, reason);
    stopTimer = after(wait, connectNow);
    wait = Math.min(longestWait, wait * 2);
  };
  const connectNow = (): void => {
    connectUbus(path, (message) => { receive(message); }, lost, after).then((opened) => {
      if (isClosed) { opened.close(); return; }
      connection = opened;
      wait = firstWait;
      report(true, "connected");
      for (const object of hosted) offer(object);
    }, (error: unknown) => { connectLater(error instanceof Error ? error.message : String(error)); });
  };
  const lost = (reason: string): void => {
    connection = undefined;
    numbered = new Map();
    knownIds = new Map();
    for (const object of hosted) object.lost();
    connectLater(reason);
  };

  const offer = (object: HostedObject): void => {
    const current = connection;
    if (!current) return;
    const add = async (): Promise<void> => {
      // At once: the first call may be right behind the answer.
      const [added] = await current.request(messageType.addObject, 0, object.attributes, defaultTimeout, ({ objectId }) => {
        if (objectId !== undefined && connection === current) numbered.set(objectId, object);
      });
      if (added?.objectId === undefined) throw new UbusError(ubusStatus.noData);
      if (hosted.has(object)) await object.added(current, added.objectId);
      else unnumber(object, current);
    };
    add().catch((error: unknown) => {
      if (connection !== current || !hosted.has(object)) return;
      onProblem(`${object.name}: ${error instanceof Error ? error.message : String(error)}`);
      unnumber(object, current);
      const stopOffering = after(offerAgain, () => {
        offers.delete(stopOffering);
        if (connection === current && hosted.has(object)) offer(object);
      });
      offers.add(stopOffering);
    });
  };
  const host = <Kind extends HostedObject>(object: Kind): Kind => {
    hosted.add(object);
    offer(object);
    return object;
  };
  const remove = (object: HostedObject): void => {
    hosted.delete(object);
    if (connection) unnumber(object, connection);
    object.lost();
  };
  const unnumber = (object: HostedObject, current: UbusConnection): void => {
    for (const [id, each] of numbered) {
      if (each !== object) continue;
      numbered.delete(id);
      removeNumber(current, id);
    }
  };

  const receive = (message: UbusMessage): void => {
    const { objectId, target, active } = message.attributes;
    const object = objectId === undefined ? undefined : numbered.get(objectId);
    if (message.type === messageType.invoke) answer(object, message);
    else if (message.type === messageType.notify && active !== undefined) object?.activityChanged?.(active);
    else if (message.type === messageType.unsubscribe && target !== undefined) object?.targetGone?.(target);
  };

  /** Runs a method of ours and sends what it answers: DATA if there is any, then STATUS. */
  const answer = (object: HostedObject | undefined, message: UbusMessage): void => {
    const { objectId, method, data, noReply, user = null, group = null } = message.attributes;
    if (objectId === undefined) return;
    const current = connection;
    const isEvent = message.peer === 0;
    const reply = (status: number, table?: UbusTable): void => {
      if (isEvent || noReply === true || !current || current !== connection) return;
      const { seq, peer } = message;
      const sent = table === undefined || sendData(current, message, objectId, table);
      current.send({ type: messageType.status, seq, peer, attributes: { status: sent ? status : ubusStatus.noMemory, objectId } });
    };
    if (!object) { reply(ubusStatus.notFound); return; }
    if (method === undefined || data === undefined) { reply(ubusStatus.invalidArgument); return; }
    if (invocations >= mostInvocations) { reply(ubusStatus.noMemory); return; }
    invocations++;
    const run = async (): Promise<UbusTable | null> => object.invoked({ method, args: decodeTable(data), caller: { user, group }, isEvent });
    run().then((table) => { reply(ubusStatus.ok, table ?? undefined); }, (error: unknown) => {
      if (error instanceof UbusError) reply(error.status, error.data);
      else if (error instanceof BlobError) reply(ubusStatus.invalidArgument);
      else {
        onProblem(`${object.name}, method ${method}: ${error instanceof Error ? error.message : String(error)}`);
        reply(ubusStatus.unknownError);
      }
    }).finally(() => { invocations--; }).catch((error: unknown) => { onProblem(`internal: ${String(error)}`); });
  };

  const request = (type: number, peer: number, attributes: MessageAttributes, timeout = defaultTimeout): Promise<readonly MessageAttributes[]> =>
    connection ? connection.request(type, peer, attributes, timeout) : Promise.reject(new UbusError(ubusStatus.connectionFailed, "ubusd is not there"));

  const lookup = async (wanted: string): Promise<readonly FoundObject[]> => {
    const found = await request(messageType.lookup, 0, wanted === "*" ? {} : { objectPath: wanted }).catch((error: unknown) => {
      if (error instanceof UbusError && error.status === ubusStatus.notFound) return [];
      throw error;
    });
    return found.flatMap(({ objectPath, objectId, signature }) => objectPath === undefined || objectId === undefined ? []
      : [{ path: objectPath, id: objectId, methods: readSignature(signature) }]);
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

  connectNow();
  return {
    get isConnected() { return connection !== undefined; },
    lookup,
    async invoke(objectPath, method, args = {}, timeout = defaultTimeout) {
      const known = knownIds.get(objectPath);
      if (known === undefined) return call(await idOf(objectPath), method, args, timeout);
      try {
        return await call(known, method, args, timeout);
      } catch (error) {
        // The object may have come back under another number; the method's own 'not found' is not asked for twice.
        if (!(error instanceof UbusError) || error.status !== ubusStatus.notFound) throw error;
        const id = await idOf(objectPath);
        if (id === known) throw error;
        return call(id, method, args, timeout);
      }
    },
    publish(object) {
      const published = host(hostPublished(object));
      return {
        get isPublished() { return published.isPublished; },
        notify: (type, data) => published.notify(type, data),
        remove: () => { remove(published); },
      };
    },
    subscribe(objectPath, notified) {
      const subscription = host(hostSubscription(objectPath, notified, after));
      return () => { remove(subscription); };
    },
    listen(pattern, heard) {
      const listener = host(hostListener(pattern, heard));
      return () => { remove(listener); };
    },
    async sendEvent(id, data) {
      await request(messageType.invoke, eventObject, { objectId: eventObject, method: "send", data: encodeTable({ id, data }) });
    },
    close() {
      isClosed = true;
      stopTimer();
      for (const stop of offers) stop();
      const current = connection;
      connection = undefined;
      current?.close();
    },
  };
}

function removeNumber(connection: UbusConnection, id: number): void {
  connection.request(messageType.removeObject, 0, { objectId: id }, defaultTimeout).catch(() => undefined); // gone either way
}

function sendData(connection: UbusConnection, { seq, peer }: UbusMessage, objectId: number, table: UbusTable): boolean {
  try {
    return connection.send({ type: messageType.data, seq, peer, attributes: { objectId, data: encodeTable(table) } });
  } catch (error) {
    if (error instanceof BlobError) return false;
    throw error;
  }
}

function readSignature(signature: Buffer | undefined): FoundObject["methods"] {
  try {
    return signature === undefined ? {} : decodeTable(signature) as FoundObject["methods"];
  } catch {
    return {}; // of a publisher that ubusd should not have believed
  }
}

const afterTimeout: After = (delay, callback) => {
  const timer = setTimeout(callback, delay);
  return () => { clearTimeout(timer); };
};
