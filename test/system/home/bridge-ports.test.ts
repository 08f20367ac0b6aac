import assert from "node:assert/strict";
import { test } from "node:test";
import { readBridgePorts } from "../../../src/system/home/bridge-ports.ts";
import { oddities, play } from "../played-tools.ts";

const read = (entries: readonly object[]): ReturnType<typeof readBridgePorts> => readBridgePorts(play({ "bridge -j fdb show": JSON.stringify(entries) }));

test("the port that each device was learned on; not the router's own addresses, nor what no bridge has learned", async () => {
  const ports = await readBridgePorts(play());
  assert.equal(ports.get("02:00:00:00:0a:01"), "lan1");
  for (const mac of ["33:33:00:00:00:01", "2e:e1:48:3c:59:aa"]) assert.equal(ports.has(mac), false, mac);
});

test("a name that would mean something to nft is no port; the first of two is", async () => {
  const on = (ifname: unknown, mac = "02:00:00:00:0a:01"): object => ({ mac, ifname, master: "br-lan" });
  for (const name of ["", 'lan1"; drop', "a b", "sixteen-letters-", "lan$1", 7, null]) assert.deepEqual([...await read([on(name)])], [], String(name));
  for (const name of ["lan1", "phy0-ap0", "eth1.5", "lan1@eth0"]) assert.deepEqual([...await read([on(name)])], [["02:00:00:00:0a:01", name]]);
  assert.deepEqual([...await read([on("lan1"), on("lan2"), on("lan3", "02:00:00:00:0A:02"), on("lan4", "nonsense")])], [["02:00:00:00:0a:01", "lan1"], [
    "02:00:00:00:0a:02",
    "lan3",
  ]]);
});

test("odd JSON has no ports, or is refused", async () => {
  for (const odd of oddities) assert.equal(await readBridgePorts(play({ "bridge -j fdb show": odd })).then((ports) => ports.size, () => 0), 0, odd);
});
