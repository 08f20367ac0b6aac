import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { suiteLimit } from "../patience.ts";
import { playChannel } from "./interop-script.ts";
import { labAddresses } from "./lab.ts";
import { createManyUpstreams, upstreamState, withNodeOptions, type ManyUpstreams, type UpstreamSection } from "./many-upstreams.ts";
import { labPsk, type Daemon } from "./start-daemon.ts";
import { startPeer, type Peer, type PeerLibrary } from "./start-peer.ts";

const { isp } = labAddresses;

interface Row {
  readonly transport: "udp" | "tcp";
  readonly auth: "psk" | "certificate";
  readonly library: PeerLibrary;
  readonly family: 4 | 6;
}

const rows: readonly Row[] = [
  ...(["udp", "tcp"] as const).flatMap((transport) =>
    (["psk", "certificate"] as const).flatMap((auth) => (["openssl", "gnutls"] as const).map((library): Row => ({ transport, auth, library, family: 4 })))
  ),
  { transport: "udp", auth: "psk", library: "gnutls", family: 6 },
  { transport: "udp", auth: "certificate", library: "openssl", family: 6 },
  { transport: "tcp", auth: "psk", library: "openssl", family: 6 },
  { transport: "tcp", auth: "certificate", library: "gnutls", family: 6 },
];
const nameOf = ({ transport, auth, library, family }: Row): string => `${library}_${transport}_${auth}_ipv${family}`;
const portOf = (row: Row): number => 4700 + rows.indexOf(row);
const addressOf = ({ family }: Row): string => family === 4 ? isp.v4 : isp.v6;

describe("every transport with every library and kind of key", { timeout: suiteLimit }, () => {
  let many: ManyUpstreams;
  let daemon: Daemon;
  const peers = new Map<Row, Peer>();

  const sectionOf = (row: Row): UpstreamSection => ({
    name: nameOf(row),
    options: {
      host: addressOf(row),
      port: String(portOf(row)),
      transport: row.transport,
      ...(row.auth === "certificate" ? many.certificates.upstream : {}),
    },
  });

  before(async () => {
    many = await createManyUpstreams();
    for (const row of rows) {
      const listen = `${row.family === 4 ? isp.v4 : `[${isp.v6}]`}:${portOf(row)}`;
      const keys = row.auth === "psk" ? ["--psk", `${labPsk.identity}:${labPsk.key}`] : many.certificates.peer;
      peers.set(row, await startPeer(many.lab.isp, {
        library: row.library,
        listen,
        arguments: ["--transport", row.transport, "--cuid", `client-${rows.indexOf(row)}`, ...keys],
      }));
    }
    daemon = many.start(rows.map(sectionOf));
  });
  after(() => many.destroy());

  const peerOf = (row: Row): Peer => {
    const peer = peers.get(row);
    assert.ok(peer);
    return peer;
  };

  for (const row of rows)
    it(`${row.library}, ${row.transport}, ${row.auth}, IPv${row.family}: every request of the signal channel`, async () => {
      const peer = peerOf(row);
      const up = await peer.until("a session", ({ event, is }) => event === "session" && is === "up");
      if (row.auth === "psk") assert.equal(up.identity, labPsk.identity);
      const logged = await daemon.logged(new RegExp(`upstream ${nameOf(row)}: session with`));
      assert.match(logged, row.transport === "tcp" ? /over tcp \(TLSv1\.3, / : /over udp \(DTLSv1\.2, /);
      const state = await upstreamState(daemon, nameOf(row));
      assert.deepEqual([state.state, state.transport, state.sessions, state.last_error], ["connected", row.transport, 1, null]);
      await playChannel({ peer, daemon, upstream: nameOf(row), transport: row.transport, host: rows.indexOf(row) });
    });

  it("TLS 1.2 as well, with either library and kind of key", async () => {
    daemon.signal("SIGTERM");
    assert.equal(await daemon.ended, 0);
    const overTcp = rows.filter(({ transport, family }) => transport === "tcp" && family === 4);
    const sessions = overTcp.map((row) => peerOf(row).events.length);
    daemon = withNodeOptions("--tls-max-v1.2", () => many.start(overTcp.map(sectionOf)));
    for (const [at, row] of overTcp.entries()) {
      const peer = peerOf(row);
      await peer.until("a session", ({ event, is }) => event === "session" && is === "up", { from: sessions[at] ?? 0 });
      assert.match(await daemon.logged(new RegExp(`upstream ${nameOf(row)}: session with`)), /over tcp \(TLSv1\.2, /);
      assert.equal((await peer.ask({ do: "config-get" })).code, "2.05");
    }
  });
});
