import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { nothingReported } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule, ReportedTraffic } from "../../src/model/enforcement.ts";
import { interactiveNft, openNftables, spawnNft } from "nftables-js";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { arbitraryRule } from "./arbitrary-rules.ts";
import { reported, target } from "./sample-rules.ts";
import { seconds } from "../../src/model/time.ts";

const namespace = `dch-${String(process.pid)}-enf-add`;
const command = ["ip", "netns", "exec", namespace, "nft"] as const;
const interactive = interactiveNft({ command });
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => {
  interactive.end();
});
after(() => execFileSync("ip", ["netns", "delete", namespace]));

/** What the kernel holds, without handles and what is left of timeouts, in an order that does not matter. */
const listing = (): string[] =>
  execFileSync("ip", ["netns", "exec", namespace, "nft", "-s", "list", "ruleset"]).toString()
    .replaceAll(/ expires [0-9dhms]+/g, "").replaceAll(/ timeout [0-9dhms]+/g, "").split(/[\n,{}]/).map((line) => line.trim()).filter((line) => line !== "")
    .sort();

test("however decisions come, one after the other, the kernel ends with what all at once would make", async () => {
  await fc.assert(fc.asyncProperty(fc.array(arbitraryRule, { minLength: 1, maxLength: 8 }), async (rules) => {
    const lasting = rules.map((rule): EnforcementRule => ({ ...rule, timeout: seconds(500) }));
    const traffic = { ...nothingReported, flows: [reported({ timeout: seconds(500) })] };
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

test("however decisions come and end, the kernel ends with what all at once would make", async () => {
  let wholes = 0;
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryRule, { minLength: 2, maxLength: 8 }), fc.array(fc.nat(255), { minLength: 2, maxLength: 6 }), async (rules, picks) => {
      const lasting = rules.map((rule, at): EnforcementRule => ({ ...rule, mitigation: at + 1, timeout: seconds(500 + at * 10) }));
      const traffic = lasting.map(({ mitigation }, at) =>
        reported({ mitigation, timeout: seconds(400 + at), ...(at % 2 === 0 ? {} : { target: target(["198.51.100.0/24"]) }) })
      );
      const chosen = (pick: number): [EnforcementRule[], ReportedTraffic] => [lasting.filter((_, at) => (pick >> at & 1) === 1), {
        ...nothingReported,
        flows: traffic.filter((_, at) => (pick >> at & 1) === 1),
      }];
      const nftables = openNftables(interactive);
      const stepwise = openPacketFilter({
        ...nftables,
        runTransaction: (statements) => {
          if (statements.some((statement) => "do" in statement && statement.do === "flush table")) wholes += 1;
          else steps += 1;
          return nftables.runTransaction(statements);
        },
      }, { command });
      const stop = stepwise.watch(() => undefined);
      for (const pick of picks) await stepwise.replaceRules(...chosen(pick));
      const after = listing();
      stop();
      execFileSync("ip", ["netns", "exec", namespace, "nft", "flush", "ruleset"]);
      await openPacketFilter(openNftables(spawnNft({ command }))).replaceRules(...chosen(picks.at(-1) ?? 0));
      assert.deepEqual(after, listing());
      execFileSync("ip", ["netns", "exec", namespace, "nft", "flush", "ruleset"]);
    }),
    { numRuns: 20 },
  );
  assert.ok(steps > wholes, `${String(steps)} steps, ${String(wholes)} times the whole`);
});
