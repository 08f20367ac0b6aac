import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, afterEach, before, test } from "node:test";
import { nobodySpared } from "../../src/enforcer/reported-chains.ts";
import type { ReportedFlows, Spared } from "../../src/model/enforcement.ts";
import { openNftables, spawnNft } from "nftables-js";
import type { PacketFilter } from "../../src/model/ports.ts";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { until } from "../until.ts";
import { patience } from "../patience.ts";
import { camera, port, reported, rule, source, target } from "./sample-rules.ts";
import { makeNetwork, type ThrowawayNetwork } from "./throwaway-network.ts";
import { seconds } from "../../src/model/time.ts";

/** Traffic as the ISP sees it: behind NAT, from shifted ports. */
let net: ThrowawayNetwork;
let filter: PacketFilter;
const target4 = "198.51.100.9";
const laptop = "02:00:00:00:00:99";
const wan = source(["198.51.100.1"], { ports: [port(20000, 30000)] });

before(async () => {
  net = await makeNetwork("wan");
  // As a home router: every port is shifted; a port-forward to the camera; IPv6 without NAT.
  await net.run("router", "nft", [
    "add table ip nat",
    "add chain ip nat post { type nat hook postrouting priority srcnat; }",
    "add rule ip nat post oifname wan meta l4proto { tcp, udp } masquerade to :20000-30000",
    "add rule ip nat post oifname wan masquerade",
    "add chain ip nat pre { type nat hook prerouting priority dstnat; }",
    "add rule ip nat pre iifname wan udp dport 25000 dnat to 192.168.1.23:7000",
  ].join("; "));
});
after(() => net.remove());
afterEach(() => filter.replaceRules([]));

const watch = async (flows: readonly Partial<ReportedFlows>[], spared: Partial<Spared> = {}): Promise<void> => {
  filter = openPacketFilter(openNftables(spawnNft({ command: [...net.enter("router"), "nft"] })));
  await filter.replaceRules([], { flows: flows.map((changes) => reported({ source: wan, ...changes })), spared: { ...nobodySpared, ...spared } });
};
const counts = async (id = 17): Promise<{ dropped: number; left: number }> => {
  const count = (await filter.readCounters()).get(id);
  return { dropped: count?.packets ?? -1, left: count?.leaked?.packets ?? -1 };
};
const senders = async (id = 17): Promise<string[]> => (await filter.readWitness(id)).map(({ mac, address, packets }) => `${mac} ${address} ${packets}`).sort();

test("what was reported is dropped after NAT, before the device is known, and its sender is recorded", async () => {
  await watch([{}]);
  assert.equal(await net.send("camera", target4, 443, 20), 0);
  assert.deepEqual(await counts(), { dropped: 20, left: 0 });
  assert.deepEqual(await senders(), [`${camera} 192.168.1.23 20`]);
});

test("while the owner has not answered it is recorded and counted, and all of it passes", async () => {
  await watch([{ action: "watch" }]);
  assert.equal(await net.send("camera", target4, 443, 20), 20);
  assert.equal(await net.send("laptop", target4, 443, 5), 5);
  assert.deepEqual(await counts(), { dropped: 0, left: 25 });
  assert.deepEqual(await senders(), [`${camera} 192.168.1.23 20`, `${laptop} 192.168.1.99 5`]);
});

test("ports, protocols and targets that were not reported pass", async () => {
  await watch([{ source: source(["198.51.100.1"], { ports: [port(31000, 32000)] }) }, {
    mitigation: 18,
    target: target([target4], { ports: [port(80)], protocols: [17] }),
  }, { mitigation: 19, target: target(["198.51.100.10"]) }]);
  assert.equal(await net.send("camera", target4, 443, 5), 5);
  assert.equal(await net.send("camera", target4, 80, 5), 0);
  assert.deepEqual(await counts(18), { dropped: 5, left: 0 });
  assert.deepEqual(await counts(19), { dropped: 0, left: 0 });
});

test("IPv6 without NAT, prefixes, and an ICMPv6 type", async () => {
  const sources = source(["2001:db8:1::/64"], { ports: [] });
  await watch([{ source: sources, target: target(["2001:db8:9::/48"], { protocols: [17] }) }, {
    mitigation: 18,
    source: { ...sources, icmpTypes: [port(128)] },
    target: target(["2001:db8:9::9"]),
  }]);
  assert.equal(await net.send("camera", "2001:db8:9::9", 443, 10), 0);
  assert.equal(await net.reaches("camera", "2001:db8:9::9"), false);
  assert.deepEqual(await senders(17), [`${camera} 2001:db8:1::23 10`]);
  assert.deepEqual(await senders(18), [`${camera} 2001:db8:1::23 1`]);
});

test("an ICMP type behind NAT", async () => {
  await watch([{ source: source(["198.51.100.1"], { ports: [], icmpTypes: [port(8)] }) }]);
  assert.equal(await net.reaches("camera", target4), false);
  assert.equal(await net.send("camera", target4, 443, 5), 5);
  assert.deepEqual(await senders(), [`${camera} 192.168.1.23 1`]);
});

test("SCTP has ports, GRE has none", async () => {
  await watch([{ target: target([target4], { protocols: [132, 47] }), source: source(["198.51.100.1"], { ports: [port(0, 65535)] }) }]);
  const rules = await net.run("router", "nft", "list", "chain", "inet", "dots_callhome", "ask17_4");
  assert.match(rules, /sctp sport 0-65535 goto hit17_4/);
  assert.match(rules, /l4proto (gre|47) goto hit17_4/);
});

test("a spoofed source address does not hide the sender", async () => {
  await net.run("camera", "ip", "address", "add", "192.168.1.77/32", "dev", "eth0");
  await watch([{}]);
  await net.run("camera", "ip", "route", "add", `${target4}/32`, "via", "192.168.1.1", "src", "192.168.1.77");
  assert.equal(await net.send("camera", target4, 443, 3), 0);
  assert.deepEqual(await senders(), [`${camera} 192.168.1.77 3`]);
  await net.run("camera", "ip", "route", "del", `${target4}/32`);
});

test("what a held device sends from its address is dropped under another MAC address and from another port too, and recorded; others pass", async () => {
  await watch([{
    source: source(["198.51.100.1"], { ports: [port(9)] }),
    target: target([target4], { ports: [port(443)], protocols: [17] }),
    addresses: ["192.168.1.23", "2001:db8:1::23"],
  }]);
  assert.equal(await net.send("laptop", target4, 443, 5), 5);
  assert.equal(await net.send("camera", target4, 443, 20), 0);
  assert.equal(await net.send("camera", target4, 80, 5), 5, "another port is another matter");
  assert.deepEqual(await counts(), { dropped: 20, left: 0 });
  assert.deepEqual(await senders(), [`${camera} 192.168.1.23 20`]);
});

test("a device that answers through a port-forward is recorded by its own address", async () => {
  await watch([{ source: source(["198.51.100.1"], { ports: [port(25000)] }), target: target([target4], { protocols: [17] }) }]);
  const answering =
    `const s = require("node:dgram").createSocket("udp4").on("message", (m, from) => s.send("y", from.port, from.address, () => process.exit())); s.bind(7000, () => console.log("ready")); setTimeout(() => process.exit(1), ${patience})`;
  const [program, ...before] = net.enter("camera");
  const server = spawn(program, [...before, process.execPath, "-e", answering], { stdio: ["ignore", "pipe", "inherit"] });
  const answered = once(server, "close");
  await once(server.stdout, "data");
  await net.run("target", process.execPath, "-e", `const s = require("node:dgram").createSocket("udp4"); s.send("x", 25000, "198.51.100.1", () => s.close())`);
  assert.deepEqual(await answered, [0, null]);
  assert.deepEqual(await senders(), [`${camera} 192.168.1.23 1`]);
});

test("the router's own traffic is never touched", async () => {
  await watch([{ source: source(["198.51.100.1"], { ports: [] }), target: target(["198.51.100.0/24"]) }]);
  assert.equal(await net.reaches("router", target4), true);
  assert.equal(await net.send("router", target4, 443, 5), 5);
  assert.deepEqual(await counts(), { dropped: 0, left: 0 });
});

test("never_block and devices to be asked about are spared, and counted as leaving", async () => {
  await watch([{}, { mitigation: 18, sparesUnasked: false, target: target([target4], { ports: [port(80)] }) }], {
    unaskedMacs: [camera],
    prefixes: target(["192.168.1.99"]).prefixes,
  });
  assert.equal(await net.send("camera", target4, 443, 5), 5);
  assert.equal(await net.send("camera", target4, 80, 5), 0, "of this mitigation the owner has been asked");
  assert.equal(await net.send("laptop", target4, 80, 5), 5);
  assert.deepEqual(await counts(18), { dropped: 5, left: 5 });
});

test("several mitigations of one packet all count it; a limit lets its rate through", async () => {
  await watch([{}, { mitigation: 18, target: target(["198.51.100.0/24"]) }, { mitigation: 19, action: "watch" }]);
  assert.equal(await net.send("camera", target4, 443, 10), 0);
  for (const id of [17, 18]) assert.deepEqual(await counts(id), { dropped: 10, left: 0 });
  assert.deepEqual(await senders(19), [`${camera} 192.168.1.23 10`]);
  await watch([{ action: "limit", packetsPerSecond: 3 }]);
  const began = performance.now();
  const passed = await net.send("camera", target4, 443, 50);
  const most = 3 + 3 * (performance.now() - began) / 1000;
  assert.ok(passed >= 3 && passed <= most, `${passed} passed, ${most} at most`);
});

test("records and counts survive renewals; the kernel forgets by itself", async () => {
  await watch([{}]);
  await net.send("camera", target4, 443, 5);
  for (const timeout of [120, 120, 1])
    await filter.replaceRules([rule({ mitigation: 99 })], { flows: [reported({ source: wan, timeout: seconds(timeout) })], spared: nobodySpared });
  assert.deepEqual(await counts(), { dropped: 5, left: 0 });
  assert.deepEqual(await senders(), [`${camera} 192.168.1.23 5`]);
  await until("it passes again", async () => await net.send("laptop", target4, 443, 5) === 5);
});
