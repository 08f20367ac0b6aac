import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { NftError } from "../../src/nftables/nft-error.ts";
import { openNftables } from "../../src/nftables/open-nftables.ts";
import { spawnNft } from "../../src/nftables/spawn-nft.ts";
import type { Statement } from "../../src/nftables/statement.ts";

const namespace = `dch-${String(process.pid)}-nft`;
const nftables = openNftables(spawnNft({ command: ["ip", "netns", "exec", namespace, "nft"] }));
const table = { family: "inet", name: "t" } as const;
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => execFileSync("ip", ["netns", "delete", namespace]));

const everything: readonly Statement[] = [
  { comment: "All kinds of statements." },
  { do: "add table", table },
  { do: "add counter", table, name: "m1", packets: 5, bytes: 60 },
  { do: "add limit", table, name: "l1", packetsPerSecond: 10, burst: 20 },
  { do: "add set", table, name: "s1", key: ["ether_addr"], flags: ["timeout"] },
  { do: "add map", table, name: "o1", key: ["ether_addr", "ipv4_addr", "inet_proto", "inet_service"], holds: "counter", flags: ["interval", "timeout"] },
  { do: "add map", table, name: "v1", key: ["ipv6_addr"], holds: "verdict", flags: ["timeout"] },
  { do: "add chain", table, name: "c1" },
  { do: "add chain", table, name: "f1", base: { type: "filter", hook: "forward", priority: { base: "filter", offset: -5 }, policy: "accept" } },
  { do: "add elements", table, set: "s1", elements: [{ key: [{ mac: "02:00:00:00:00:17" }], timeout: 60 }] },
  { do: "add elements", table, set: "o1", elements: [{ key: [{ mac: "02:00:00:00:00:17" }, { ip: "198.51.100.0/24" }, { number: 17 }, { range: [1, 99] }], timeout: 60, value: { object: "m1" } }] },
  { do: "add elements", table, set: "v1", elements: [{ key: [{ ip: "2001:db8::1" }], timeout: 60, value: { verdict: { jump: "c1" } } }] },
  { do: "add rule", table, chain: "c1", rule: [{ match: "ether saddr", set: "s1" }, { object: "limit", name: "l1" }, { object: "counter", name: "m1" }, { verdict: "drop" }] },
  { do: "add rule", table, chain: "f1", rule: [{ object: "counter", key: ["ether saddr", "ip daddr", "meta l4proto", "th dport"], map: "o1" }, { verdict: "drop" }] },
  { do: "add rule", table, chain: "f1", rule: [{ vmap: "v1", key: ["ip6 saddr"] }] },
];

test("what is written is read back", async () => {
  await nftables.runTransaction(everything);
  assert.deepEqual(await nftables.listCounters(table), new Map([["m1", { packets: 5, bytes: 60 }]]));
  assert.deepEqual(await nftables.listNames(table), { chains: ["c1", "f1"], sets: ["s1"], maps: ["o1", "v1"], counters: ["m1"], limits: ["l1"] });
  const elements = await nftables.listSet(table, "map", "o1");
  assert.deepEqual(elements.map(({ key, timeout, object }) => ({ key, timeout, object })), [
    { key: ["02:00:00:00:00:17", "198.51.100.0/24", "udp", "1-99"], timeout: 60, object: "m1" },
  ]);
});

test("a counter that exists keeps its count; a timeout is renewed by emptying and filling in one transaction", async () => {
  await nftables.runTransaction([
    { do: "add counter", table, name: "m1", packets: 1, bytes: 1 }, { do: "flush set", table, name: "s1" },
    { do: "add elements", table, set: "s1", elements: [{ key: [{ mac: "02:00:00:00:00:17" }], timeout: 600 }] },
  ]);
  assert.equal((await nftables.listCounters(table)).get("m1")?.packets, 5);
  assert.ok(((await nftables.listSet(table, "set", "s1"))[0]?.expires ?? 0) > 590);
});

test("a transaction that is refused changes nothing, and the error names the statement", async () => {
  const busy: Statement = { do: "delete counter", table, name: "m1" };
  await assert.rejects(nftables.runTransaction([{ do: "add counter", table, name: "m2" }, ...everything.slice(9, 11), busy]), (error: NftError) => {
    assert.equal(error.failure, "refused");
    assert.equal(error.statement, busy);
    assert.match(error.message, /busy \(in: delete counter inet t m1\)/);
    return true;
  });
  assert.equal((await nftables.listCounters(table)).has("m2"), false);
});

test("a reserved word is refused by nft itself, a table that is not there by the kernel", async () => {
  await assert.rejects(nftables.runTransaction([{ do: "add set", table, name: "devices", key: ["mark"], flags: [] }]), /syntax error, unexpected devices.*in: add set inet t devices/);
  await assert.rejects(nftables.runTransaction([{ do: "delete table", table: { family: "bridge", name: "none" } }]), (error: NftError) => error.failure === "not-found");
});
