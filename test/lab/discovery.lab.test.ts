import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { labAddresses, labMissing } from "./lab.ts";
import { ispName, makeCertificates, type LabCertificates } from "./make-certificates.ts";
import { encodeName, openProviderDhcp, type ProviderDhcp } from "./provider-dhcp.ts";
import { cuid, playScene, type Scene } from "./scene.ts";
import { addSecondWan, secondWan } from "./second-wan.ts";
import type { DaemonOptions } from "./start-daemon.ts";
import { startPeer, type Peer } from "./start-peer.ts";

const { isp } = labAddresses;
const missing = labMissing();
/** The zone of RFC 8973 figure 9, with our names. */
const srv = [`--srv-host=_dots-call-home._udp.isp.example,b.isp.example,6000,0,0`, `--host-record=b.isp.example,${isp.v4},${isp.v6}`];
const zone = [
  `--naptr-record=${ispName},100,10,,DOTS-CALL-HOME:signal.udp,,signal.isp.example`,
  "--naptr-record=signal.isp.example,100,10,s,DOTS-CALL-HOME:signal.udp,,_dots-call-home._udp.isp.example",
  ...srv,
];
const ip4 = (address: string): string => Buffer.from(address.split(".").map(Number)).toString("hex");

interface Found {
  readonly scene: Scene;
  readonly dhcp: ProviderDhcp;
  readonly certificates: LabCertificates;
  peer(listen: string): Promise<Peer>;
  /** The router knows no host: only whom it trusts. */
  daemon(upstream?: Readonly<Record<string, string>>, globals?: DaemonOptions["globals"]): void;
  lastError(): Promise<string | null>;
}

/** A router whose configuration has no address, and a provider that has certificates for its name. */
async function toBeFound(play: (found: Found) => Promise<void>): Promise<void> {
  await playScene({ without: ["peer", "daemon"] }, async (scene) => {
    const { lab } = scene;
    const certificates = makeCertificates(lab.files.folder);
    const known = Object.fromEntries(Object.entries(certificates.upstream).filter(([option]) => option !== "server_name"));
    const dhcp = openProviderDhcp(lab);
    const peers: Peer[] = [];
    try {
      await play({
        scene,
        dhcp,
        certificates,
        async peer(listen) {
          const peer = await startPeer(lab.isp, { library: "openssl", listen, arguments: [...certificates.peer, "--cuid", cuid] });
          peers.push(peer);
          return peer;
        },
        daemon(upstream = {}, globals = {}) {
          scene.startDaemon({ globals, env: { DOTS_CALLHOME_DHCP: dhcp.folder }, upstream: { host: "", discover: "1", ...known, ...upstream } });
        },
        lastError: async () => (await scene.daemon.json("status") as StatusView).upstreams[0]?.last_error ?? null,
      });
    } finally {
      dhcp.end();
    }
  });
}

describe("a provider that nobody has typed in (RFC 8973)", { timeout: suiteLimit, skip: missing.length > 0 && `needs ${missing.join(", ")}` }, () => {
  it("is found by DHCPv4 and S-NAPTR, proves the name that DHCP gave; a lease with something else moves the session, one that is withdrawn ends it", () =>
    toBeFound(async ({ scene, dhcp, peer, daemon, lastError }) => {
      await peer(`${isp.v4}:6000`);
      daemon();
      await scene.daemon.logged(/no session with the provider's DOTS client: DHCP on its WAN has not named/);
      await dhcp.serve({ offer: { 147: encodeName(ispName) }, zone });
      await dhcp.lease(4);
      await scene.daemon.logged(/session with 203\.0\.113\.1:6000 over udp/);
      await dhcp.lease(4); // the same again is no news: see below
      await peer(`${isp.v4}:4647`);
      await dhcp.serve({ offer: { 147: encodeName(ispName), 148: ip4(isp.v4) }, zone });
      await dhcp.lease(4);
      await scene.daemon.logged(/session with 203\.0\.113\.1:4647 over udp/);
      assert.equal(scene.daemon.log.filter((line) => line.includes("DHCP says something else")).length, 2);

      await dhcp.deconfigure();
      await until("the session is over", async () => /DHCP on its WAN has not named/.test(await lastError() ?? ""));
      assert.notEqual((await scene.daemon.json("status") as StatusView).upstreams[0]?.state, "connected");
    }));

  it("is found by DHCPv6, and at the port that SRV says without NAPTR", () =>
    toBeFound(async ({ scene, dhcp, peer, daemon }) => {
      await peer(`[${isp.v6}]:6001`);
      await dhcp.serve({
        offer: { 141: encodeName(ispName) },
        zone: [`--srv-host=_dots-call-home._udp.${ispName},b.isp.example,6001,0,0`, `--host-record=b.isp.example,${isp.v6}`],
      });
      await dhcp.lease(6);
      daemon();
      await scene.daemon.logged(/session with \[2001:db8:ff::1\]:6001 over udp/);
    }));

  it("by DHCPv6 addresses alone, where its name is pinned", () =>
    toBeFound(async ({ scene, dhcp, peer, daemon }) => {
      await peer(`[${isp.v6}]:4647`);
      await dhcp.serve({ offer: { 142: "20010db800ff00000000000000000001" } });
      await dhcp.lease(6);
      daemon({ server_name: ispName });
      await scene.daemon.logged(/session with \[2001:db8:ff::1\]:4647 over udp/);
    }));

  it("of two WANs, by the one on which it was learnt", () =>
    toBeFound(async ({ scene, dhcp, peer, daemon }) => {
      await addSecondWan(scene.lab);
      const session = await peer(`${secondWan.upstream.v4}:4647`);
      writeFileSync(`${dhcp.folder}/wan2.4`, `name ${encodeName(ispName)}\naddresses ${ip4(secondWan.upstream.v4)}\n`);
      daemon({}, { wan_device: ["wan", "wan2"] });
      await scene.daemon.logged(/session with 198\.51\.100\.1:4647/);
      const { remote } = await session.until("the session", ({ event, is }) => event === "session" && is === "up");
      assert.ok(remote?.includes(secondWan.wan.v4), remote);
    }));

  it("is not spoken with where DHCP lies: another name than the certificate's, another than the pinned one, an address of the home", () =>
    toBeFound(async ({ scene, dhcp, peer, daemon }) => {
      await peer(`${isp.v4}:4647`);
      await dhcp.serve({ offer: { 147: encodeName("evil.example"), 148: ip4(isp.v4) } });
      await dhcp.lease(4);
      daemon();
      await scene.daemon.logged(/no session with the provider's DOTS client: .*it is for another name/);
      await dhcp.serve({ offer: { 148: ip4("192.168.1.23") } });
      await dhcp.lease(4);
      await scene.daemon.logged(/none of the addresses that were discovered is one to dial/);
      scene.daemon.signal("SIGTERM");
      await scene.daemon.ended;
      await dhcp.serve({ offer: { 147: encodeName("evil.example"), 148: ip4(isp.v4) } });
      await dhcp.lease(4);
      daemon({ server_name: ispName });
      await scene.daemon.logged(/DHCP names evil\.example, which is not the configured server_name/);
    }));

  it("is found although DNS was down, and although its answers are huge", () =>
    toBeFound(async ({ scene, dhcp, peer, daemon }) => {
      await peer(`${isp.v4}:6000`);
      await dhcp.serve({ offer: { 147: encodeName(ispName) } });
      await dhcp.lease(4);
      await dhcp.fallSilent();
      daemon();
      await scene.daemon.logged(/no session with the provider's DOTS client: the name dots\.isp\.example does not resolve/);
      const others = Array.from({ length: 400 },
        (_, at) => `--naptr-record=${ispName},${200 + at},1,a,DOTS-CALL-HOME:signal.tcp,,a-rather-long-name-of-host-${at}.isp.example`);
      await dhcp.serve({ offer: { 147: encodeName(ispName) }, zone: [...others, ...zone] });
      assert.equal((await scene.daemon.cli("reconnect", "isp")).code, 0);
      await scene.daemon.logged(/session with 203\.0\.113\.1:6000 over udp/);
    }));
});
