import assert from "node:assert/strict";
import { before, test } from "node:test";
import { compileDtls } from "../src/dtls-module.ts";
import type { DtlsModule } from "../src/dtls-module.ts";
import { DtlsSession } from "../src/dtls-session.ts";
import { psk } from "./peers.ts";
import { loadServer, MemoryNet } from "./memory-net.ts";
import type { NetOptions } from "./memory-net.ts";
import { loadDtls } from "./peers.ts";
import { seeded } from "./proxy.ts";

let client: DtlsModule, server: DtlsModule;
before(async () => {
  [client, server] = await Promise.all([loadDtls(), loadServer()]);
});
const net = (options?: NetOptions): MemoryNet => new MemoryNet(client, server, options);

test("a handshake and an echo; no timer runs afterwards", () => {
  const it = net().connect();
  assert.deepEqual(it.events, [{
    is: "connected",
    cipherSuite: "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256",
    resumed: false,
    connectionId: false,
  }]);
  assert.ok(it.echoes("hello"));
  assert.deepEqual(it.served, ["hello"]);
  assert.equal(it.client.nextTimeoutMs(), undefined);
});

test("the server's connection ID (RFC 9146) is in every record that we send once it is agreed", () => {
  const it = net({ connectionId: true }).connect();
  assert.deepEqual(it.events.map((event) => event.is === "connected" && event.connectionId), [true]);
  assert.ok(it.echoes("from anywhere"));
  const record = it.sent.at(-1)?.datagram ?? new Uint8Array();
  assert.equal(record[0], 25); // tls12_cid
  assert.equal(Buffer.from(record.subarray(11, 17)).toString("hex"), "c1d0c1d0c1d0");
  // Ours is empty, so what comes back has the ordinary header.
  assert.equal(it.received.at(-1)?.[0], 23);
});

test("retransmissions at 1, 3, 7, 15 and 31 s (RFC 6347 §4.2.4.1), and what the silence means", () => {
  const it = net({ link: () => [] }).connect(32_000);
  assert.deepEqual(it.sent.map(({ atMs }) => atMs), [0, 1000, 3000, 7000, 15_000, 31_000]);
  it.perform(it.client.giveUp());
  assert.deepEqual(it.events, [{
    is: "closed",
    failure: { reason: "timeout", text: "no answer from the server", during: "handshake", retryable: true },
  }]);
  assert.equal(it.client.nextTimeoutMs(), undefined);
  assert.deepEqual([it.client.onTimer(), it.client.receive(new Uint8Array(100)), it.client.close(), it.client.giveUp()], [[], [], [], []]);
});

test("without giveUp() the session gives up by itself", () => {
  const it = net({ link: () => [], client: { handshakeTimer: { minMs: 1000, maxMs: 4000 } } }).connect(1_000_000);
  assert.equal(it.events.at(-1)?.is, "closed");
  assert.ok(it.nowMs <= 11_000, String(it.nowMs));
});

test("30 % loss both ways: nearly every handshake comes through within 25 s", () => {
  let connected = 0, total = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const chance = seeded(seed + 7000);
    const it = net({ seed, link: (_direction, datagram) => chance() < 0.3 ? [] : [datagram] }).connect();
    if (!it.connected) continue;
    connected++;
    total += it.nowMs;
    it.link = (_direction, datagram) => [datagram];
    assert.ok(it.echoes("after the storm"));
  }
  assert.ok(connected >= 54, `${String(connected)} of 60`);
  assert.ok(total / connected < 6000, `${String(total / connected)} ms on average`);
});

test("repeated and reordered datagrams: each message is delivered once", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = seeded(seed);
    const held: Record<"to-server" | "to-client", Uint8Array | undefined> = { "to-server": undefined, "to-client": undefined };
    const it = net({
      seed,
      link: (direction, datagram) => {
        const before = held[direction];
        held[direction] = undefined;
        if (before) return [datagram, before, datagram];
        if (chance() < 0.5) return [datagram, datagram];
        held[direction] = datagram;
        return [];
      },
    }).connect();
    assert.ok(it.connected);
    it.link = (_direction, datagram) => [datagram, datagram, datagram];
    assert.ok(it.echoes("once"));
    assert.deepEqual([it.served, it.data], [["once"], ["once"]]);
  }
});

test("the longest message fills a datagram of the MTU; a longer one is refused and harms nothing", () => {
  for (const mtu of [256, 576, 1200, 1400]) {
    const it = net({ client: { mtu }, connectionId: true }).connect();
    const longest = it.client.maxMessageBytes;
    assert.ok(longest > mtu - 80, String(longest));
    it.perform(it.client.send(new Uint8Array(longest)));
    // ssl_get_max_out_record_payload reckons with padding that a record without it does not need.
    assert.ok((it.sent.at(-1)?.datagram.length ?? Infinity) <= mtu);
    assert.throws(() => it.client.send(new Uint8Array(longest + 1)), RangeError);
    assert.ok(it.echoes("still here"));
    assert.ok(it.sent.every(({ datagram }) => datagram.length <= mtu));
  }
});

test("a saved session is offered for a day, and only with what it was made with", () => {
  const first = net().connect();
  const resume = first.client.saveSession();
  assert.ok(resume);
  assert.deepEqual(first.client.saveSession(), resume);
  const offered = (options: NetOptions["client"], laterSeconds = 0): boolean => {
    const it = net({ client: { resume, ...options } });
    it.unixSeconds += laterSeconds;
    it.perform(it.client.start());
    return it.sent[0]?.datagram[13 + 12 + 2 + 32] === 32; // the length of session_id in the ClientHello
  };
  assert.equal(offered({}), true);
  assert.equal(offered({}, 23 * 3600), true);
  assert.equal(offered({}, 25 * 3600), false);
  assert.equal(offered({}, -60), false);
  assert.equal(offered({ serverName: "other.example" }), false);
  assert.equal(offered({ credentials: { ...psk, identity: "other" } }), false);
  assert.equal(offered({ credentials: { ...psk, key: Buffer.from("other") } }), false);
  for (let length = 0; length < resume.length; length += 7) assert.equal(offered({ resume: resume.slice(0, length) }), false);
});

test("close() says goodbye, once", () => {
  const it = net().connect();
  assert.deepEqual(it.client.close().map(({ is }) => is), ["transmit"]);
  assert.deepEqual([it.client.close(), it.client.send(new Uint8Array(1)), it.client.maxMessageBytes, it.client.saveSession()], [[], [], 0, undefined]);
});

test("the server's goodbye", () => {
  const it = net().connect();
  it.serverCloses();
  it.deliver();
  const last = it.events.at(-1);
  assert.ok(last?.is === "closed");
  assert.deepEqual([last.failure.reason, last.failure.during], ["closed-by-peer", "session"]);
});

test("before start() and without a session nothing happens", () => {
  const { client: session } = net();
  assert.deepEqual([session.receive(new Uint8Array(50)), session.onTimer(), session.close(), session.giveUp(), session.send(new Uint8Array(3))], [[], [], [],
    [], []]);
  assert.equal(session.nextTimeoutMs(), undefined);
});

test("whatever the host throws ends this session, as a failure and not as an exception", () => {
  for (const broken of ["random", "nowMs"] as const) {
    const session = new DtlsSession(client, { credentials: psk, serverName: "isp.example" }, {
      random: () => undefined,
      nowMs: () => 0,
      unixSeconds: () => 0,
      [broken]: () => {
        throw new Error("broken host");
      },
    });
    const [effect] = session.start();
    assert.ok(effect?.is === "closed");
    assert.deepEqual([effect.failure.reason, effect.failure.text], ["internal", "the DTLS code failed: broken host"]);
  }
});

test("bytes that are no module, a module that is not ours", async () => {
  await assert.rejects(compileDtls(new Uint8Array([1, 2, 3])));
  const empty = await compileDtls(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  const session = new DtlsSession(empty, { credentials: psk, serverName: "isp.example" }, { random: () => undefined, nowMs: () => 0, unixSeconds: () => 0 });
  const [effect] = session.start();
  assert.ok(effect?.is === "closed" && effect.failure.reason === "internal");
});
