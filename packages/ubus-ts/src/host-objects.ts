import type { After } from "./after.ts";
import type { UbusConnection } from "./connect-ubus.ts";
import type { HostedObject } from "./hosted-object.ts";
import { messageType, ubusStatus } from "./message.ts";
import { UbusError } from "./ubus-error.ts";

/** Objects of ours, which ubusd gives numbers to on each connection. */
export interface ObjectHost {
  add<Kind extends HostedObject>(object: Kind): Kind;
  remove(object: HostedObject): void;
  /** The object that has this number on the connection of now. */
  find(id: number | undefined): HostedObject | undefined;
  /** Offers all of them to ubusd. */
  offerAll(): void;
  /** The connection has ended, and with it the numbers. */
  lost(): void;
  close(): void;
}

export interface ObjectHostDeps {
  readonly connection: () => UbusConnection | undefined;
  readonly onProblem: (message: string) => void;
  readonly after: After;
}

const requestTimeout = 5_000; // milliseconds
/** How soon an object that ubusd refused (its path is taken) is offered again. */
const offerAgain = 5_000; // milliseconds

/** Offers what is added now, and again on each connection; what ubusd refuses it is offered every five seconds. */
export function hostObjects({ connection, onProblem, after }: ObjectHostDeps): ObjectHost {
  const hosted = new Set<HostedObject>();
  /** Objects that ubusd has given a number, on this connection. */
  const numbered = new Map<number, HostedObject>();
  const offers = new Set<() => void>();

  const offer = (object: HostedObject): void => {
    const current = connection();
    if (!current) return;
    const add = async (): Promise<void> => {
      // At once: the first call may be right behind the answer.
      const [added] = await current.request(messageType.addObject, 0, object.attributes, requestTimeout, ({ objectId }) => {
        if (objectId !== undefined && connection() === current) numbered.set(objectId, object);
      });
      if (added?.objectId === undefined) throw new UbusError(ubusStatus.noData);
      if (hosted.has(object)) await object.added(current, added.objectId);
      else unnumber(object, current);
    };
    add().catch((error: unknown) => {
      if (connection() !== current || !hosted.has(object)) return;
      onProblem(`${object.name}: ${error instanceof Error ? error.message : String(error)}; offered again in ${offerAgain / 1000} s`);
      unnumber(object, current);
      const stopOffering = after(offerAgain, () => {
        offers.delete(stopOffering);
        if (connection() === current && hosted.has(object)) offer(object);
      });
      offers.add(stopOffering);
    });
  };
  const unnumber = (object: HostedObject, current: UbusConnection): void => {
    for (const [id, each] of numbered) {
      if (each !== object) continue;
      numbered.delete(id);
      current.request(messageType.removeObject, 0, { objectId: id }, requestTimeout).catch(() => undefined); // gone either way
    }
  };

  return {
    add(object) {
      hosted.add(object);
      offer(object);
      return object;
    },
    remove(object) {
      hosted.delete(object);
      const current = connection();
      if (current) unnumber(object, current);
      object.lost();
    },
    find: (id) => id === undefined ? undefined : numbered.get(id),
    offerAll() {
      for (const object of hosted) offer(object);
    },
    lost() {
      numbered.clear();
      for (const object of hosted) object.lost();
    },
    close() {
      for (const stop of offers) stop();
    },
  };
}
