// Before, during and after the handshake: nothing unauthenticated is delivered, nothing crashes, and a session, once it is
// there, survives. In memory for the many cases, through real sockets and OpenSSL for the few.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { before, test } from "node:test";
import * as fc from "fast-check";
import type { DtlsModule } from "dtls-wasm";
import { dial, opensslPsk, refusal } from "./dialling.ts";
import { forgeries, record } from "../../../packages/dtls-wasm/test/forgeries.ts";
import { loadServer, MemoryNet } from "../../../packages/dtls-wasm/test/memory-net.ts";
import { loadDtls, startOpenssl } from "../../../packages/dtls-wasm/test/peers.ts";
import { startProxy } from "../../../packages/dtls-wasm/test/proxy.ts";

let client: DtlsModule, server: DtlsModule;
before(async () => {
  [client, server] = await Promise.all([loadDtls(), loadServer()]);
});

/** Whatever came of it: connected and nothing but honest data, or ended with a reason that allows another attempt. */
function assertHonest(it: MemoryNet, what: string): void {
  it.link = (_direction, datagram) => [datagram];
  const end = it.events.at(-1);
  if (end?.is === "closed") {
    assert.equal(end.failure.retryable, true, `${what}: ${end.failure.text}`);
    assert.notEqual(end.failure.reason, "internal", `${what}: ${end.failure.text}`);
    assert.deepEqual(it.data, [], what);
  } else {
    assert.ok(it.connected, what);
    assert.ok(it.echoes("still here"), what);
    assert.deepEqual(it.data, ["still here"], what);
  }
}

test("after the handshake: every forgery, one after the other, and the session still echoes", () => {
  for (const connectionId of [false, true]) {
    const it = new MemoryNet(client, server, { connectionId }).connect();
    assert.ok(it.echoes("a message to be captured"));
    const captured = it.received.at(-1) ?? new Uint8Array();
    const list = forgeries(captured, 1);
    assert.ok(list.length > 250);
    const events = it.events.length, sent = it.sent.length;
    for (const { what, datagram } of list) {
      it.perform(it.client.receive(datagram));
      assert.equal(it.events.length, events, what);
    }
    assert.equal(it.sent.length, sent, "nothing is answered either");
    assert.ok(it.echoes("still here"));
    assert.deepEqual(it.data, ["a message to be captured", "still here"]);
  }
});

test("after the handshake: arbitrary datagrams", () => {
  const it = new MemoryNet(client, server).connect();
  assert.ok(it.echoes("first"));
  const events = it.events.length;
  const header = fc.tuple(fc.constantFrom(20, 21, 22, 23, 25), fc.integer({ min: 0, max: 3 }), fc.maxSafeNat().map((n) => n % 2 ** 48),
    fc.uint8Array({ maxLength: 300 }))
    .map(([type, epoch, sequence, body]) => record(type, epoch, sequence, body));
  const piece = fc.oneof(fc.uint8Array({ maxLength: 100 }), header, fc.constant(it.received.at(-1) ?? new Uint8Array()));
  const composed = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => Uint8Array.from(Buffer.concat(pieces)));
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 1500 }), header, composed), (datagram) => {
    it.perform(it.client.receive(datagram));
    assert.equal(it.events.length, events);
  }), { numRuns: 5000, seed: 1 });
  assert.ok(it.echoes("last"));
});

test("during the handshake: every forgery before each datagram of the server", () => {
  // Two datagrams: ServerHello to ServerHelloDone, then ChangeCipherSpec and Finished. The randomness is seeded, so that
  // every run sees the same ones, and an attacker who knows them in advance.
  const probe = new MemoryNet(client, server).connect();
  for (const stage of [0, 1])
    for (const { what, datagram } of forgeries(probe.received[stage] ?? new Uint8Array(), stage, 10)) {
      let arrivals = 0;
      const it = new MemoryNet(client, server, {
        link: (direction, honest) => direction === "to-client" && arrivals++ === stage ? [datagram, honest] : [honest],
      }).connect();
      // A forged ServerHello that is taken for the honest one: the two then never agree, and the attempt is given up.
      if (!it.settled) it.perform(it.client.giveUp());
      assertHonest(it, `stage ${String(stage)}, ${what}`);
    }
});

test("instead of the server: nobody gets a session without the key", () => {
  // A whole captured handshake, replayed at another client.
  const original = new MemoryNet(client, server).connect();
  assert.ok(original.echoes("secret"));
  const replay = new MemoryNet(client, server, { seed: 2, link: () => [] });
  replay.perform(replay.client.start());
  for (const datagram of original.received) replay.perform(replay.client.receive(datagram));
  assert.equal(replay.connected, false);
  assert.deepEqual(replay.data, []);
});

test("arbitrary changes to the datagrams of a handshake", () => {
  fc.assert(fc.property(fc.nat(1), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (nth, at, flip, cut) => {
    let arrivals = 0;
    const it = new MemoryNet(client, server, {
      link: (direction, datagram) => {
        if (direction === "to-server" || arrivals++ !== nth) return [datagram];
        const changed = cut ? datagram.slice(0, at % datagram.length) : datagram.slice();
        if (!cut) changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ flip;
        return [changed];
      },
    });
    it.connect(60_000);
    if (!it.settled) it.perform(it.client.giveUp());
    assertHonest(it, `datagram ${String(nth)}, byte ${String(at)}`);
  }), { numRuns: 300, seed: 2, includeErrorInReport: true });
});

test("a fatal alert is believed during the handshake, as a reason to try again, and ignored afterwards", () => {
  const alert = record(21, 0, 1, Uint8Array.of(2, 48));
  const it = new MemoryNet(client, server, { link: () => [] });
  it.perform(it.client.start());
  it.perform(it.client.receive(alert));
  const end = it.events.at(-1);
  assert.ok(end?.is === "closed" && end.failure.reason === "bad-credentials");
  assert.deepEqual([end.failure.alert, end.failure.retryable, end.failure.during], ["unknown_ca", true, "handshake"]);
});

test("OpenSSL: spoofed datagrams from the server's address, in a full and in a resumed session", async () => {
  const peer = await startOpenssl(opensslPsk);
  let resume: Uint8Array | undefined;
  for (const resumed of [false, true]) {
    const proxy = await startProxy(peer);
    // During the handshake: what mbedTLS has to drop. What may end an attempt (alerts in the clear) is tested above.
    const harmless = [new Uint8Array(0), new Uint8Array(12), record(23, 1, 0, Buffer.from("FORGED")), record(23, 2, 0, Buffer.from("FORGED")),
      record(21, 1, 0, Uint8Array.of(2, 40)), record(22, 3, 0, new Uint8Array(50))];
    proxy.onDatagram = (direction) => {
      if (direction === "to-client") harmless.forEach(proxy.toClient);
    };
    const dialled = await dial(client, { address: proxy.address, port: proxy.port, ...(resume ? { resume } : {}) });
    assert.equal(dialled.channel.details.resumed, resumed);
    proxy.onDatagram = () => undefined;
    const attack = async (seed: number): Promise<void> => {
      const captured = proxy.seen.findLast(({ direction }) => direction === "to-client")?.datagram;
      assert.ok(captured);
      for (const [index, { datagram }] of forgeries(captured, seed).entries()) {
        proxy.toClient(datagram);
        if (index % 20 === 0) await new Promise((resolve) => setImmediate(resolve)); // the socket's buffer is finite
      }
    };
    await attack(3); // before any application data: mbedTLS still keeps the handshake, to repeat its last flight
    await dialled.echo("first");
    await attack(4);
    await dialled.echo("second");
    assert.deepEqual(dialled.messages, ["echo first\n", "echo second\n"]);
    assert.deepEqual(dialled.closings, []);
    resume = dialled.channel.saveSession();
    dialled.channel.close();
    await new Promise((resolve) => setTimeout(resolve, 50)); // s_server takes the next client after our goodbye only
    proxy.close();
  }
  await peer.stop();
});

test("datagrams from other addresses and ports never reach the session: the kernel filters them", async () => {
  const peer = await startOpenssl(opensslPsk);
  const proxy = await startProxy(peer);
  const dialled = await dial(client, { address: proxy.address, port: proxy.port, localAddress: "127.0.0.9" });
  await dialled.echo("first");
  const port = proxy.clientPort();
  const honest = proxy.seen.findLast(({ direction }) => direction === "to-client")?.datagram ?? Buffer.alloc(0);
  const stranger = createSocket("udp4");
  // An honest, fresh record that takes another way: authenticated, but from the wrong address.
  let detoured: Buffer | undefined;
  proxy.onDatagram = (direction, datagram) => {
    if (direction === "to-client") detoured ??= datagram;
  };
  proxy.dropToClient = true;
  dialled.channel.send(Buffer.from("echo detour\n"));
  while (!detoured) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const datagram of [detoured, honest, record(21, 0, 3, Uint8Array.of(2, 40))])
    await new Promise<void>((resolve) => {
      stranger.send(datagram, port, "127.0.0.9", () => {
        resolve();
      });
    });
  proxy.dropToClient = false;
  await dialled.echo("second");
  assert.deepEqual(dialled.messages, ["echo first\n", "echo second\n"]);
  dialled.channel.close();
  stranger.close();
  proxy.close();
  await peer.stop();
});

test("ICMP: a server that vanishes does not end the session, one that comes back goes on", async () => {
  const peer = await startOpenssl(opensslPsk);
  const proxy = await startProxy(peer);
  const dialled = await dial(client, { address: proxy.address, port: proxy.port });
  await dialled.echo("first");
  await proxy.vanish();
  for (let count = 0; count < 5; count++) {
    dialled.channel.send(Buffer.from("into the void"));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(dialled.closings, []);
  await proxy.comeBack();
  await dialled.echo("second");
  assert.deepEqual([dialled.messages, dialled.closings], [["echo first\n", "echo second\n"], []]);
  dialled.channel.close();
  proxy.close();
  await peer.stop();
});

test("a spoofed alert ends one attempt; the next succeeds", async () => {
  const peer = await startOpenssl(opensslPsk);
  const proxy = await startProxy(peer);
  proxy.onDatagram = (direction) => {
    if (direction === "to-server") proxy.toClient(record(21, 0, 0, Uint8Array.of(2, 80)));
  };
  const failure = await refusal(client, { address: proxy.address, port: proxy.port });
  assert.deepEqual([failure.reason, failure.retryable, failure.reason === "alert" && failure.alert], ["alert", true, "internal_error"]);
  proxy.close();
  await peer.stop();
  const again = await startOpenssl(opensslPsk);
  const dialled = await dial(client, again);
  await dialled.echo("now");
  dialled.channel.close();
  await again.stop();
});
