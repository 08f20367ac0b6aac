import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatIpPrefix } from "../../../src/model/ip-prefix.ts";
import { guessDevices } from "../../../src/system/home/home-devices.ts";
import { openHomeNetwork } from "../../../src/system/home/home-network.ts";
import { CommandFailure } from "../../../src/system/process/run-command.ts";
import type { RunCommand } from "../../../src/system/process/run-command.ts";
import { prefixes } from "../../nat-lookup/asking.ts";
import { oddities, play, playTables } from "../played-tools.ts";

describe("openHomeNetwork", () => {
  const addresses = async (instead: Readonly<Record<string, string>> = {}, devices = { wan: ["wan"], lan: ["br-lan"] },
    sourceScope = ""): Promise<Record<"outside" | "router" | "inside", string[]>> => {
    const home = await openHomeNetwork({ tables: playTables(play(instead)), configured: () => devices, sourceScope: () => prefixes(sourceScope) }).addresses();
    return { outside: home.outside.map(formatIpPrefix), router: home.router.map(formatIpPrefix), inside: home.inside.map(formatIpPrefix) };
  };
  it("tells outside, router and inside apart", async () => {
    const { outside, router, inside } = await addresses({}, undefined, "192.0.2.0/28");
    assert.deepEqual(outside.sort(), ["192.0.2.0/28", "2001:db8:1::/56", "2001:db8:1::/64", "2001:db8:ff::/64", "2001:db8:ff::2/128", "203.0.113.7/32"]);
    assert.deepEqual(inside.sort(), ["192.168.1.0/24", "2001:db8:1::/64"]);
    for (const own of ["203.0.113.7/32", "192.168.1.1/32", "2001:db8:1::1/128", "2001:db8:ff::2/128", "127.0.0.1/32", "::1/128"])
      assert.ok(router.includes(own), own);
  });
  it("guesses the same from default routes and bridges", async () => {
    assert.deepEqual(await addresses({}, { wan: [], lan: [] }), await addresses());
    assert.deepEqual(guessDevices(await playTables().ip()), { wan: ["wan"], lan: ["br-lan"] });
  });
  it("knows several WANs of one route, and takes no WAN for a LAN", async () => {
    const route = JSON.stringify([{ dst: "default", nexthops: [{ gateway: "1.1.1.1", dev: "wan" }, { dev: "wan2" }] }]);
    assert.deepEqual(guessDevices(await playTables(play({ "ip -j -4 route show default": route })).ip()), { wan: ["wan", "wan2"], lan: ["br-lan"] });
    const only = {
      "ip -j -4 route show default": JSON.stringify([{ dst: "default", gateway: "192.168.1.254", dev: "br-lan" }]),
      "ip -j -6 route show default": "[]",
    };
    assert.deepEqual(guessDevices(await playTables(play(only)).ip()), { wan: ["br-lan"], lan: [] }, "an access point: its lan is its way out");
  });
  it("knows which WAN a delegated prefix came by, from the route that netifd makes for it, and the name servers", async () => {
    const routes = JSON.stringify([{ dst: "default", from: "2001:db8:1::/56", gateway: "fe80::9", dev: "wan" }, {
      dst: "default",
      from: "fd00::/48",
      gateway: "fe80::8",
      dev: "wan",
    }]);
    const tables = playTables(play({ "ip -j -6 route show default": routes }));
    const { wans, resolvers } = await openHomeNetwork({
      tables,
      configured: () => ({ wan: ["wan"], lan: ["br-lan"] }),
      sourceScope: () => [],
      resolvers: () => prefixes("9.9.9.9"),
    }).addresses();
    assert.ok(wans[0]?.prefixes.map(formatIpPrefix).includes("2001:db8:1::/56"));
    assert.ok(!wans[0]?.prefixes.map(formatIpPrefix).includes("fd00::/48"));
    assert.deepEqual(resolvers.map(formatIpPrefix), ["9.9.9.9/32"]);
  });
  it("counts a private WAN address, no ULA and no link-local one as outside", async () => {
    const link = (name: string, ...local: [string, number][]): unknown => ({
      ifname: name,
      addr_info: local.map(([text, prefixlen]) => ({ local: text, prefixlen })),
    });
    const { outside, inside } = await addresses({
      "ip -j -d addr": JSON.stringify([link("wan", ["192.168.0.2", 24], ["fe80::1", 64], ["fd00:1::2", 64]),
        link("br-lan", ["192.168.1.1", 24], ["fd00:2::1", 64], ["fe80::2", 64])]),
      "ip -j -6 route show type unreachable": JSON.stringify([{ dst: "fd00:2::/48" }, { dst: "2000::/3" }, { dst: "default" }, {}]),
    });
    assert.deepEqual([outside, inside], [["192.168.0.2/32"], ["192.168.1.0/24", "fd00:2::/64"]]);
  });
  it("reads nothing out of odd JSON", async () => {
    for (const odd of oddities)
      assert.deepEqual(await addresses({ "ip -j -d addr": odd, "ip -j -6 route show type unreachable": odd }), { outside: [], router: [], inside: [] }, odd);
  });
  it("does without IPv6 routes, but not without addresses", async () => {
    const run = play();
    const devices = { wan: ["wan"], lan: ["br-lan"] };
    const failing = (what: string): RunCommand => (tool, args, options) =>
      args.includes(what) ? Promise.reject(new CommandFailure(tool, "status", "failed")) : run(tool, args, options);
    assert.ok(
      (await openHomeNetwork({ tables: playTables(failing("unreachable")), configured: () => devices, sourceScope: () => [] }).addresses()).outside.length > 0,
    );
    await assert.rejects(openHomeNetwork({ tables: playTables(failing("addr")), configured: () => devices, sourceScope: () => [] }).addresses(),
      CommandFailure);
  });
  it("knows what the connection hangs on: its own addresses, and the gateways on the networks that lead to them", async () => {
    const infrastructure = async (instead: Readonly<Record<string, string>> = {}): Promise<Record<"macs" | "prefixes", string[]>> => {
      const { macs, prefixes: addresses } = await openHomeNetwork({
        tables: playTables(play(instead)),
        configured: () => ({ wan: [], lan: [] }),
        sourceScope: () => [],
      }).infrastructure();
      return { macs: [...macs], prefixes: addresses.map(formatIpPrefix) };
    };
    const { macs, prefixes: addresses } = await infrastructure();
    assert.ok(macs.includes("be:2e:ce:00:4c:7f"), "the gateway's");
    assert.ok(!macs.includes("00:00:00:00:00:00") && !macs.some((mac) => mac.startsWith("02:00:00:00:0a:")), "no device's");
    for (const own of ["192.168.1.1/32", "203.0.113.1/32", "2001:db8:ff::1/128"]) assert.ok(addresses.includes(own), own);
    // Who claims the gateway's address on another network is not the gateway.
    const elsewhere = JSON.stringify([{ dst: "203.0.113.1", dev: "br-lan", lladdr: "02:00:00:00:0a:01", state: ["REACHABLE"] }]);
    assert.ok(!(await infrastructure({ "ip -j neigh": elsewhere })).macs.includes("02:00:00:00:0a:01"));
    const routes = JSON.stringify([{ dst: "default", nexthops: [{ via: { family: "inet6", host: "fe80::bc2e:ceff:fe00:4c7f" }, dev: "wan" }] }]);
    assert.ok((await infrastructure({ "ip -j -4 route show default": routes, "ip -j -6 route show default": "[]" })).macs.includes("be:2e:ce:00:4c:7f"));
    for (const odd of oddities)
      assert.deepEqual(
        await infrastructure({ "ip -j -d addr": odd, "ip -j neigh": odd, "ip -j -4 route show default": odd, "ip -j -6 route show default": odd }),
        { macs: [], prefixes: [] },
        odd,
      );
  });
});
