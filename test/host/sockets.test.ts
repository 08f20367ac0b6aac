import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, createServer, isIP, type AddressInfo, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";

const listen = async (server: Server, where: string | { port: number; host: string }): Promise<number> => {
  server.listen(where as string);
  await once(server, "listening");
  return typeof where === "string" ? 0 : (server.address() as AddressInfo).port;
};
const readAll = async (socket: Socket): Promise<string> => {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => {
    chunks.push(chunk);
  });
  await once(socket, "end");
  return Buffer.concat(chunks).toString();
};

for (const where of ["/tmp/host-socket-test.sock", { port: 0, host: "127.0.0.1" }, { port: 0, host: "::1" }]) {
  test(`a stream carries bytes both ways until both have said goodbye: ${JSON.stringify(where)}`, async () => {
    if (typeof where === "string") rmSync(where, { force: true });
    const server = createServer({ allowHalfOpen: true }, (client) => {
      readAll(client).then((text) => {
        client.end(text.toUpperCase());
      }, () => undefined);
    });
    const port = await listen(server, where);
    const socket = typeof where === "string" ? connect(where) : connect({ host: where.host, port, noDelay: true });
    socket.end("hello");
    assert.equal(await readAll(socket), "HELLO");
    await once(socket, "close");
    server.close();
    await once(server, "close");
    if (typeof where === "string") rmSync(where, { force: true });
  });
}

test("sixteen megabytes wait for a reader that pauses, and nothing is lost", async () => {
  const size = 16 * 1024 * 1024;
  const server = createServer((client) => {
    assert.equal(client.write(Buffer.alloc(size, 0x61)), false);
    assert.ok(client.writableLength > 0);
    client.end();
  });
  const port = await listen(server, { port: 0, host: "127.0.0.1" });
  const socket = connect(port, "127.0.0.1");
  let length = 0, sum = 0;
  socket.on("data", (chunk) => {
    length += chunk.length;
    for (const byte of chunk.subarray(0, 10)) sum += byte;
    socket.pause();
    setTimeout(() => {
      socket.resume();
    }, 0);
  });
  await once(socket, "end");
  assert.equal(length, size);
  assert.ok(sum > 0);
  server.close();
});

test("whoever is not there, or goes, is told of", async () => {
  const refused = connect(9, "127.0.0.1");
  const [error] = await once(refused.once("connect", () => undefined), "error").catch((failure: unknown) => [failure]) as [NodeJS.ErrnoException];
  assert.deepEqual([error.code, error.syscall, error.message], ["ECONNREFUSED", "connect", "connect ECONNREFUSED 127.0.0.1:9"]);
  const [missing] = await once(connect("/nowhere.sock"), "connect").catch((failure: unknown) => [failure]) as [NodeJS.ErrnoException];
  assert.equal(missing.code, "ENOENT");
  const server = createServer((client) => {
    client.on("error", () => undefined);
    client.destroy();
  });
  const port = await listen(server, { port: 0, host: "127.0.0.1" });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined).resume();
  await once(socket, "close");
  assert.ok(socket.destroyed);
  assert.equal(socket.write("late"), false);
  const second = createServer();
  second.listen({ port, host: "127.0.0.1" });
  const [taken] = await once(second, "listening").catch((failure: unknown) => [failure]) as [NodeJS.ErrnoException];
  assert.equal(taken.code, "EADDRINUSE");
  server.close();
});

test("datagrams arrive whole, and a connected socket hears of nobody", async () => {
  const [one, other] = [createSocket("udp4"), createSocket({ type: "udp4" })];
  one.bind({ address: "127.0.0.1", port: 0 });
  await once(one, "listening");
  const { port, address } = one.address();
  assert.equal(address, "127.0.0.1");
  await new Promise<void>((resolve) => {
    other.connect(port, "127.0.0.1", resolve);
  });
  const heard = once(one, "message");
  other.send(Uint8Array.of(1, 2, 3), () => undefined);
  assert.deepEqual([...(await heard)[0] as Buffer], [1, 2, 3]);
  const back = once(other, "message");
  one.send(Buffer.alloc(0), other.address().port, "127.0.0.1");
  assert.equal(((await back)[0] as Buffer).length, 0);
  one.close();
  // ICMP's word is heard where the kernel is next spoken to: by the one who sends, or the one who listens.
  const refused = await new Promise<NodeJS.ErrnoException>((resolve) => {
    const send = (): void => {
      other.send(Uint8Array.of(4), (error) => {
        if (error) hear(error);
      });
    };
    const timer = setInterval(send, 5);
    const hear = (error: NodeJS.ErrnoException): void => {
      clearInterval(timer);
      resolve(error);
    };
    other.on("error", hear);
  });
  assert.equal(refused.code, "ECONNREFUSED");
  await new Promise<void>((resolve) => {
    other.close(resolve);
  });
  assert.throws(() => {
    other.send(Uint8Array.of(6));
  }, { code: "ERR_SOCKET_DGRAM_NOT_RUNNING" });
  const unbound = createSocket("udp4");
  const failed = once(unbound, "error");
  unbound.bind({ address: "203.0.113.99", exclusive: true });
  const [bindError] = await failed as [NodeJS.ErrnoException];
  assert.deepEqual([bindError.code, bindError.syscall], ["EADDRNOTAVAIL", "bind"]);
  unbound.close();
});

test("names and addresses", async () => {
  assert.deepEqual(["1.2.3.4", "::1", "fe80::1%lo", "1.2.3", "01.2.3.4", "x", "", "::g"].map((text) => isIP(text)), [4, 6, 6, 0, 0, 0, 0, 0]);
  assert.ok((await lookup("localhost", { all: true, verbatim: true })).some(({ address }) => ["127.0.0.1", "::1"].includes(address)));
  await assert.rejects(lookup("no-such-name.invalid", { all: true }), ({ code }: NodeJS.ErrnoException) => code === "ENOTFOUND" || code === "EAI_AGAIN");
  assert.ok(networkInterfaces()["lo"]?.some(({ address, family, internal }) => address === "127.0.0.1" && family === "IPv4" && internal));
});
