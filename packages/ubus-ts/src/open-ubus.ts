import { afterTimeout, type After } from "./after.ts";
import { answerInvocations } from "./answer-invocations.ts";
import type { UbusTable } from "./blobmsg.ts";
import { callObjects, type FoundObject } from "./call-objects.ts";
import type { UbusConnection } from "./connect-ubus.ts";
import { hostObjects } from "./host-objects.ts";
import { keepConnected } from "./keep-connected.ts";
import { messageType } from "./message.ts";
import { hostPublished, type ObjectToPublish, type Publication } from "./published-object.ts";
import { hostListener, hostSubscription } from "./subscription.ts";

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

/** Connects in the background and again whenever the connection ends; an absent socket is tried again quietly. */
export function openUbus({ path, onConnection, onProblem = () => undefined, after = afterTimeout }: UbusOptions): Ubus {
  const connection = (): UbusConnection | undefined => kept.current();
  const host = hostObjects({ connection, onProblem, after });
  const answer = answerInvocations({ connection, onProblem });
  const others = callObjects(connection);

  const kept = keepConnected(path, {
    opened() {
      host.offerAll();
    },
    received(message) {
      const { objectId, target, active } = message.attributes;
      const object = host.find(objectId);
      if (message.type === messageType.invoke) answer(object, message);
      else if (message.type === messageType.notify && active !== undefined) object?.activityChanged?.(active);
      else if (message.type === messageType.unsubscribe && target !== undefined) object?.targetGone?.(target);
    },
    lost() {
      others.lost();
      host.lost();
    },
    changed(isConnected, reason) {
      onConnection?.(isConnected, reason);
    },
  }, after);

  return {
    get isConnected() {
      return connection() !== undefined;
    },
    lookup: (wanted) => others.lookup(wanted),
    invoke: (objectPath, method, args, timeout) => others.invoke(objectPath, method, args, timeout),
    sendEvent: (id, data) => others.sendEvent(id, data),
    publish(object) {
      const published = host.add(hostPublished(object));
      return {
        get isPublished() {
          return published.isPublished;
        },
        notify: (type, data) => published.notify(type, data),
        remove: () => {
          host.remove(published);
        },
      };
    },
    subscribe(objectPath, notified) {
      const subscription = host.add(hostSubscription(objectPath, notified, after));
      return () => {
        host.remove(subscription);
      };
    },
    listen(pattern, heard) {
      const listener = host.add(hostListener(pattern, heard));
      return () => {
        host.remove(listener);
      };
    },
    close() {
      host.close();
      kept.close();
    },
  };
}
