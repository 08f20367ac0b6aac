import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setImmediate as settle } from "node:timers/promises";
import { encodeTable } from "../src/blobmsg.ts";
import { callObjects } from "../src/call-objects.ts";
import type { UbusConnection } from "../src/connect-ubus.ts";
import { hostObjects } from "../src/host-objects.ts";
import type { HostedObject } from "../src/hosted-object.ts";
import { messageType, ubusStatus, type MessageAttributes } from "../src/message.ts";
import { UbusError } from "../src/ubus-error.ts";

type Answer = (attributes: MessageAttributes, peer: number) => readonly MessageAttributes[];

/** A connection whose requests are answered here. */
function connectionThat(answers: Readonly<Record<number, Answer>>): UbusConnection {
  return {
    request: async (type, peer, attributes, _timeout, onData) => {
      const answer = answers[type];
      const data = await Promise.resolve(answer ? answer(attributes, peer) : []);
      for (const each of data) onData?.(each);
      return data;
    },
    send: () => true,
    close: () => undefined,
  };
}

suite("on a connection that answers here", () => {
  const object = (name: string): HostedObject & { readonly events: string[] } => {
    const events: string[] = [];
    return {
      name,
      events,
      attributes: { objectPath: name },
      added: (_connection, id) => {
        events.push(`added ${id}`);
      },
      lost: () => {
        events.push("lost");
      },
      invoked: () => null,
    };
  };

  test("an object that is refused is offered again, and one that was removed meanwhile is not", async () => {
    const offered: string[] = [];
    const waiting: (() => void)[] = [];
    let isTaken = true;
    const connection = connectionThat({
      [messageType.addObject]: ({ objectPath = "" }) => {
        offered.push(objectPath);
        if (isTaken) throw new UbusError(ubusStatus.invalidArgument);
        return [{ objectId: 7 }];
      },
    });
    const problems: string[] = [];
    const host = hostObjects({
      connection: () => connection,
      onProblem: (problem) => {
        problems.push(problem);
      },
      after: (_delay, callback) => {
        waiting.push(callback);
        return () => undefined;
      },
    });
    const [kept, removed] = [host.add(object("kept")), host.add(object("removed"))];
    await settle();
    host.remove(removed);
    isTaken = false;
    for (const offer of waiting) offer();
    await settle();
    assert.deepEqual([offered, problems.length, kept.events, removed.events], [["kept", "removed", "kept"], 2, ["added 7"], ["lost"]]);
    assert.equal(host.find(7), kept);
    host.lost();
    assert.deepEqual([host.find(7), kept.events], [undefined, ["added 7", "lost"]]);
  });

  test("an object that has come back under another number is found; a method's own 'not found' is passed on", async () => {
    let id = 5;
    let lookups = 0;
    const caller = callObjects(() =>
      connectionThat({
        [messageType.lookup]: () => {
          lookups++;
          return [{ objectPath: "it", objectId: id }];
        },
        [messageType.invoke]: ({ method }, peer) => {
          if (peer !== id || method === "absent") throw new UbusError(ubusStatus.notFound);
          return [{ data: encodeTable({ from: peer }) }];
        },
      })
    );
    assert.deepEqual(await caller.invoke("it", "do"), { from: 5 });
    id = 6;
    assert.deepEqual(await caller.invoke("it", "do"), { from: 6 });
    await assert.rejects(caller.invoke("it", "absent"), ({ status }: UbusError) => status === ubusStatus.notFound);
    assert.equal(lookups, 3);
  });

  test("without a connection every call says so", async () => {
    await assert.rejects(callObjects(() => undefined).invoke("it", "do"), ({ status }: UbusError) => status === ubusStatus.connectionFailed);
  });
});
