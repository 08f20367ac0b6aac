import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { suiteLimit } from "../../patience.ts";
import { connack, header, playBroker, pour, publish } from "./hostile-broker.ts";
import { startNotifier } from "./measure-notifier.ts";

/** Megabytes that a receiver may make a notifier take. Without limits these took 500 to 1,900. */
const mostGrowth = 60;
const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1_000);
  });

describe("a broker that attacks", { timeout: suiteLimit, concurrency: 4 }, () => {
  const qos2 = (socket: Socket): void => {
    let id = 0;
    const more = (): void => {
      do id = id % 65_535 + 1; while (!socket.destroyed && socket.write(publish("x", Buffer.alloc(20_000), { qos: 2, id })));
    };
    socket.on("drain", more);
    more();
  };
  const attacks: [what: string, commands: boolean, attack: (socket: Socket) => void, says: RegExp][] = [
    ["messages with QoS 2", false, qos2, /QoS 2/],
    ["one message of 256 MB", false, (socket) => {
      socket.write(Buffer.concat([header(0x30, 255 * 2 ** 20), Buffer.from([0, 1, 120])]));
      pour(socket, Buffer.alloc(65_536));
    }, /more than 1024 bytes/],
    ["messages that nobody asked for", false, (socket) => {
      pour(socket, publish("dots/mitigation/17/set", "approve"));
    }, /not subscribed/],
    ["a flood of commands", true, (socket) => {
      pour(socket, publish("dots/mitigation/17/set", "approve"));
    }, /more than 2000 packets/],
    ["a flood of what it claims to keep", false, (socket) => {
      pour(socket, publish("dots/mitigation/17", Buffer.alloc(60_000), { retain: true }));
    }, /more than 2000 packets/],
    ["a flood of acknowledgements", true, (socket) => {
      pour(socket, Buffer.from([0x40, 2, 0, 1]));
    }, /more than 2000 packets/],
    ["half a packet for ever", true, (socket) => {
      pour(socket, Buffer.from([0x30, 0xff]));
    }, /more than 1024 bytes|QoS 2|length/],
  ];
  for (const [what, commands, attack, says] of attacks) {
    it(`${what}: is left alone for a minute, and costs no memory`, async () => {
      const broker = await playBroker((socket) => {
        socket.once("data", () => {
          socket.write(connack());
          attack(socket);
        });
        return undefined;
      });
      const notifier = await startNotifier({ type: "mqtt", url: `mqtt://127.0.0.1:${broker.port}`, commands });
      const before = notifier.peak();
      await notifier.until(says);
      await wait(1);
      assert.match(notifier.lines.join("\n"), /the broker sent .*; next attempt in 60 s/);
      assert.equal(broker.connectedAt.length, 1);
      assert.ok(notifier.peak() - before < mostGrowth, `${notifier.peak() - before} MB more`);
      notifier.stop();
      broker.close();
    });
  }
});

describe("a server that attacks who POSTs to it", { timeout: suiteLimit, concurrency: 4 }, () => {
  const endless = "HTTP/1.1 200 OK\r\n";
  const attacks: [what: string, answer: (socket: Socket) => void, says: RegExp | undefined][] = [
    ["a body of gigabytes", (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n");
      pour(socket, Buffer.alloc(65_536));
    }, undefined],
    ["chunks without end", (socket) => {
      socket.write("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n");
      pour(socket, Buffer.from("1\r\nx\r\n".repeat(10_000)));
    }, /HTTP 500; next attempt in 2 s/],
    ["headers without end", (socket) => {
      socket.write(endless);
      pour(socket, Buffer.from("X-More: and more\r\n".repeat(1_000)));
    }, /; next attempt in 2 s/],
    ["one header of gigabytes", (socket) => {
      socket.write(`${endless}X-Long: `);
      pour(socket, Buffer.alloc(65_536, 97));
    }, /; next attempt in 2 s/],
    ["a status line of gigabytes", (socket) => {
      socket.write("HTTP/1.1 200 ");
      pour(socket, Buffer.alloc(65_536, 97));
    }, /; next attempt in 2 s/],
    ["100 Continue without end", (socket) => {
      pour(socket, Buffer.from("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)));
    }, /1xx again and again; next attempt in 2 s/],
    ["another protocol", (socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
      pour(socket, Buffer.alloc(65_536));
    }, /101; next attempt in 2 s/],
    ["no answer for ever", () => undefined, /no answer within 20 s; next attempt in 2 s/],
    ["an answer of one byte a second", (socket) => {
      socket.write(`${endless}X-Slow: `);
      const drip = setInterval(() => socket.write("a"), 1_000);
      socket.once("close", () => {
        clearInterval(drip);
      });
    }, /no answer within 20 s; next attempt in 2 s/],
    ["garbage", (socket) => {
      pour(socket, Buffer.alloc(65_536, 1));
    }, /; next attempt in 2 s/],
  ];
  for (const type of ["webhook", "ntfy"] as const)
    for (const [what, answer, says] of attacks) {
      it(`${type}, ${what}: costs no memory, and no connection stays`, async () => {
        let asked = 0;
        const sockets = new Set<Socket>();
        const server = createServer((socket) => {
          sockets.add(socket);
          socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
          socket.once("data", () => {
            asked++;
            answer(socket);
          });
        }).listen(0, "127.0.0.1");
        await new Promise((resolve) => server.once("listening", resolve));
        const address = server.address();
        const notifier = await startNotifier({ type, url: `http://127.0.0.1:${typeof address === "object" ? address?.port ?? 0 : 0}/topic` });
        const before = notifier.peak();
        if (says) await notifier.until(says);
        while (asked < 2) await wait(0.1);
        await wait(1);
        assert.ok(sockets.size <= 1, `${sockets.size} connections are open`);
        assert.ok(notifier.peak() - before < mostGrowth, `${notifier.peak() - before} MB more`);
        notifier.stop();
        server.close();
        for (const socket of sockets) socket.destroy();
      });
    }
});
