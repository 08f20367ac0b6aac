import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, afterEach, before, test } from "node:test";
import { noticePort } from "../../src/enforcer/quarantine-chains.ts";
import { NftError, openNftables, spawnNft } from "nftables-js";
import type { PacketFilter } from "../../src/model/ports.ts";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { patience } from "../patience.ts";
import { until } from "../until.ts";
import { camera, rule } from "./sample-rules.ts";
import { makeNetwork, type ThrowawayNetwork } from "./throwaway-network.ts";

let net: ThrowawayNetwork;
let filter: PacketFilter;
before(async () => {
  net = await makeNetwork("quarantine");
});
after(() => net.remove());
afterEach(() => filter.replaceRules([]));

const quarantined = rule({ action: "quarantine", addresses: ["192.168.1.23", "2001:db8:1::23"] });
const openFilter = (): PacketFilter => openPacketFilter(openNftables(spawnNft({ command: [...net.enter("router"), "nft"] })));

/** Whether the router answers on the port; the asker tries again and again for a while. */
const answers = async (port: number, protocol: "udp" | "tcp", withinMs = patience): Promise<boolean> => {
  const serve = protocol === "udp"
    ? `const s = require("node:dgram").createSocket("udp4").on("message", (m, from) => s.send("y", from.port, from.address)).bind(${port}, () => console.log("ready"))`
    : `require("node:net").createServer((c) => c.on("error", () => {}).end("y")).listen(${port}, () => console.log("ready"))`;
  const ask = protocol === "udp"
    ? `const s = require("node:dgram").createSocket("udp4").on("message", () => process.exit(0)); setInterval(() => s.send("x", ${port}, "192.168.1.1"), 100); setTimeout(() => process.exit(1), ${withinMs})`
    : `setInterval(() => require("node:net").connect(${port}, "192.168.1.1").on("data", () => process.exit(0)).on("error", () => {}), 200); setTimeout(() => process.exit(1), ${withinMs})`;
  const [program, ...before] = net.enter("router");
  const server = spawn(program, [...before, process.execPath, "-e", serve], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "close");
  await once(server.stdout, "data");
  const answered = await net.run("camera", process.execPath, "-e", ask).then(() => true, () => false);
  server.kill("SIGKILL");
  await ended;
  return answered;
};

test("a quarantined device reaches nothing and is reached by nothing, on its own bridge too", async () => {
  filter = openFilter();
  const ways = [["camera", "192.168.1.99"], ["camera", "2001:db8:1::99"], ["camera", "192.168.1.1"], ["camera", "198.51.100.9"], ["camera", "2001:db8:9::9"], [
    "laptop",
    "192.168.1.23",
  ], ["laptop", "2001:db8:1::23"], ["target", "192.168.1.23"], ["router", "192.168.1.23"]] as const;
  const all = async (): Promise<string[]> => {
    const reached: string[] = [];
    for (const [from, to] of ways) if (await net.reaches(from, to)) reached.push(`${from} ${to}`);
    return reached;
  };
  await until("all are reached", async () => (await all()).length === ways.length);
  await filter.replaceRules([quarantined]);
  assert.deepEqual(await all(), []);
  const { packets } = (await filter.readCounters()).get(17) ?? { packets: 0 };
  assert.ok(packets >= 7, `${packets}`);
  await filter.replaceRules([quarantined]);
  assert.ok(((await filter.readCounters()).get(17)?.packets ?? 0) >= packets, "renewed, it counts on");
  for (const [from, to] of [["laptop", "192.168.1.1"], ["laptop", "198.51.100.9"], ["laptop", "2001:db8:9::9"]] as const)
    assert.equal(await net.reaches(from, to), true);
  await filter.replaceRules([]);
  assert.equal((await all()).length, ways.length);
  assert.doesNotMatch(await net.run("router", "nft", "list", "tables"), /dots_callhome/);
});

test("a new address of its does not help it", async () => {
  filter = openFilter();
  await filter.replaceRules([quarantined]);
  await net.run("camera", "ip", "address", "add", "192.168.1.55/24", "dev", "eth0");
  for (const to of ["192.168.1.99", "192.168.1.1", "198.51.100.9"]) assert.equal(await net.reaches("camera", to, "-I", "192.168.1.55"), false, to);
  await net.run("camera", "ip", "address", "del", "192.168.1.55/24", "dev", "eth0");
});

test("DHCP, DNS and the notice page stay, nothing else of the router", async () => {
  filter = openFilter();
  await filter.replaceRules([quarantined]);
  assert.deepEqual(
    await Promise.all([answers(53, "udp"), answers(67, "udp"), answers(53, "tcp"), answers(noticePort, "tcp"), answers(443, "tcp", 4_000),
      answers(1900, "udp", 4_000)]),
    [true, true, true, true, false, false],
  );
  // A neighbour solicitation is answered: the router's address resolves.
  await net.run("camera", "ip", "-6", "neigh", "flush", "dev", "eth0");
  await net.reaches("camera", "2001:db8:1::1");
  assert.match(await net.run("camera", "ip", "-6", "neigh", "show", "2001:db8:1::1"), /lladdr/);
});

test("a kernel without the bridge family: the rest holds, and the owner is warned", async () => {
  const nftables = openNftables(spawnNft({ command: [...net.enter("router"), "nft"] }));
  filter = openPacketFilter({
    ...nftables,
    runTransaction: (statements) => (statements.some((statement) => "table" in statement && statement.table.family === "bridge")
      ? Promise.reject(new NftError("refused", "nft refused: Error: Could not process rule: Operation not supported"))
      : nftables.runTransaction(statements)),
  });
  await filter.replaceRules([rule()]);
  assert.deepEqual(filter.warnings(), []);
  await filter.replaceRules([quarantined]);
  assert.match(filter.warnings().join(), /^quarantine does not reach devices on the same bridge: .*not supported/);
  assert.equal(await net.reaches("camera", "198.51.100.9"), false);
  assert.equal(await net.reaches("camera", "192.168.1.1"), false);
  assert.ok(((await filter.readCounters()).get(17)?.packets ?? 0) > 0);
  await filter.replaceRules([rule()]);
  assert.deepEqual(filter.warnings(), []);
});

test("frames of a device that is known by its MAC address only", async () => {
  filter = openFilter();
  await filter.replaceRules([{ ...quarantined, addresses: [] }]);
  assert.equal(await net.reaches("laptop", "192.168.1.23"), false);
  assert.match(await net.run("router", "nft", "list", "table", "bridge", "dots_callhome"), new RegExp(`${camera} timeout`));
});
