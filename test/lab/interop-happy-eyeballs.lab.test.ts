import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { callDaemon } from "../../src/system/operator/control-client.ts";
import { systemClock } from "../../src/system/process/system-clock.ts";
import { patience, suiteLimit } from "../patience.ts";
import { eventually } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { ispName } from "./make-certificates.ts";
import { createManyUpstreams, upstreamState, type ManyUpstreams } from "./many-upstreams.ts";
import { expectSuccess } from "./namespace.ts";
import { labPsk, type Daemon } from "./start-daemon.ts";
import { startPeer, type Peer } from "./start-peer.ts";
import { startTraffic } from "./start-traffic.ts";
import { milliseconds } from "../../src/model/time.ts";

const { isp } = labAddresses;
type Way = `${"udp" | "tcp"} ${4 | 6}`;
const ways: readonly Way[] = ["udp 6", "udp 4", "tcp 6", "tcp 4"];

interface Eyeballs {
  readonly many: ManyUpstreams;
  readonly peers: ReadonlyMap<Way, Peer>;
  /** The ISP's firewall drops these, in silence; none = all open. */
  block(rules: readonly string[]): Promise<void>;
  /** Starts the daemon; how long until it had a session, and which way. */
  dial(): Promise<{ daemon: Daemon; way: Way; ms: number }>;
}

/** An ISP that listens on both families and transports, under a name that has both addresses. */
async function inLab(play: (eyeballs: Eyeballs) => Promise<void>): Promise<void> {
  const many = await createManyUpstreams();
  const { lab } = many;
  const names = `/etc/netns/${lab.router.name}`; // `ip netns exec` shows it as /etc
  try {
    mkdirSync(names, { recursive: true });
    writeFileSync(`${names}/hosts`, `${isp.v4} ${ispName}\n${isp.v6} ${ispName}\n`);
    const peers = new Map<Way, Peer>();
    for (const way of ways) {
      const [transport = "", family] = way.split(" ");
      const listen = family === "4" ? `${isp.v4}:4647` : `[${isp.v6}]:4647`;
      peers.set(way,
        await startPeer(lab.isp, { library: "openssl", listen, arguments: ["--transport", transport, "--psk", `${labPsk.identity}:${labPsk.key}`] }));
    }
    await play({
      many,
      peers,
      block: async (rules) => {
        const text = rules.map((rule) => `add rule inet blocked input ${rule} drop\n`).join("");
        const input =
          `table inet blocked\ndelete table inet blocked\nadd table inet blocked\nadd chain inet blocked input { type filter hook input priority 0; }\n${text}`;
        await expectSuccess("nft", lab.isp.run("nft", ["-f", "-"], { input }));
      },
      dial: async () => {
        const daemon = many.start([{ name: "one", options: { host: ispName, transport: "auto" } }]);
        await daemon.logged(/runs with 1 upstream/);
        const started = Date.now();
        const way = await sessionWay(daemon, 1);
        return { daemon, way, ms: Date.now() - started };
      },
    });
  } finally {
    await lab.destroy();
    rmSync(names, { recursive: true, force: true });
  }
}

async function sessionWay(daemon: Daemon, n: number): Promise<Way> {
  const line = await eventually(`session ${n}`, () => daemon.log.filter((each) => each.includes(": session with"))[n - 1]);
  return `${line.includes(" over tcp") ? "tcp" : "udp"} ${line.includes("[") ? 6 : 4}`;
}

async function reconnect({ many }: Eyeballs): Promise<void> {
  await callDaemon(`${many.lab.files.folder}/control.sock`, "reconnect", {}, { clock: systemClock, timeout: milliseconds(patience) });
}

/** The way of the very first datagram that is sent while it plays. */
async function firstTried({ many }: Eyeballs, play: () => Promise<void>): Promise<Way> {
  const sinks = (["udp", "tcp"] as const).map((protocol) => ({ protocol, sink: startTraffic(many.lab.isp, "sink", { port: 4647, protocol, seconds: 600 }) }));
  await Promise.all(sinks.map(({ sink }) => sink.ready()));
  await play();
  const seen = await Promise.all(sinks.map(async ({ protocol, sink }) => {
    const { first_t: at, sources } = await sink.stop();
    // Sources are listed as they came.
    return { at: at ?? Infinity, ways: sources.map(({ address }): Way => `${protocol} ${address.includes(":") ? 6 : 4}`) };
  }));
  const first = seen.sort((a, b) => a.at - b.at)[0]?.ways[0];
  assert.ok(first, "nothing was dialled");
  return first;
}

/** Delays between attempts, to the millisecond: test/callhome-server/happy-eyeballs.test.ts. Here, for a machine that is slow, four times as long. */
const soon = 10_000;

describe("Happy Eyeballs (RFC 9132 §4.3)", { timeout: suiteLimit, concurrency: 2 }, () => {
  it("prefers UDP over IPv6 where all is open", () =>
    inLab(async (eyeballs) => {
      const first = await firstTried(eyeballs, async () => {
        const { daemon, way, ms } = await eyeballs.dial();
        assert.ok(ms < soon, `${ms} ms`);
        // One that does not answer at once has others tried beside it, and the first that answers is taken.
        const begun = ways.filter((each) => (eyeballs.peers.get(each)?.events ?? []).some(({ event, is }) => event === "session" && is === "up"));
        assert.ok(begun.includes(way));
        if (way !== "udp 6" || begun.length > 1) console.log(`# a handshake took longer than the delay between attempts: ${begun.join(", ")}`);
        const { state, sessions } = await upstreamState(daemon, "one");
        assert.deepEqual([state, sessions], ["connected", 1]);
      });
      assert.equal(first, "udp 6");
    }));

  it("falls back to TCP within two seconds where UDP is dropped, and remembers it", () =>
    inLab(async (eyeballs) => {
      await eyeballs.block(["udp dport 4647"]);
      const { daemon, way, ms } = await eyeballs.dial();
      assert.match(way, /^tcp/);
      assert.ok(ms < soon, `${ms} ms`);
      // UDP is open again, but for some minutes what worked comes first.
      await eyeballs.block([]);
      const first = await firstTried(eyeballs, async () => {
        await reconnect(eyeballs);
        await sessionWay(daemon, 2);
      });
      assert.equal(first, way);
    }));

  it("falls back to IPv4 where IPv6 is broken", () =>
    inLab(async (eyeballs) => {
      await eyeballs.block(["meta nfproto ipv6 meta l4proto { tcp, udp }"]);
      const { way, ms } = await eyeballs.dial();
      assert.match(way, /4$/);
      assert.ok(ms < soon, `${ms} ms`);
    }));

  it("finds the only way that is left: TCP over IPv4", () =>
    inLab(async (eyeballs) => {
      await eyeballs.block(["udp dport 4647", "meta nfproto ipv6 meta l4proto tcp"]);
      const { daemon, way, ms } = await eyeballs.dial();
      assert.equal(way, "tcp 4");
      assert.ok(ms < soon, `${ms} ms`);
      assert.equal((await upstreamState(daemon, "one")).transport, "tcp");
    }));

  it("does not stay with a way that has broken since", () =>
    inLab(async (eyeballs) => {
      await eyeballs.block(["udp dport 4647"]);
      const { daemon } = await eyeballs.dial();
      await eyeballs.block(["tcp dport 4647"]);
      await reconnect(eyeballs);
      assert.match(await sessionWay(daemon, 2), /^udp/);
    }));
});
