import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { nobodySpared } from "../../src/enforcer/reported-chains.ts";
import type { ReportedFlows, Spared } from "../../src/model/enforcement.ts";
import { openNftables, spawnNft } from "nftables-js";
import type { PacketFilter } from "../../src/model/ports.ts";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { port, reported, source, target } from "./sample-rules.ts";
import { makeNetwork, type ThrowawayNetwork } from "./throwaway-network.ts";

/** What leaves by the network card, whatever way it took there. */
let net: ThrowawayNetwork;
let filter: PacketFilter;
before(async () => {
  net = await makeNetwork("egress");
  await net.run("router", "nft",
    "add table ip nat; add chain ip nat post { type nat hook postrouting priority srcnat; }; add rule ip nat post oifname wan masquerade");
});
after(() => net.remove());
afterEach(() => filter.replaceRules([]));

const hold = async (changes: Partial<ReportedFlows>, spared: Partial<Spared> = {}): Promise<void> => {
  filter = openPacketFilter(openNftables(spawnNft({ command: [...net.enter("router"), "nft"] })), { wanDevices: () => Promise.resolve(["wan"]) });
  await filter.replaceRules([], { flows: [reported({ source: source(["198.51.100.1"], { ports: [] }), ...changes })], spared: { ...nobodySpared, ...spared } });
};
const left = async (): Promise<number | undefined> => (await filter.readCounters()).get(17)?.leaked?.packets;

test("what is dropped has not left; what the router itself sends of it has, and what is spared", async () => {
  await hold({ target: target(["198.51.100.0/24"]) }, { prefixes: target(["192.168.1.99"]).prefixes });
  await net.send("camera", "198.51.100.9", 443, 10);
  assert.equal(await left(), 0);
  // As a flow that is offloaded: it passes no hook but the card's.
  await net.send("router", "198.51.100.9", 443, 7);
  assert.equal(await left(), 7);
  await net.send("laptop", "198.51.100.9", 443, 5);
  assert.equal(await left(), 12);
  await filter.replaceRules([], { flows: [reported({ source: source(["198.51.100.1"], { ports: [] }) })], spared: nobodySpared });
  assert.equal(await left(), 12, "renewed, it counts on");
});

test("ports and IPv6", async () => {
  await hold({ target: target(["2001:db8:9::/48"], { ports: [port(443)], protocols: [17] }), source: source(["2001:db8:9::1"], { ports: [] }) });
  await net.send("router", "2001:db8:9::9", 443, 3);
  await net.send("router", "2001:db8:9::9", 444, 3);
  assert.equal(await left(), 3);
});

test("a target of everything is left to the other counter", async () => {
  await hold({ target: target(["0.0.0.0/0"]) });
  await net.send("camera", "198.51.100.9", 443, 2);
  assert.equal(await left(), 0);
});
