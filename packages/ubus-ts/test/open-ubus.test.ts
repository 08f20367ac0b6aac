import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { after, afterEach, before, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createMessageReader, encodeMessage, messageType, ubusStatus } from "../src/message.ts";
import { openUbus, type Ubus } from "../src/open-ubus.ts";
import { UbusError } from "../src/ubus-error.ts";
import type { UbusTable } from "../src/blobmsg.ts";
import { until } from "../../../test/until.ts";
import { socketPath, startUbusd } from "./start-ubusd.ts";
import type { TestUbusd } from "./ubusd.ts";

const place = socketPath();
let ubusd: TestUbusd;
const opened: Ubus[] = [];

async function connected(options: Partial<Parameters<typeof openUbus>[0]> = {}): Promise<Ubus> {
  const ubus = openUbus({
    path: place.path,
    onProblem: (message) => {
      throw new Error(message);
    },
    ...options,
  });
  opened.push(ubus);
  await until("connected", () => ubus.isConnected);
  return ubus;
}

const echo = {
  path: "test.echo",
  methods: {
    echo: { signature: { text: "string", id: "int32", list: "array" }, answer: (args: UbusTable) => ({ args }) },
    who: { signature: {}, answer: (_args: UbusTable, { user, group }: { user: string | null; group: string | null }) => ({ user, group }) },
    refuse: {
      signature: {},
      answer: () => {
        throw new UbusError(ubusStatus.permissionDenied, undefined, { why: "no" });
      },
    },
    never: { signature: {}, answer: () => new Promise<UbusTable>(() => undefined) },
    huge: { signature: {}, answer: () => ({ text: "x".repeat(2_000_000) }) },
  },
} as const;

suite(`ubus client, against ${process.env["UBUSD"] ?? "our own small ubusd"}`, () => {
  before(async () => {
    ubusd = await startUbusd(place.path);
  });
  afterEach(() => {
    for (const ubus of opened.splice(0)) ubus.close();
  });
  after(async () => {
    await ubusd.stop();
    place.remove();
  });

  test("publishes an object, which others find with its signature and call", async () => {
    const [server, client] = [await connected(), await connected()];
    const publication = server.publish(echo);
    await until("published", () => publication.isPublished);
    const [found] = await client.lookup("test.*");
    assert.equal(found?.path, "test.echo");
    assert.deepEqual(found.methods["echo"], { text: 3, id: 5, list: 1 });
    assert.deepEqual(await client.invoke("test.echo", "echo", { text: "ä", id: 17, list: ["a", 1] }), { args: { text: "ä", id: 17, list: ["a", 1] } });
    assert.deepEqual(await client.invoke("test.echo", "who"), { user: "root", group: "root" });
    assert.deepEqual((await client.lookup("*")).map(({ path }) => path), ["test.echo"]);
    assert.deepEqual(await client.lookup("nothing"), []);
    publication.remove();
    await until("removed", async () => (await client.lookup("test.echo")).length === 0);
  });

  test("refusals and silence are errors with a status", async () => {
    const [server, client] = [await connected(), await connected()];
    const publication = server.publish(echo);
    await until("published", () => publication.isPublished);
    const failsWith = (status: number, ...[method, timeout]: [string, number?]): Promise<void> =>
      assert.rejects(client.invoke("test.echo", method, {}, timeout), (error) => error instanceof UbusError && error.status === status);
    await failsWith(ubusStatus.permissionDenied, "refuse");
    await failsWith(ubusStatus.methodNotFound, "toString");
    await failsWith(ubusStatus.noMemory, "huge");
    await failsWith(ubusStatus.timeout, "never", 30);
    await assert.rejects(client.invoke("test.other", "x"), (error) => error instanceof UbusError && error.status === ubusStatus.notFound);
  });

  test("many calls at once are answered each with its own", async () => {
    const [server, client] = [await connected(), await connected()];
    const publication = server.publish(echo);
    await until("published", () => publication.isPublished);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => client.invoke("test.echo", "echo", { id })));
    assert.deepEqual(answers, Array.from({ length: 50 }, (_, id) => ({ args: { id } })));
  });

  test("a taken path is refused, said, and tried again", async () => {
    const problems: string[] = [];
    const delays: number[] = [];
    const [first, second] = [await connected(), await connected({
      onProblem: (message) => {
        problems.push(message);
      },
      after(delay, callback) {
        delays.push(delay);
        const timer = setTimeout(callback, delay === 5_000 ? 20 : delay);
        return () => {
          clearTimeout(timer);
        };
      },
    })];
    const taken = first.publish(echo);
    await until("published", () => taken.isPublished);
    const waiting = second.publish(echo);
    await until("refused", () => problems.length > 0);
    assert.match(problems[0] ?? "", /object 'test.echo': invalid argument/);
    taken.remove();
    await until("published in the end", () => waiting.isPublished);
  });

  test("notifications reach subscribers, which the publisher hears of", async () => {
    const [server, client] = [await connected(), await connected()];
    const activity: boolean[] = [];
    const heard: unknown[] = [];
    const stop = client.subscribe("test.echo", (type, data) => {
      heard.push([type, data]);
    });
    const publication = server.publish({
      ...echo,
      onSubscribers: (active) => {
        activity.push(active);
      },
    });
    await until("subscribed to what came later", () => activity.length === 1);
    assert.ok(publication.notify("request", { id: 17, devices: [{ mac: "aa" }] }));
    await until("notified", () => heard.length === 1);
    assert.deepEqual(heard, [["request", { id: 17, devices: [{ mac: "aa" }] }]]);
    publication.remove();
    await until("gone", async () => (await client.lookup("test.echo")).length === 0);
    const again = server.publish({
      ...echo,
      onSubscribers: (active) => {
        activity.push(active);
      },
    });
    await until("subscribed to the one that came back", () => activity.filter(Boolean).length === 2);
    again.notify("ended", {});
    await until("notified once", () => heard.length === 2);
    stop();
    await until("unsubscribed", () => activity.at(-1) === false);
  });

  test("events by pattern", async () => {
    const [sender, listener] = [await connected(), await connected()];
    const heard: unknown[] = [];
    const all: string[] = [];
    listener.listen("test.*", (id, data) => {
      heard.push([id, data]);
    });
    listener.listen("*", (id) => {
      all.push(id);
    });
    await until("listening", async () => {
      await sender.sendEvent("other", {});
      await sender.sendEvent("test.ready", {});
      return heard.length > 0 && all.includes("other");
    });
    heard.length = 0;
    await sender.sendEvent("test.one", { n: 1 });
    await until("heard", () => heard.length > 0 && all.includes("test.one"));
    assert.ok(heard.some((each) => JSON.stringify(each) === '["test.one",{"n":1}]'));
    await assert.rejects(sender.sendEvent("ubus.object.add", {}), (error) => error instanceof UbusError && error.status === ubusStatus.permissionDenied);
  });

  test("all comes back after ubusd was restarted", async () => {
    const states: boolean[] = [];
    const [server, client] = [await connected({
      onConnection: (isConnected) => {
        states.push(isConnected);
      },
    }), await connected()];
    const heard: string[] = [];
    let active = false;
    const publication = server.publish({
      ...echo,
      onSubscribers: (now) => {
        active = now;
      },
    });
    client.subscribe("test.echo", (type) => {
      heard.push(type);
    });
    await until("subscribed", () => active);
    await client.invoke("test.echo", "echo");
    await ubusd.stop();
    await until("lost", () => !server.isConnected && !client.isConnected);
    assert.equal(publication.notify("lost", {}), false);
    await assert.rejects(client.invoke("test.echo", "echo"), (error) => error instanceof UbusError && error.status === ubusStatus.connectionFailed);
    active = false;
    ubusd = await startUbusd(place.path);
    await until("subscribed again", () => active);
    publication.notify("back", {});
    await until("notified", () => heard.includes("back"));
    assert.deepEqual(await client.invoke("test.echo", "echo", { id: 1 }), { args: { id: 1 } });
    assert.deepEqual(states, [true, false, true]);
  });

  test("a callee that dies is a time-out, and found again when it is back", async () => {
    const [client, first] = [await connected(), await connected()];
    let isCalled = false;
    const never = {
      signature: {},
      answer: () => {
        isCalled = true;
        return new Promise<UbusTable>(() => undefined);
      },
    };
    const publication = first.publish({ path: "test.echo", methods: { never } });
    await until("published", () => publication.isPublished);
    const call = client.invoke("test.echo", "never", {}, 200);
    call.catch(() => undefined);
    await until("called", () => isCalled);
    first.close();
    await assert.rejects(call, (error) => error instanceof UbusError && error.status === ubusStatus.timeout);
    const second = (await connected()).publish(echo);
    await until("published", () => second.isPublished);
    assert.deepEqual(await client.invoke("test.echo", "echo"), { args: {} });
  });
});

suite("ubus client, against a hostile ubusd", () => {
  /** A server that says what it is given, and then does with each client what the test wants. */
  async function withServer(serve: (socket: Socket) => void, use: (path: string) => Promise<void>): Promise<void> {
    const { path, remove } = socketPath();
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      serve(socket);
    });
    await new Promise<void>((resolve) => {
      server.listen(path, () => {
        resolve();
      });
    });
    try {
      await use(path);
    } finally {
      for (const ubus of opened.splice(0)) ubus.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      remove();
    }
  }
  const hello = encodeMessage({ type: messageType.hello, seq: 0, peer: 9, attributes: {} });

  test("noise ends the connection, which is tried again later and later", async () => {
    const delays: number[] = [];
    await withServer((socket) => socket.write(Buffer.alloc(64, 0xff)), async (path) => {
      opened.push(openUbus({
        path,
        after: (delay, callback) => {
          if (delay !== 5_000) delays.push(delay);
          const timer = setTimeout(callback, Math.min(delay, 3));
          return () => {
            clearTimeout(timer);
          };
        },
      }));
      await until("tried several times", () => delays.length >= 8);
    });
    assert.deepEqual(delays.slice(0, 8), [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  test("an answer with the right number from the wrong peer is not the answer", async () => {
    await withServer((socket) => {
      socket.write(hello);
      socket.on("data", (bytes) => {
        const seq = bytes.readUInt16BE(2);
        const answer = (peer: number, status: number): Buffer => encodeMessage({ type: messageType.status, seq, peer, attributes: { status } });
        socket.write(Buffer.concat([answer(1234, ubusStatus.ok), answer(0, ubusStatus.notFound)]));
      });
    }, async (path) => {
      const ubus = openUbus({ path });
      opened.push(ubus);
      await until("connected", () => ubus.isConnected);
      assert.deepEqual(await ubus.lookup("x"), []);
    });
  });

  test("a ubusd that does not read holds up requests, not memory", async () => {
    await withServer((socket) => {
      socket.write(hello);
      socket.pause();
    }, async (path) => {
      const ubus = openUbus({ path });
      opened.push(ubus);
      await until("connected", () => ubus.isConnected);
      const text = "x".repeat(900_000);
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () => ubus.sendEvent("e", { text: text })).slice(0, 20).map((each) =>
          Promise.race([each, wait(50).then(() => {
            throw new Error("waiting");
          })])
        ),
      );
      assert.ok(
        results.filter((each) => each.status === "rejected" && each.reason instanceof UbusError && each.reason.status === ubusStatus.noMemory).length >= 15,
      );
    });
  });

  test("calls with malformed data, without a method, for unknown objects, and too many of them are answered with a status", async () => {
    const statuses: (number | undefined)[] = [];
    await withServer((socket) => {
      socket.write(hello);
      const call = (seq: number, objectId: number, more: object): void => {
        socket.write(encodeMessage({ type: messageType.invoke, seq, peer: 77, attributes: { objectId, ...more } }));
      };
      const read = createMessageReader(({ type, seq, peer, attributes }) => {
        if (type === messageType.status) statuses.push(attributes.status);
        if (type !== messageType.addObject) return;
        socket.write(encodeMessage({ type: messageType.data, seq, peer, attributes: { objectId: 5 } }));
        socket.write(encodeMessage({ type: messageType.status, seq, peer, attributes: { status: 0 } }));
        setImmediate(() => {
          call(1, 5, { method: "echo", data: Buffer.from("ffffffff", "hex") });
          call(2, 5, { method: "echo" });
          call(3, 5, { data: Buffer.alloc(0) });
          call(4, 6, { method: "echo", data: Buffer.alloc(0) });
          for (let more = 0; more < 65; more++) call(5 + more, 5, { method: "never", data: Buffer.alloc(0) });
        });
      });
      socket.on("data", read);
    }, async (path) => {
      const ubus = openUbus({ path });
      opened.push(ubus);
      ubus.publish(echo);
      await until("answered", () => statuses.length >= 5);
    });
    const { invalidArgument, notFound, noMemory } = ubusStatus;
    // Which of them are too many depends on how many of the first are answered by then.
    const tooMany = statuses.filter((status) => status === noMemory).length;
    assert.ok(tooMany >= 1 && tooMany <= 2, `${tooMany} were too many`);
    assert.deepEqual(statuses.filter((status) => status !== noMemory).sort(), [invalidArgument, invalidArgument, invalidArgument, notFound]);
  });

  test("an answer without end is cut", async () => {
    await withServer((socket) => {
      socket.write(hello);
      socket.on("data", (bytes) => {
        const seq = bytes.readUInt16BE(2);
        const data = encodeMessage({ type: messageType.data, seq, peer: 0, attributes: { signature: Buffer.alloc(500_000), objectId: 1, objectPath: "x" } });
        for (let count = 0; count < 12; count++) socket.write(data);
      });
    }, async (path) => {
      const ubus = openUbus({ path });
      opened.push(ubus);
      await until("connected", () => ubus.isConnected);
      await assert.rejects(ubus.lookup("*"), /the answer is too large/);
    });
  });
});
