import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, afterEach, before, test } from "node:test";
import { mostReported, nobodySpared } from "../../src/enforcer/reported-chains.ts";
import { NftError, openNftables, spawnNft } from "nftables-js";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { reported, rule, target } from "./sample-rules.ts";
import { seconds } from "../../src/model/time.ts";

const namespace = `dch-${String(process.pid)}-enf-faults`;
const command = ["ip", "netns", "exec", namespace, "nft"] as const;
const nft = (...words: string[]): string => execFileSync("ip", ["netns", "exec", namespace, "nft", ...words]).toString();
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => execFileSync("ip", ["netns", "delete", namespace]));
afterEach(() => nft("flush", "ruleset"));

const openFilter = (): ReturnType<typeof openPacketFilter> => openPacketFilter(openNftables(spawnNft({ command })), { command });

test("nft is missing: the caller hears so, every time, and nothing else breaks", async () => {
  const filter = openPacketFilter(openNftables(spawnNft({ command: ["/nowhere/nft"] })), { command: ["/nowhere/nft"] });
  const stop = filter.watch(() => undefined);
  for (let turn = 0; turn < 2; turn += 1)
    await assert.rejects(filter.replaceRules([rule()]), (error) => error instanceof NftError && error.failure === "not-installed");
  await assert.rejects(filter.readCounters(), NftError);
  stop();
});

test("a transaction that is refused half way leaves what was", async () => {
  const filter = openFilter();
  await filter.replaceRules([rule()]);
  const before = nft("-s", "list", "ruleset");
  const nftables = openNftables(spawnNft({ command }));
  const refusing = openPacketFilter({
    ...nftables,
    runTransaction: (statements) =>
      nftables.runTransaction([...statements, { do: "delete set", table: { family: "inet", name: "dots_callhome" }, name: "not_there" }]),
  }, { command });
  await assert.rejects(refusing.replaceRules([rule({ mitigation: 18 })]), NftError);
  assert.equal(nft("-s", "list", "ruleset"), before);
});

test("nft that ends before it answers, its transaction done or not: afterwards all holds, once", async () => {
  const nftables = openNftables(spawnNft({ command }));
  const rules = [rule({ timeout: seconds(600) }), rule({ mitigation: 18, timeout: seconds(600), target: target(["198.51.100.0/24"]) }),
    rule({ mitigation: 19, mac: "02:00:00:00:00:19", timeout: seconds(600) })];
  await openFilter().replaceRules(rules);
  const whole = nft("-s", "list", "ruleset");
  for (const isDone of [true, false]) {
    nft("flush", "ruleset");
    let deaths = 0;
    const filter = openPacketFilter({
      ...nftables,
      async runTransaction(statements) {
        const dies = statements.some((statement) => "name" in statement && statement.do === "add counter" && statement.name === "m19") && deaths === 0;
        if (!dies || isDone) await nftables.runTransaction(statements);
        if (dies) {
          deaths += 1;
          throw new NftError("died", "nft -i ended before it answered");
        }
      },
    }, { command });
    const stop = filter.watch(() => undefined);
    await filter.replaceRules(rules.slice(0, 1));
    await filter.replaceRules(rules);
    stop();
    assert.equal(deaths, 1);
    assert.equal(nft("-s", "list", "ruleset"), whole);
  }
});

test("a table that an earlier run, or another version, has left is taken over", async () => {
  await openFilter().replaceRules([rule({ action: "quarantine" })], { flows: [reported()], spared: nobodySpared });
  nft("add chain inet dots_callhome old_name; add rule inet dots_callhome forward jump old_name");
  const next = openFilter();
  await next.replaceRules([rule({ mitigation: 18 })]);
  assert.deepEqual([...(await next.readCounters()).keys()], [18]);
  assert.doesNotMatch(nft("list", "ruleset"), /old_name|postrouting|table bridge/);
  await next.replaceRules([]);
  assert.equal(nft("list", "ruleset"), "");
});

test("chains of the wrong kind under our names are replaced", async () => {
  nft(
    "add table inet dots_callhome; add chain inet dots_callhome forward { type filter hook input priority 7; policy drop; }; add set inet dots_callhome host4_by_mac { type ipv4_addr; }",
  );
  const filter = openFilter();
  await filter.replaceRules([rule()]);
  assert.match(nft("list", "chain", "inet", "dots_callhome", "forward"), /hook forward priority filter - 5; policy accept/);
});

test("10,000 mitigations, and a target of everything", async () => {
  const filter = openFilter();
  const ids = Array.from({ length: 10_000 }, (_, at) => at + 1);
  const host = (id: number): string => `100.64.${String(id >> 8 & 255)}.${String(id & 255)}`;
  const rules = ids.map((id) => rule({ mitigation: id, target: target([host(id)]), timeout: seconds(600) }));
  const flows = ids.map((id) => reported({ mitigation: id, target: target([host(id)]), timeout: seconds(600) }));
  await filter.replaceRules(rules, { flows, spared: nobodySpared });
  const counts = await filter.readCounters();
  assert.equal(counts.size, 10_000);
  assert.equal([...counts.values()].filter(({ leaked }) => leaked !== undefined).length, mostReported);
  // Each of them overlaps with everything, and takes a set and rules of its own.
  const everything = rule({ mitigation: 20_000, target: target(["::/0", "0.0.0.0/0"]), timeout: seconds(600) });
  await filter.replaceRules([...rules.slice(0, 256), everything], { flows: flows.slice(0, 256), spared: nobodySpared });
  assert.equal((await filter.readCounters()).size, 257);
});
