import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { patience, suiteLimit } from "../patience.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { dotsPorts, handshake, inject, plainRequest, pseudoRandom, record } from "./scene-inject.ts";
import { scopeOf } from "./start-peer.ts";

const random = pseudoRandom(4647);
const strangers = ["203.0.113.1:4648", "198.51.100.77:4647", "203.0.113.99:53"];

/** What whoever does not know the key can write. */
const forgeries: readonly Buffer[] = [
  Buffer.alloc(0),
  ...Array.from({ length: 14 }, (_, length) => record({ type: 23, epoch: 1, body: Buffer.alloc(1) }).subarray(0, length)),
  ...Array.from({ length: 64 }, (_, at) => random(1 + at * 19)),
  ...[0, 1, 2, 0xffff].flatMap((epoch) => [20, 21, 22, 23, 24, 25, 0, 255].map((type) => record({ type, epoch, sequence: 1 << 20, body: random(48) }))),
  // Application data in the clear, which a careless library delivers (../shared/DESIGN.md).
  ...[0, 1, 2].map((epoch) => record({ type: 23, epoch, sequence: 99, body: plainRequest })),
  plainRequest,
  // Alerts: close_notify, handshake_failure, decrypt_error; as a warning and as fatal.
  ...[0, 1].flatMap((epoch) => [[1, 0], [2, 0], [2, 40], [2, 51], [1, 100]].map((alert) => record({ type: 21, epoch, sequence: 5, body: Buffer.from(alert) }))),
  record({ type: 20, body: Buffer.from([1]) }),
  // HelloRequest, ClientHello, Finished, and fragments that do not fit.
  handshake(0, Buffer.alloc(0)),
  handshake(1, random(64)),
  handshake(20, random(12), { sequence: 7 }),
  handshake(2, random(20), { length: 0xffffff }),
  handshake(2, random(20), { length: 10, offset: 0xfffff0 }),
  record({ type: 22, body: random(3) }),
  record({ type: 23, epoch: 1, body: random(10), length: 0xffff }),
  record({ type: 23, epoch: 1, version: 0x0303, body: random(32) }),
  record({ type: 23, epoch: 1, sequence: 2 ** 48 - 1, body: random(40) }),
  random(1472), // the largest that an Ethernet frame carries
  // Many records in one datagram.
  Buffer.concat(Array.from({ length: 40 }, (_, at) => record({ type: 23, epoch: 1, sequence: at, body: random(16) }))),
];

/** What aborts a handshake, as mbedTLS and OpenSSL do on the first unauthenticated message that makes no sense. */
const poison: readonly Buffer[] = [
  record({ type: 21, body: Buffer.from([2, 40]) }),
  handshake(3, Buffer.from([0xfe, 0xfd, 0])),
  handshake(2, random(70)),
  ...forgeries,
];

for (const library of ["openssl", "gnutls"] as const)
  describe(`forged datagrams, beside an upstream on ${library}`, { timeout: suiteLimit, concurrency: 2 }, () => {
    it("deliver nothing and end nothing while a session lives and blocks", () =>
      playScene({ library }, async (scene) => {
        const { daemon, peer } = scene;
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported();
        assert.equal((await scene.put(1, scope)).code, "2.01");
        await scene.observe(1);
        await scene.notified(1, ({ status }) => status === 2);
        await attack.stops(300);
        const stopped = Date.now();
        // The firewall lets strangers through to the socket, which only the peer's address may reach then.
        await scene.lab.router.run("nft", ["insert rule inet fw4 input udp dport 1024-65535 accept"]);
        const [port = 0, another] = await dotsPorts(scene);
        assert.ok(port > 0 && another === undefined);
        const logged = daemon.log.length;
        const said = peer.events.length;
        for (const from of [undefined, ...strangers]) await inject(scene, port, forgeries, from === undefined ? {} : { from });
        await inject(scene, port, Array.from({ length: 20 }, () => Buffer.alloc(0)), { icmp: true });
        // A thousand more, for what only a lucky one does.
        await inject(scene, port, Array.from({ length: 1000 }, () =>
          record({ type: 20 + (random(1)[0] ?? 0) % 4, epoch: (random(1)[0] ?? 0) % 3, body: random((random(1)[0] ?? 0) + 1) })));

        assert.equal(scopeOf(await scene.get(1)).status, 2);
        assert.equal((await peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");
        assert.equal((await scene.put(2, { ...scope, "target-prefix": ["198.51.100.10/32"] })).code, "2.01");
        assert.deepEqual(daemon.log.slice(logged).filter((line) => / hb -> |\/hb -> /.test(line)).length, 1, "only the peer's own heartbeat was delivered");
        assert.deepEqual(peer.events.slice(said).filter(({ event }) => event === "session" || event === "stray"), []);
        assert.deepEqual(daemon.log.slice(logged).filter((line) => /^(warn|error):|internal/.test(line)), []);
        await assertOneSession(scene, 1);
        assert.deepEqual(await dotsPorts(scene), [port]);
        assert.equal(attack.since(stopped), 0, "the block held");
        await attack.end();
      }));

    it("during the handshake delay the session at most", () =>
      playScene({ library, without: ["daemon"] }, async (scene) => {
        const { peer, lab } = scene;
        peer.send({ do: "loss", value: "100%" }); // the upstream's answers are lost: the handshake stays where it begins
        const daemon = scene.startDaemon();
        await lab.router.run("nft", ["insert rule inet fw4 input udp dport 1024-65535 accept"]);
        const port = await opened(scene);
        for (const from of strangers) await inject(scene, port, poison, { from });
        await inject(scene, port, [Buffer.alloc(0)], { icmp: true });
        assert.deepEqual(await dotsPorts(scene), [port], "strangers are not heard");
        // From the upstream's own address: each attempt may end, none may be believed.
        const ports = new Set([port]);
        for (const datagram of poison) {
          const [now] = await dotsPorts(scene);
          if (now === undefined) continue;
          ports.add(now);
          await inject(scene, now, [datagram]);
        }
        assert.equal(peer.events.filter(({ event }) => event === "session").length, 0);
        peer.send({ do: "loss", value: "0%" });
        await daemon.logged(/: session with/, 3 * patience);
        assert.equal((await peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");
        await assertOneSession(scene, 1);
        assert.deepEqual(daemon.log.filter((line) => /^error:|internal/.test(line)), []);
      }));
  });

/** The port of the socket that the daemon dials from. */
async function opened(scene: Scene): Promise<number> {
  await scene.daemon.logged(/runs with 1 upstream/);
  for (let left = 500; left > 0; left--) {
    const [port] = await dotsPorts(scene);
    if (port !== undefined) return port;
  }
  throw new Error("the daemon does not dial");
}

async function assertOneSession({ daemon }: Scene, sessions: number): Promise<void> {
  const [upstream] = (await daemon.json("status") as StatusView).upstreams;
  assert.deepEqual([upstream?.state, upstream?.sessions, upstream?.last_error], ["connected", sessions, null]);
}
