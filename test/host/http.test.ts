import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { connect, createServer as createNetServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test } from "node:test";

const portOf = async (server: Server): Promise<number> => {
  server.listen({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};

/** What a server says to these bytes, until it ends the connection. */
async function exchange(port: number, ...parts: readonly string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  let said = "";
  socket.on("data", (chunk: Buffer) => {
    said += chunk.toString("latin1");
  });
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => {
      resolve();
    });
  });
  for (const part of parts) {
    socket.write(part);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  await closed;
  return said;
}

test("a server answers a request, whatever pieces it comes in, and ends what is none", async () => {
  const server = createServer({
    maxHeaderSize: 2048,
    headersTimeout: 5_000,
    requestTimeout: 5_000,
    connectionsCheckingInterval: 100,
    keepAlive: false,
    requireHostHeader: false,
  });
  const seen: string[] = [];
  const refused: (string | undefined)[] = [];
  server.on("request", (asked, response) => {
    seen.push([asked.method, asked.url, asked.headers["accept-language"], asked.headers["x-two"]].join(" "));
    response.writeHead(200, { "Content-Length": 5, "Connection": "close" });
    response.end(Buffer.from("hello"));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    refused.push(error.code);
    socket.destroy();
  });
  const port = await portOf(server);
  assert.match(await exchange(port, "GET /a?b HTTP/1.1\r\nAccept-Lang", "uage: de\r\nX-Two: 1\r\nx-two:  2 \r\n\r", "\n"),
    /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*Content-Length: 5\r\n(?:.*\r\n)*\r\nhello$/);
  assert.match(await exchange(port, "HEAD / HTTP/1.0\r\n\r\n"), /\r\n\r\n$/);
  assert.deepEqual(seen, ["GET /a?b de 1, 2", "HEAD /  "]);
  for (
    const bytes of ["GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\r\n\r\n", "GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
      `GET / HTTP/1.1\r\nA: ${"x".repeat(4096)}\r\n\r\n`, `GET / HTTP/1.1\r\nA: ${"x".repeat(4096)}`]
  ) {
    assert.equal(await exchange(port, bytes), "", JSON.stringify(bytes.slice(0, 30)));
  }
  assert.equal(refused.length, 5);
  assert.equal(seen.length, 2);
  assert.equal(refused.filter((code) => code === "HPE_HEADER_OVERFLOW").length, 2);
  server.close();
});

test("a client posts, and hears the status behind what comes before it", async () => {
  let heard = "";
  const says = (...parts: readonly string[]) => (socket: Socket): void => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString();
      if (heard.endsWith("body!"))
        parts.forEach((part, at) => {
          setTimeout(() => {
            socket.write(part);
            if (at === parts.length - 1) socket.end();
          }, 5 * at);
        });
    });
  };
  const ask = async (...parts: readonly string[]): Promise<string> => {
    heard = "";
    const server = createNetServer(says(...parts));
    const port = await portOf(server);
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const asking = request({
      method: "POST",
      path: "/hook",
      headers: { Host: "h", "Content-Length": "5" },
      setHost: false,
      createConnection: () => socket,
      maxHeaderSize: 4096,
    });
    const events: string[] = [];
    const done = new Promise<void>((resolve) => {
      socket.on("close", () => {
        resolve();
      });
      asking.on("information", ({ statusCode }) => {
        events.push(String(statusCode));
      });
      asking.on("upgrade", () => {
        events.push("upgrade");
        socket.destroy();
      });
      asking.on("error", () => {
        events.push("error");
        socket.destroy();
      });
      asking.on("response", (response) => {
        events.push(`response ${String(response.statusCode)}`);
        response.on("error", () => undefined);
        response.on("data", () => undefined);
        response.on("end", () => {
          socket.destroy();
        });
      });
    });
    asking.end("body!");
    await done;
    server.close();
    return events.join(", ");
  };
  assert.equal(await ask("HTTP/1.1 204 No Content\r\n\r\n"), "response 204");
  assert.match(heard, /^POST \/hook HTTP\/1\.1\r\n(?:.*\r\n)*\r\nbody!$/);
  assert.equal(await ask("HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 20", "0 OK\r\nContent-Length: 2\r\n\r\nok"), "102, response 200");
  assert.equal(await ask("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "upgrade");
  assert.equal(await ask("SSH-2.0-x\r\n\r\n"), "error");
  assert.equal(await ask(`HTTP/1.1 200 OK\r\nA: ${"x".repeat(8192)}\r\n\r\n`), "error");
});
