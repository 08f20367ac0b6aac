import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { interactiveNft } from "../src/interactive-nft.ts";
import { NftError } from "../src/nft-error.ts";
import { openNftables } from "../src/open-nftables.ts";
import { spawnNft } from "../src/spawn-nft.ts";
import type { Statement } from "../src/statement.ts";

const namespace = `dch-${String(process.pid)}-nft`;
const command = ["ip", "netns", "exec", namespace, "nft"] as const;
const nft = (...words: string[]): string => execFileSync("ip", ["netns", "exec", namespace, "nft", ...words]).toString();
/** Those that run in the namespace now: nothing of ours but nft does. */
const processes = (): string[] => execFileSync("ip", ["netns", "pids", namespace]).toString().split("\n").filter((pid) => pid !== "");
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
  {
    do: "add elements",
    table,
    set: "o1",
    elements: [{ key: [{ mac: "02:00:00:00:00:17" }, { ip: "198.51.100.0/24" }, { number: 17 }, { range: [1, 99] }], timeout: 60, value: { object: "m1" } }],
  },
  { do: "add elements", table, set: "v1", elements: [{ key: [{ ip: "2001:db8::1" }], timeout: 60, value: { verdict: { jump: "c1" } } }] },
  {
    do: "add rule",
    table,
    chain: "c1",
    rule: [{ match: "ether saddr", set: "s1" }, { object: "limit", name: "l1" }, { object: "counter", name: "m1" }, { verdict: "drop" }],
  },
  {
    do: "add rule",
    table,
    chain: "f1",
    rule: [{ object: "counter", key: ["ether saddr", "ip daddr", "meta l4proto", "th dport"], map: "o1" }, { verdict: "drop" }],
  },
  { do: "add rule", table, chain: "f1", rule: [{ vmap: "v1", key: ["ip6 saddr"] }] },
];

const programs = { spawned: spawnNft({ command }), "long-lived": interactiveNft({ command }) };
after(() => {
  programs["long-lived"].end();
});

test("the process that lives answers what a set holds, and that there is none, and lives on", async () => {
  const program = interactiveNft({ command, mostMemory: Infinity });
  const nftables = openNftables(program);
  await nftables.runTransaction([
    { do: "add table", table },
    { do: "add set", table, name: "live", key: ["ipv4_addr"], flags: ["timeout"] },
    { do: "add elements", table, set: "live", elements: [{ key: [{ ip: "192.0.2.1" }], timeout: 600 }] },
  ]);
  const before = processes();
  assert.deepEqual((await nftables.listSet(table, "set", "live")).map(({ key }) => key), [["192.0.2.1"]]);
  assert.deepEqual(await nftables.listSet(table, "set", "none"), []);
  await nftables.runTransaction([{ do: "delete table", table }]);
  assert.deepEqual(processes(), before);
  assert.equal(before.length, 1);
  program.end();
});

for (const [name, program] of Object.entries(programs)) {
  const nftables = openNftables(program);
  test(`${name}: begin`, () => {
    nft("flush", "ruleset");
  });

  test(`${name}: what is written is read back`, async () => {
    await nftables.runTransaction(everything);
    assert.deepEqual(await nftables.listCounters(table), new Map([["m1", { packets: 5, bytes: 60 }]]));
    assert.deepEqual(await nftables.listNames(table), { chains: ["c1", "f1"], sets: ["s1"], maps: ["o1", "v1"], counters: ["m1"], limits: ["l1"] });
    const elements = await nftables.listSet(table, "map", "o1");
    assert.deepEqual(elements.map(({ key, timeout, object }) => ({ key, timeout, object })), [
      { key: ["02:00:00:00:00:17", "198.51.100.0/24", "udp", "1-99"], timeout: 60, object: "m1" },
    ]);
  });

  test(`${name}: the counters of several tables are read at once, by the process that lives where there is one`, async () => {
    const other = { family: "netdev", name: "t" } as const;
    await nftables.runTransaction([{ do: "add table", table: other }, { do: "add counter", table: other, name: "m2", packets: 7, bytes: 70 }]);
    const before = processes();
    const read = await nftables.listCountersOf([table, other, { family: "bridge", name: "t" }]);
    assert.deepEqual(read, [new Map([["m1", { packets: 5, bytes: 60 }]]), new Map([["m2", { packets: 7, bytes: 70 }]]), new Map()]);
    assert.deepEqual(processes(), before);
    await nftables.runTransaction([{ do: "delete table", table: other }]);
  });

  test(`${name}: a counter that exists keeps its count; a timeout is renewed by emptying and filling in one transaction`, async () => {
    await nftables.runTransaction([
      { do: "add counter", table, name: "m1", packets: 1, bytes: 1 },
      { do: "flush set", table, name: "s1" },
      { do: "add elements", table, set: "s1", elements: [{ key: [{ mac: "02:00:00:00:00:17" }], timeout: 600 }] },
    ]);
    assert.equal((await nftables.listCounters(table)).get("m1")?.packets, 5);
    assert.ok(((await nftables.listSet(table, "set", "s1"))[0]?.expires ?? 0) > 590);
  });

  test(`${name}: an element that may be gone is removed by adding it first, and made to last longer in one transaction`, async () => {
    const element = { key: [{ ip: "2001:db8::2" }], timeout: 60, value: { verdict: { jump: "c1" } } } as const;
    const removal: readonly Statement[] = [
      { do: "add elements", table, set: "v1", elements: [element] },
      { do: "delete elements", table, set: "v1", elements: [{ key: element.key }] },
    ];
    const held = async (): Promise<readonly (number | undefined)[]> => (
      (await nftables.listSet(table, "map", "v1")).filter(({ key }) => key[0] === "2001:db8::2").map(({ timeout }) => timeout)
    );
    await nftables.runTransaction(removal);
    assert.deepEqual(await held(), []);
    await nftables.runTransaction([...removal, { do: "add elements", table, set: "v1", elements: [element] }]);
    assert.deepEqual(await held(), [60]);
    await nftables.runTransaction([...removal, { do: "add elements", table, set: "v1", elements: [{ ...element, timeout: 90 }] }]);
    assert.deepEqual(await held(), [90]);
    await nftables.runTransaction(removal);
    assert.deepEqual(await held(), []);
  });

  test(`${name}: a transaction that is refused changes nothing, and the error names the statement`, async () => {
    const busy: Statement = { do: "delete counter", table, name: "m1" };
    await assert.rejects(nftables.runTransaction([{ do: "add counter", table, name: "m2" }, ...everything.slice(9, 11), busy]), (error: NftError) => {
      assert.equal(error.failure, "refused");
      assert.equal(error.statement, busy);
      assert.match(error.message, /busy \(in: delete counter inet t m1\)/);
      return true;
    });
    assert.equal((await nftables.listCounters(table)).has("m2"), false);
  });

  test(`${name}: a reserved word is refused by nft itself, a table that is not there by the kernel`, async () => {
    await assert.rejects(nftables.runTransaction([{ do: "add set", table, name: "devices", key: ["mark"], flags: [] }]),
      /syntax error, unexpected devices.*in: add set inet t devices/);
    await assert.rejects(nftables.runTransaction([{ do: "delete table", table: { family: "bridge", name: "none" } }]), (error: NftError) =>
      error.failure === "not-found");
  });
}

/** Resolves once it holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(10);
}

const counter = (at: number): Statement => ({ do: "add counter", table, name: `c${String(at)}` });

test("long-lived: 500 transactions take the processes that they are to take, one at a time, and leave none; errors between them too", async () => {
  nft("flush", "ruleset");
  const program = interactiveNft({ command, mostTransactions: 200 });
  const nftables = openNftables(program);
  const seen = new Set<string>();
  for (let at = 0; at < 500; at += 1) {
    await nftables.runTransaction([{ do: "add table", table }, counter(at)]);
    if (at % 25 === 0) {
      const now = processes();
      assert.ok(now.length <= 2, "the one before may still be ending");
      for (const pid of now) seen.add(pid);
    }
    if (at === 50)
      await assert.rejects(nftables.runTransaction([{ do: "delete counter", table, name: "none" }]), (error: NftError) => error.failure === "not-found");
  }
  assert.equal((await nftables.listCounters(table)).size, 500);
  assert.equal(seen.size, 4, "one until the error, one until the 251st, the 451st, the end");
  program.end();
  await until(() => processes().length === 0);
});

test("long-lived: an nft that is killed is replaced, and the kernel holds all that was answered", async () => {
  nft("flush", "ruleset");
  const program = interactiveNft({ command });
  const nftables = openNftables(program);
  let unknown = 0;
  for (let at = 0; at < 30; at += 1) {
    const run = nftables.runTransaction([{ do: "add table", table }, counter(at)]);
    if (at % 5 === 4) { for (const pid of processes()) process.kill(Number(pid), "SIGKILL"); }
    await run.catch(async (error: unknown) => {
      assert.ok(error instanceof NftError && error.failure === "died", String(error));
      unknown += 1;
      await nftables.runTransaction([{ do: "add table", table }, counter(at)]);
    });
  }
  assert.ok(unknown > 0);
  assert.equal((await nftables.listCounters(table)).size, 30);
  program.end();
  await until(() => processes().length === 0);
});

test("long-lived: 10,000 elements in a transaction; an idle process ends by itself; no history is left", async () => {
  nft("flush", "ruleset");
  const program = interactiveNft({ command, idle: 50, longestLine: 1_000_000 });
  const history = (): number => statSync(join(homedir(), ".nft.history"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const historyBefore = history();
  const elements = Array.from({ length: 10_000 }, (_, at) => ({ key: [{ ip: `10.0.${String(at >> 8)}.${String(at & 255)}` }], timeout: 60 }));
  await openNftables(program).runTransaction([
    { do: "add table", table },
    { do: "add set", table, name: "many", key: ["ipv4_addr"], flags: ["timeout"] },
    { do: "add elements", table, set: "many", elements },
  ]);
  await until(() => processes().length === 0);
  assert.equal((await openNftables(program).listSet(table, "set", "many")).length, 10_000);
  assert.equal(history(), historyBefore);
});
