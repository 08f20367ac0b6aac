import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { noticePort } from "../../src/enforcer/quarantine-chains.ts";
import { nobodySpared } from "../../src/enforcer/reported-chains.ts";
import { type BaseChain, type Nftables, NftError, openNftables, spawnNft, type Statement } from "nftables-js";
import type { PacketFilter } from "../../src/model/ports.ts";
import { readBridgePorts } from "../../src/system/home/bridge-ports.ts";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { runCommand } from "../../src/system/process/run-command.ts";
import { camera, port, reported, rule, source, target } from "./sample-rules.ts";
import { makeNetwork, type ThrowawayNetwork } from "./throwaway-network.ts";
import { seconds } from "../../src/model/time.ts";

/** What is dropped at the port that the device is on: before the bridge, before flows that are offloaded leave the usual way. */
const rawFrames = fileURLToPath(new URL("../../build/lab/raw-frames", import.meta.url));
let net: ThrowawayNetwork;
let filter: PacketFilter;
before(async () => {
  net = await makeNetwork("ingress");
});
after(() => net.remove());
afterEach(() => hold([]));

const quarantined = rule({ action: "quarantine", addresses: ["192.168.1.23", "2001:db8:1::23"] });
const nftables = (): Nftables => openNftables(spawnNft({ command: [...net.enter("router"), "nft"] }));
const ports = (): ReturnType<typeof readBridgePorts> =>
  readBridgePorts((tool, args, options) => {
    const [program, ...before] = net.enter("router");
    return runCommand(program, [...before, tool, ...args], options);
  });
const openFilter = (kernel = nftables()): PacketFilter => openPacketFilter(kernel, { wanDevices: () => Promise.resolve(["wan"]), bridgePorts: ports });
/** Dropped by mitigation 17: at the port, and behind it. */
const dropped = async (): Promise<{ atPort: number; behind: number; told: number }> => {
  const at = async (family: "inet" | "netdev"): Promise<number> => (await nftables().listCounters({ family, name: "dots_callhome" })).get("m17")?.packets ?? 0;
  return { atPort: await at("netdev"), behind: await at("inet"), told: (await filter.readCounters()).get(17)?.packets ?? -1 };
};
const listed = (): Promise<string> => net.run("router", "nft", "list", "table", "netdev", "dots_callhome").catch(() => "");
const hold = async (...what: Parameters<PacketFilter["replaceRules"]>): Promise<void> => {
  await filter.replaceRules(...what);
  await filter.readCounters(); // its turn comes when the ports are done too
};
/** The bridge learns where the devices are. */
const meet = async (): Promise<void> => {
  for (const place of ["camera", "laptop"] as const) assert.ok(await net.reaches(place, "192.168.1.1"));
};

test("a blocked device's flood ends at its port, over IPv4 and IPv6; what is counted there is told", async () => {
  filter = openFilter();
  await meet();
  await hold([rule({ target: target(["198.51.100.9", "2001:db8:9::9"]) })]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 20), 0);
  assert.equal(await net.send("camera", "2001:db8:9::9", 443, 10), 0);
  assert.deepEqual(await dropped(), { atPort: 30, behind: 0, told: 30 });
  assert.equal(await net.send("camera", "198.51.100.10", 443, 5), 5);
  assert.equal(await net.send("laptop", "198.51.100.9", 443, 5), 5);
  await hold([rule()]);
  assert.equal((await dropped()).told, 30, "renewed, it counts on");
});

test("another device on the same port goes on", async () => {
  filter = openFilter();
  // A switch or a repeater: its frames come in where the camera's do.
  await net.run("camera", "ip", "link", "add", "link", "eth0", "name", "shared", "address", "02:00:00:00:00:98", "type", "macvlan", "mode", "bridge");
  await net.run("camera", "ip", "address", "add", "192.168.1.98/32", "dev", "shared");
  await net.run("camera", "ip", "link", "set", "shared", "up");
  await net.run("camera", "ip", "route", "add", "198.51.100.0/24", "via", "192.168.1.1", "dev", "shared", "src", "192.168.1.98", "onlink");
  try {
    for (const held of [rule(), quarantined]) {
      await meet();
      await hold([held]);
      assert.match(await listed(), /hook ingress device "lan1"/);
      assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 10, held.action);
      assert.equal((await dropped()).told < 10, true);
      await hold([]);
    }
  } finally {
    await net.run("camera", "ip", "link", "del", "shared");
  }
});

test("ranges, prefixes and ICMP types; a limit lets its rate pass", async () => {
  filter = openFilter();
  await meet();
  await hold([rule({ target: target(["198.51.100.0/25", "2001:db8:9::/64"], { ports: [port(400, 500)], protocols: [17] }) })]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  assert.equal(await net.send("camera", "2001:db8:9::9", 400, 10), 0);
  assert.equal(await net.send("camera", "198.51.100.9", 501, 10), 10);
  assert.deepEqual(await dropped(), { atPort: 20, behind: 0, told: 20 });
  await hold([rule({ target: target(["198.51.100.9"]), icmpTypes: [port(8)] })]);
  assert.equal(await net.reaches("camera", "198.51.100.9"), false);
  assert.equal((await dropped()).atPort, 21);
  await hold([]);
  await hold([rule({ action: "limit", packetsPerSecond: 20 })]);
  const began = performance.now();
  const passed = await net.send("camera", "198.51.100.9", 443, 500);
  const most = 20 + 20 * (performance.now() - began) / 1000;
  const { atPort, told } = await dropped();
  assert.ok(passed >= 20 && passed <= most, `${passed} passed, ${most} at most`);
  assert.equal(told, 500 - passed);
  assert.ok(atPort >= told * 0.9, `${atPort} of ${told}`);
});

test("two mitigations of the same traffic both count it; a quarantine that is not alone is left to the forward chain", async () => {
  filter = openFilter();
  await meet();
  await hold([rule(), rule({ mitigation: 18 })]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  const both = await filter.readCounters();
  assert.deepEqual([both.get(17)?.packets, both.get(18)?.packets, (await dropped()).behind], [10, 10, 0]);
  await hold([rule(), { ...quarantined, mitigation: 18 }]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  const after = await filter.readCounters();
  assert.deepEqual([after.get(17)?.packets, (after.get(18)?.packets ?? 0) >= 20], [20, true]);
  assert.doesNotMatch(await listed(), /ingress/);
});

test("a quarantined device's packets end at its port, but for what it may still ask the router", async () => {
  filter = openFilter();
  await meet();
  await hold([quarantined]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  assert.equal(await net.send("camera", "2001:db8:9::9", 443, 10), 0);
  assert.ok((await dropped()).atPort >= 20);
  assert.equal(await net.reaches("camera", "192.168.1.99"), false);

  // What reaches the router is counted before our own chains see it.
  await net.run("router", "nft",
    "add table inet seen; add chain inet seen in { type filter hook prerouting priority -250; }; add set inet seen ports { type inet_proto . inet_service; flags dynamic; size 64; }; add set inet seen types { type icmpv6_type; flags dynamic; size 64; }; add rule inet seen in ether saddr "
      + camera + " meta l4proto { 6, 17 } update @seenports { meta l4proto . th dport }".replace("seenports", "ports") + "; add rule inet seen in ether saddr "
      + camera + " icmpv6 type >= 0 update @types { icmpv6 type }");
  try {
    for (const one of [53, 67, 547, 123, 1900]) await net.send("camera", "192.168.1.1", one, 1);
    for (const one of [53, 80, noticePort, 22, 443])
      await net.run("camera", process.execPath, "-e",
        `const s = require("node:net").connect(${one}, "192.168.1.1").on("error", () => {}); setTimeout(() => s.destroy(), 100)`);
    const seen = await nftables().listSet({ family: "inet", name: "seen" }, "set", "ports");
    const name = (protocol: string | undefined): string => (protocol === "6" || protocol === "tcp" ? "tcp" : "udp");
    assert.deepEqual(seen.map(({ key: [protocol, one] }) => `${name(protocol)} ${one ?? ""}`).sort(),
      ["tcp 53", "tcp 80", `tcp ${noticePort}`, "udp 53", "udp 547", "udp 67"].sort());
    await net.run("camera", "ip", "neigh", "flush", "dev", "eth0");
    await net.reaches("camera", "2001:db8:1::1");
    await net.reaches("camera", "192.168.1.1");
    for (const family of ["-4", "-6"])
      assert.match(await net.run("camera", "ip", family, "neigh"), /^(192.168.1.1|2001:db8:1::1) .*lladdr/m, "ARP, neighbour discovery");
    const types = (await nftables().listSet({ family: "inet", name: "seen" }, "set", "types")).map(({ key: [type] }) => type);
    assert.ok(!types.includes("echo-request") && !types.includes("128"), types.join());
  } finally {
    await net.run("router", "nft", "delete table inet seen");
  }
});

/** A UDP datagram of the camera to 198.51.100.9 or 2001:db8:9::9, port 443, behind these EtherTypes and tags. */
const datagram = (before: string, family: 4 | 6): string =>
  (family === 4
    ? `${before}08004500001d0000400040110000c0a80117c6336409`
    : `${before}86dd600000000009114020010db800010000000000000000002320010db8000900000000000000000009`) + "9c4001bb0009000078";
const sendFrames = async (...frames: readonly string[]): Promise<void> => {
  const [program, ...before] = net.enter("camera");
  const header = `${(await net.run("router", "cat", "/sys/class/net/br-lan/address")).trim()}${camera}`.replaceAll(":", "");
  const sent = spawnSync(program, [...before, rawFrames, "eth0"], { input: frames.map((frame) => `${header}${frame}\n`).join(""), encoding: "utf8" });
  assert.equal(sent.stdout.trim(), `{"sent":${frames.length}}`, sent.stderr);
};

test("a frame with a VLAN tag is dropped as one without; behind two tags only the bridge and the router look", async () => {
  execFileSync("make", ["-s", "-C", fileURLToPath(new URL("../lab", import.meta.url))]);
  filter = openFilter();
  await meet();
  for (const held of [rule({ target: target(["198.51.100.9", "2001:db8:9::9"]) }), quarantined]) {
    await hold([held]);
    const before = (await dropped()).atPort;
    await sendFrames(datagram("", 4), datagram("", 6), datagram("81000005", 4), datagram("81000005", 6), datagram("8100000581000006", 4));
    assert.equal((await dropped()).atPort - before, 4, held.action);
    await hold([]);
  }
});

test("the handshakes of a Wi-Fi pass, and everything that is not IP is left to the bridge", async () => {
  filter = openFilter();
  await meet();
  await hold([quarantined]);
  await net.run("router", "nft",
    "add table netdev seen; add chain netdev seen in { type filter hook ingress device lan1 priority 0; }; add counter netdev seen eapol; add rule netdev seen in meta protocol 0x888e counter name eapol");
  try {
    await sendFrames("888e0203005f02", "888e0203005f02", datagram("", 4));
    assert.equal((await nftables().listCounters({ family: "netdev", name: "seen" })).get("eapol")?.packets, 2);
  } finally {
    await net.run("router", "nft", "delete table netdev seen");
  }
});

test("a device that nobody has seen on a port, and one whose port vanishes and comes back", async () => {
  filter = openFilter();
  await net.run("router", "bridge", "fdb", "flush", "dev", "lan1").catch(() =>
    net.run("router", "bridge", "fdb", "del", camera, "dev", "lan1", "master").catch(() => "")
  );
  await hold([rule({ mac: "02:00:00:00:00:77" })]);
  assert.equal(await listed(), "", "no port, no table");
  await meet();
  await hold([rule()]);
  assert.match(await listed(), /hook ingress device "lan1"/);
  await net.run("router", "ip", "link", "del", "lan1");
  await hold([rule({ timeout: seconds(100) })]);
  await net.run("router", "ip", "link", "add", "lan1", "type", "veth", "peer", "name", "eth0", "netns", net.enter("camera")[3] ?? "");
  await net.run("router", "ip", "link", "set", "lan1", "master", "br-lan", "up");
  await net.run("camera", "ip", "link", "set", "eth0", "address", camera, "up");
  await net.run("camera", "ip", "address", "add", "192.168.1.23/24", "dev", "eth0");
  await net.run("camera", "ip", "route", "add", "default", "via", "192.168.1.1");
  const before = (await dropped()).told;
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  assert.equal((await dropped()).told, before + 10, "wherever it is dropped");
  await hold([rule({ timeout: seconds(110) })]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  const { atPort, told } = await dropped();
  assert.ok(told === before + 20 && atPort >= 10, `${told}, ${atPort}`);
});

const refusing = (isRefused: (base: BaseChain) => boolean): Nftables => {
  const real = nftables();
  return {
    ...real,
    runTransaction(statements) {
      const refused = statements.find((statement: Statement) => "base" in statement && isRefused(statement.base));
      return refused
        ? Promise.reject(new NftError("not-found", "nft refused: Error: Could not process rule: No such file or directory", "", refused))
        : real.runTransaction(statements);
    },
  };
};
const traffic = { flows: [reported({ source: source(["198.51.100.1"], { ports: [] }) })], spared: nobodySpared };

test("a kernel without the egress hook drops at the port all the same, and one bad port costs no other", async () => {
  await meet();
  filter = openFilter(refusing(({ hook }) => hook === "egress"));
  await hold([rule()], traffic);
  assert.match(await listed(), /hook ingress device "lan1"/);
  assert.doesNotMatch(await listed(), /egress|counter e17/);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  assert.equal((await dropped()).atPort, 10);

  filter = openFilter(refusing(({ hook, device }) => hook === "ingress" && device === "lan2"));
  const both = [rule(), rule({ mitigation: 18, mac: "02:00:00:00:00:99" })];
  await hold(both, traffic);
  assert.match(await listed(), /hook ingress device "lan1"/);
  assert.match(await listed(), /hook egress device "wan"/);
  assert.doesNotMatch(await listed(), /lan2/);
  assert.equal(await net.send("laptop", "198.51.100.9", 443, 10), 0, "the forward chain holds");
  await hold([...both, rule({ mitigation: 19, mac: "02:00:00:00:00:99", target: target(["198.51.100.10"]) })], traffic);
  assert.equal(await net.send("laptop", "198.51.100.10", 443, 5), 0);
  assert.match(await listed(), /hook ingress device "lan1"/);
});

test("a kernel without the hook at all, and one that has no card of that name", async () => {
  await meet();
  filter = openFilter(refusing(({ hook }) => hook === "ingress" || hook === "egress"));
  await hold([rule()], traffic);
  assert.equal(await listed(), "");
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  assert.equal((await dropped()).told, 10);

  filter = openPacketFilter(nftables(), { bridgePorts: () => Promise.resolve(new Map([[camera, "gone0"]])) });
  await hold([rule()]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
  filter = openPacketFilter(nftables(), { bridgePorts: () => Promise.reject(new Error("no such program")) });
  await hold([rule()]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 10), 0);
});

test("a daemon that was killed counts on, from its first reading on, what its former run dropped at the port", async () => {
  filter = openFilter();
  await meet();
  await hold([rule()]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 20), 0);
  filter = openFilter();
  assert.equal((await dropped()).told, 20);
  await hold([rule()]);
  assert.equal(await net.send("camera", "198.51.100.9", 443, 5), 0);
  assert.equal((await dropped()).told, 25);
});
