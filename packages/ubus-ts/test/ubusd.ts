import { createServer, type Socket } from "node:net";
import { rmSync } from "node:fs";
import { BlobError } from "../src/blob.ts";
import { decodeTable, encodeTable, type UbusTable } from "../src/blobmsg.ts";
import { createMessageReader, encodeMessage, messageType as type, ubusStatus as status, type MessageAttributes, type UbusMessage } from "../src/message.ts";

/**
 * A small ubusd of ours, for tests: not OpenWrt's, but written from its wire format (docs: packages/ubus-ts/README.md). It knows HELLO,
 * PING, LOOKUP, INVOKE, ADD_OBJECT, REMOVE_OBJECT, SUBSCRIBE, UNSUBSCRIBE, NOTIFY, events, and no access control.
 * The same tests run against the real ubusd where UBUSD names its binary.
 */
export interface TestUbusd {
  readonly path: string;
  /** Ends all clients and removes the socket, as a killed ubusd does. */
  stop(): Promise<void>;
}

interface Client {
  readonly id: number;
  readonly socket: Socket;
}

interface Hosted {
  readonly id: number;
  readonly client: Client;
  readonly path: string | undefined;
  readonly signature: Buffer | undefined;
  readonly subscribers: Set<Hosted>;
  readonly patterns: string[];
  seq: number;
}

const firstId = 0x8000_0001; // above 2^31, where a signed reading goes wrong
const eventObject = 1;

export function startOwnUbusd(path: string): Promise<TestUbusd> {
  const objects = new Map<number, Hosted>();
  const clients = new Map<number, Client>();
  let nextId = firstId;

  const send = (to: Client, message: UbusMessage): void => {
    if (!to.socket.destroyed) to.socket.write(encodeMessage(message));
  };
  const byPath = (wanted: string): Hosted[] =>
    [...objects.values()].filter((each) =>
      each.path !== undefined
      && (wanted.endsWith("*") ? each.path.startsWith(wanted.slice(0, -1)) : each.path === wanted)
    )
      .sort((a, b) => ((a.path ?? "") < (b.path ?? "") ? -1 : 1));

  const sendEvent = (from: Client | null, name: string, data: Buffer): void => {
    for (const object of objects.values()) {
      const isWanted = object.patterns.some((pattern) => pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name);
      if (isWanted && object.client !== from)
        send(object.client, { type: type.invoke, seq: ++object.seq, peer: 0, attributes: { objectId: object.id, method: name, data } });
    }
  };
  const tellActivity = (object: Hosted): void => {
    send(object.client, { type: type.notify, seq: ++object.seq, peer: 0, attributes: { objectId: object.id, active: object.subscribers.size > 0 } });
  };
  const unsubscribe = (subscriber: Hosted, target: Hosted): boolean => {
    const was = target.subscribers.delete(subscriber);
    if (was && target.subscribers.size === 0) tellActivity(target);
    return was;
  };
  const removeObject = (object: Hosted): void => {
    for (const target of objects.values()) unsubscribe(object, target);
    for (const subscriber of object.subscribers) {
      send(subscriber.client, { type: type.unsubscribe, seq: ++subscriber.seq, peer: 0, attributes: { objectId: subscriber.id, target: object.id } });
    }
    objects.delete(object.id);
    if (object.path !== undefined) sendEvent(null, "ubus.object.remove", encodeTable({ id: object.id | 0, path: object.path }));
  };

  /** Answers a request: a status, or undefined if an answer comes otherwise. */
  const handle = (client: Client, { type: kind, seq, peer, attributes }: UbusMessage): number | undefined => {
    const answer = (data: MessageAttributes): void => {
      send(client, { type: type.data, seq, peer, attributes: data });
    };
    const object = attributes.objectId === undefined ? undefined : objects.get(attributes.objectId);
    const target = attributes.target === undefined ? undefined : objects.get(attributes.target);
    switch (kind) {
      case type.lookup: {
        const found = byPath(attributes.objectPath ?? "*");
        if (found.length === 0 && attributes.objectPath !== undefined) return status.notFound;
        for (const { path: objectPath, id, signature } of found) {
          if (signature && objectPath !== undefined) answer({ objectPath, objectId: id, objectType: id, signature });
        }
        return status.ok;
      }
      case type.addObject: {
        if (attributes.objectPath !== undefined && byPath(attributes.objectPath).length > 0) return status.invalidArgument;
        const id = nextId++;
        const { objectPath, signature } = attributes;
        objects.set(id, { id, client, path: objectPath, signature, subscribers: new Set(), patterns: [], seq: 0 });
        if (objectPath !== undefined) sendEvent(null, "ubus.object.add", encodeTable({ id: id | 0, path: objectPath }));
        answer({ objectId: id, ...(signature ? { objectType: id } : {}) });
        return status.ok;
      }
      case type.removeObject:
        if (!object) return status.notFound;
        if (object.client !== client) return status.permissionDenied;
        answer({ objectId: object.id });
        removeObject(object);
        return status.ok;
      case type.subscribe:
        if (object?.client !== client || target?.client === client) return status.invalidArgument;
        if (!target) return status.notFound;
        target.subscribers.add(object);
        if (target.subscribers.size === 1) tellActivity(target);
        return status.ok;
      case type.unsubscribe:
        return object && target && unsubscribe(object, target) ? status.ok : status.notFound;
      case type.notify:
        if (object?.client !== client) return status.notFound;
        for (const subscriber of object.subscribers) {
          const { noReply } = attributes;
          send(subscriber.client, {
            type: type.invoke,
            seq,
            peer: client.id,
            attributes: {
              objectId: subscriber.id,
              method: attributes.method ?? "",
              data: attributes.data ?? Buffer.alloc(0),
              ...(noReply === true ? { noReply } : {}),
            },
          });
        }
        return attributes.noReply === true ? undefined : status.ok;
      case type.invoke:
        return attributes.objectId === eventObject ? handleEvents(client, attributes) : forward(client, object, seq, attributes);
      case type.status:
      case type.data: {
        const to = clients.get(peer);
        if (to && object?.client === client) send(to, { type: kind, seq, peer: object.id, attributes });
        return undefined;
      }
      default:
        return status.invalidCommand;
    }
  };

  const forward = (client: Client, object: Hosted | undefined, seq: number, attributes: MessageAttributes): number | undefined => {
    if (attributes.method === undefined) return status.invalidArgument;
    if (!object) return status.notFound;
    const { method, data } = attributes;
    send(object.client, {
      type: type.invoke,
      seq,
      peer: client.id,
      attributes: { objectId: object.id, method, user: "root", group: "root", ...(data ? { data } : {}) },
    });
    return undefined;
  };
  const handleEvents = (client: Client, { method, data }: MessageAttributes): number => {
    const { object, pattern, id, data: sent } = decodeTable(data ?? Buffer.alloc(0));
    if (method === "register" && typeof object === "number" && typeof pattern === "string") {
      const hosted = objects.get(object >>> 0);
      if (hosted?.client !== client) return status.permissionDenied;
      hosted.patterns.push(pattern);
      return status.ok;
    }
    if (method === "send" && typeof id === "string" && typeof sent === "object" && sent !== null && !Array.isArray(sent)) {
      if (id.startsWith("ubus.")) return status.permissionDenied;
      sendEvent(client, id, encodeTable(sent as UbusTable));
      return status.ok;
    }
    return status.invalidArgument;
  };

  const server = createServer((socket) => {
    const client: Client = { id: nextId++, socket };
    clients.set(client.id, client);
    send(client, { type: type.hello, seq: 0, peer: client.id, attributes: {} });
    const read = createMessageReader((message) => {
      const result = handle(client, message);
      if (result !== undefined) send(client, { type: type.status, seq: message.seq, peer: message.peer, attributes: { status: result } });
    });
    socket.on("data", (chunk) => {
      try {
        read(chunk);
      } catch (error) {
        if (!(error instanceof BlobError)) throw error;
        socket.destroy();
      }
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clients.delete(client.id);
      for (const object of [...objects.values()]) if (object.client === client) removeObject(object);
    });
  });
  rmSync(path, { force: true });
  return new Promise((resolve) => {
    server.listen(path, () => {
      resolve({
        path,
        stop: () =>
          new Promise((stopped) => {
            for (const { socket } of clients.values()) socket.destroy();
            server.close(() => {
              stopped();
            });
          }),
      });
    });
  });
}
