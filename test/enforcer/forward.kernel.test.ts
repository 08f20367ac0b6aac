import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, beforeEach, test } from "node:test";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { openNftables, spawnNft } from "nftables-js";
import type { PacketFilter } from "../../src/model/ports.ts";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { until } from "../until.ts";
import { goldenCases } from "./golden-cases.ts";
import { port, rule, target } from "./sample-rules.ts";
import { makeNetwork, senderScript } from "./throwaway-network.ts";
import type { ThrowawayNetwork } from "./throwaway-network.ts";
import { seconds } from "../../src/model/time.ts";

const [target4, otherTarget4, target6] = ["198.51.100.9", "198.51.100.10", "2001:db8:9::9"] as const;
let net: ThrowawayNetwork;
let filter: PacketFilter;

before(async () => {
  net = await makeNetwork("enf");
  for (const place of ["camera", "laptop"] as const) {
    for (const address of [target4, otherTarget4, target6]) {
      await until(`${place} reaches ${address}`, () => net.reaches(place, address));
    }
  }
});
after(() => net.remove());
beforeEach(async () => {
  await net.run("router", "nft", "flush ruleset");
  filter = openFilter();
});

const openFilter = (): PacketFilter => openPacketFilter(openNftables(spawnNft({ command: [...net.enter("router"), "nft"] })));
const packets = async (mitigation: number): Promise<number | undefined> => (await filter.readCounters()).get(mitigation)?.packets;
const udp = (lower: number, upper = lower): EnforcementRule["target"] => target([target4, target6], { protocols: [17], ports: [port(lower, upper)] });

test("a block drops what the device sends to the target, and nothing else", async () => {
  await filter.replaceRules([rule()]);
  assert.equal(await net.reaches("camera", target4), false);
  assert.equal(await net.reaches("camera", otherTarget4), true);
  assert.equal(await net.reaches("camera", target6), true);
  assert.equal(await net.reaches("laptop", target4), true);
  assert.deepEqual(await filter.readCounters(), new Map([[17, { packets: 1, bytes: 84 }]]));
});

test("with a MAC address it holds for addresses that the device takes later, IPv6 too", async () => {
  await filter.replaceRules([rule({ target: target([target4, target6]) })]);
  assert.equal(await net.reaches("camera", target6), false);
  await net.run("camera", "ip", "address", "add", "192.168.1.77/24", "dev", "eth0");
  assert.equal(await net.reaches("camera", target4, "-I", "192.168.1.77"), false);
});

test("without one it holds for the addresses", async () => {
  await filter.replaceRules([rule({ mac: null, addresses: ["192.168.1.23", "2001:db8:1::23"], target: target([target4, target6]) })]);
  assert.equal(await net.reaches("camera", target4), false);
  assert.equal(await net.reaches("camera", target6), false);
  assert.equal(await net.reaches("laptop", target4), true);
});

test("protocols and single ports: only those", async () => {
  await filter.replaceRules([rule({ target: udp(53) })]);
  for (const address of [target4, target6]) {
    assert.equal(await net.send("camera", address, 53, 10), 0);
    assert.equal(await net.send("camera", address, 54, 10), 10);
    assert.equal(await net.send("laptop", address, 53, 10), 10);
  }
  assert.equal(await net.reaches("camera", target4), true);
  assert.equal(await packets(17), 20);
});

test("ranges of ports, prefixes, and ICMP types", async () => {
  await filter.replaceRules([rule({ target: { ...udp(1000, 2000), prefixes: target(["198.51.100.0/28", "2001:db8:9::/64"]).prefixes } }),
    rule({ mitigation: 18, icmpTypes: [port(8), port(128)], target: target([otherTarget4, target6]) })]);
  for (const address of [target4, otherTarget4, target6]) {
    assert.equal(await net.send("camera", address, 1999, 10), 0);
    assert.equal(await net.send("camera", address, 2001, 10), 10);
    assert.equal(await net.reaches("camera", address), address === target4);
  }
  assert.equal(await packets(17), 30);
  assert.equal(await packets(18), 2);
});

test("a limit lets its rate pass and drops the rest, to all targets together", async () => {
  await filter.replaceRules([rule({ action: "limit", packetsPerSecond: 20, target: udp(53) })]);
  const began = performance.now();
  const passed = await net.send("camera", target4, 53, 2000) + await net.send("camera", target6, 53, 2000);
  const most = 20 + 20 * (performance.now() - began) / 1000;
  assert.ok(passed >= 20 && passed <= most, `${String(passed)} passed, ${most} at most`);
  assert.equal(await packets(17), 4000 - passed);
});

test("a quarantine cuts the device off in both directions", async () => {
  await filter.replaceRules([rule({ action: "quarantine", addresses: ["192.168.1.23", "2001:db8:1::23"] })]);
  for (const address of [target4, otherTarget4, target6]) assert.equal(await net.reaches("camera", address), false);
  assert.equal(await net.reaches("camera", "192.168.1.1"), false, "the router itself");
  const before = await packets(17) ?? 0;
  await net.reaches("target", "192.168.1.23");
  await net.reaches("target", "2001:db8:1::23");
  assert.equal(await packets(17), before + 2, "towards the device");
  assert.equal(await net.reaches("laptop", target4), true);
});

test("two mitigations of the same traffic both count it, and either alone keeps it out", async () => {
  const [one, other] = [rule({ target: udp(53) }), rule({ mitigation: 18, target: target(["198.51.100.0/24"]) })];
  await filter.replaceRules([one, other]);
  assert.equal(await net.send("camera", target4, 53, 10), 0);
  assert.deepEqual([await packets(17), await packets(18)], [10, 10]);
  await filter.replaceRules([other]);
  assert.equal(await net.send("camera", target4, 53, 10), 0);
  assert.deepEqual([await packets(17), await packets(18)], [undefined, 20]);
  await filter.replaceRules([one]);
  assert.equal(await net.send("camera", target4, 53, 10), 0);
  assert.equal(await net.reaches("camera", target4), true);
  assert.deepEqual([await packets(17), await packets(18)], [10, undefined]);
});

test("counters go on through renewals and a restart of the daemon", async () => {
  const rules = [rule(), rule({ mitigation: 18, action: "limit", packetsPerSecond: 5, target: udp(7) })];
  await filter.replaceRules(rules);
  await net.send("camera", target4, 53, 10);
  await filter.replaceRules(rules);
  filter = openFilter();
  assert.equal(await packets(17), 10);
  await filter.replaceRules(rules);
  await net.send("camera", target4, 53, 10);
  assert.equal(await packets(17), 20);
});

for (const [kind, blocked] of [["hash map", { target: target([target4]) }], ["device chain", { target: target(["198.51.100.0/24"]) }]] as const) {
  test(`no packet slips through while rules are renewed (${kind})`, async () => {
    const [program, ...before] = net.enter("camera");
    await filter.replaceRules([rule(blocked)]);
    const already = await net.arrived();
    const flood = spawn(program, [...before, process.execPath, "-e", senderScript, target4, "53", "1e9"], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      for (let turn = 0; turn < 80; turn++)
        await filter.replaceRules([rule(blocked), rule({ mitigation: 18 + turn % 3, mac: "02:00:00:00:00:55", ...blocked })]);
      assert.ok((await packets(17) ?? 0) > 2000, "there was a flood");
    } finally {
      const ended = new Promise((resolve) => flood.once("close", resolve));
      flood.kill("SIGTERM");
      await ended;
    }
    assert.equal(await net.arrived() - already, 0);
  });

  test(`the kernel ends a block by itself, the longer one of two later (${kind})`, async () => {
    await filter.replaceRules([rule({ ...blocked, timeout: seconds(4) }), rule({ mitigation: 18, timeout: seconds(60), target: udp(53) })]);
    assert.equal(await net.reaches("camera", target4), false);
    await until("it ends", () => net.reaches("camera", target4));
    assert.equal(await net.send("camera", target4, 53, 10), 0);
    // What has run out is no obstacle to the next transaction, nor to the end.
    await filter.replaceRules([rule({ mitigation: 18, timeout: seconds(60), target: udp(53) })]);
    await filter.replaceRules([]);
    assert.equal(await net.reaches("camera", target4), true);
  });

  test(`a lost or damaged table is made again, counters included (${kind})`, async () => {
    await filter.replaceRules([rule(blocked), rule({ mitigation: 18, ...blocked, mac: "02:00:00:00:00:55" })]);
    for (
      const damage of ["flush ruleset", "flush table inet dots_callhome",
        "delete table inet dots_callhome; add table inet dots_callhome; add map inet dots_callhome host4_by_mac { type ipv4_addr : verdict; }; add set inet dots_callhome m17_by_mac { type mark; }"]
    ) {
      await net.send("camera", target4, 53, 10);
      const counted = await packets(17);
      await net.run("router", "nft", damage);
      await filter.replaceRules([rule(blocked)]);
      assert.equal(await net.reaches("camera", target4), false, damage);
      assert.equal(await packets(17), (counted ?? 0) + 1, damage);
    }
  });
}

test("after a restart, whatever somebody has added to the table is removed", async () => {
  await filter.replaceRules([rule()]);
  await net.reaches("camera", target4);
  await net.run("router", "nft",
    "add chain inet dots_callhome my-chain { type filter hook forward priority 0; policy drop; }; add map inet dots_callhome x { type ipv4_addr : ipv4_addr; }");
  filter = openFilter();
  await filter.replaceRules([rule()]);
  assert.equal(await net.reaches("camera", target4), false);
  assert.equal(await net.reaches("laptop", target4), true);
  assert.equal(await packets(17), 2);
});

test("without rules there is no table, and no counters", async () => {
  await filter.replaceRules([]);
  assert.deepEqual(await filter.readCounters(), new Map());
  await filter.replaceRules([rule()]);
  await filter.replaceRules([]);
  assert.equal((await net.run("router", "nft", "list tables")).includes("dots_callhome"), false);
  assert.equal(await net.reaches("camera", target4), true);
});

test("other tables are left alone", async () => {
  await net.run("router", "nft",
    "add table inet fw4; add chain inet fw4 forward { type filter hook forward priority 0; policy accept; }; add rule inet fw4 forward counter accept");
  await filter.replaceRules([rule()]);
  assert.equal(await net.reaches("camera", target4), false);
  await filter.replaceRules([]);
  assert.match(await net.run("router", "nft", "list table inet fw4"), /packets \d+ bytes \d+ accept/);
});

test("concurrent calls take effect in order", async () => {
  const calls = Array.from({ length: 12 },
    (_, turn) => filter.replaceRules(turn % 3 === 2 ? [] : [rule({ mitigation: 20 + turn, ...(turn % 2 ? { target: target(["198.51.100.0/24"]) } : {}) })]));
  calls.push(filter.replaceRules([rule({ mitigation: 40 })]));
  await Promise.all(calls);
  assert.deepEqual([...(await filter.readCounters()).keys()], [40]);
});

for (const { file, rules, reported, before: earlier = [] } of goldenCases) {
  test(`nft takes the golden file ${file}, and the filter goes from it to other rules and back`, async () => {
    const path = new URL(`../golden/${file}.nft`, import.meta.url).pathname;
    await filter.replaceRules(earlier);
    await net.run("router", "nft", "-c", "-f", path);
    await net.run("router", "nft", "-f", path);
    filter = openFilter();
    for (const next of [rules, [rule({ mitigation: 99 })], rules, []]) await filter.replaceRules(next, next === rules ? reported : undefined);
  });
}
