import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { nothingReported } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { openNftables } from "../../src/nftables/open-nftables.ts";
import { spawnNft } from "../../src/nftables/spawn-nft.ts";
import { openPacketFilter } from "../../src/system/packet-filter.ts";
import { arbitraryRule } from "./arbitrary-rules.ts";
import { reported } from "./sample-rules.ts";

const namespace = `dch-${String(process.pid)}-enf-add`;
const command = ["ip", "netns", "exec", namespace, "nft"] as const;
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => execFileSync("ip", ["netns", "delete", namespace]));

/** What the kernel holds, without handles and what is left of timeouts, in an order that does not matter. */
const listing = (): string[] => execFileSync("ip", ["netns", "exec", namespace, "nft", "-s", "list", "ruleset"]).toString()
  .replaceAll(/ expires [0-9dhms]+/g, "").replaceAll(/ timeout [0-9dhms]+/g, "").split(/[\n,{}]/).map((line) => line.trim()).filter((line) => line !== "").sort();

test("however decisions come, one after the other, the kernel ends with what all at once would make", async () => {
  await fc.assert(fc.asyncProperty(fc.array(arbitraryRule, { minLength: 1, maxLength: 8 }), async (rules) => {
    const lasting = rules.map((rule): EnforcementRule => ({ ...rule, timeout: 500 }));
    const traffic = { ...nothingReported, flows: [reported({ timeout: 500 })] };
    const stepwise = openPacketFilter(openNftables(spawnNft({ command })), { command });
    const stop = stepwise.watch(() => undefined);
    for (let count = 0; count <= lasting.length; count += 1) await stepwise.replaceRules(lasting.slice(0, count), count % 2 === 0 ? nothingReported : traffic);
    await stepwise.replaceRules(lasting, traffic);
    const after = listing();
    stop();
    execFileSync("ip", ["netns", "exec", namespace, "nft", "flush", "ruleset"]);
    await openPacketFilter(openNftables(spawnNft({ command }))).replaceRules(lasting, traffic);
    assert.deepEqual(after, listing());
  }), { numRuns: 15 });
});
