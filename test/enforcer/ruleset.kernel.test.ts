import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { buildRuleset } from "../../src/enforcer/build-ruleset.ts";
import { renderRuleset } from "./render-ruleset.ts";
import { openNftables, spawnNft } from "nftables-js";
import { arbitraryRule } from "./arbitrary-rules.ts";
import { heldAfter } from "./golden-cases.ts";

const namespace = `dch-${String(process.pid)}-enf-any`;
const nft = spawnNft({ command: ["ip", "netns", "exec", namespace, "nft"] });
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => execFileSync("ip", ["netns", "delete", namespace]));

const someRules = fc.array(arbitraryRule, { maxLength: 12 });

test("whatever the rules, nft takes what is rendered, after any others", async () => {
  await fc.assert(fc.asyncProperty(someRules, someRules, async (earlier, rules) => {
    await nft.run(["flush", "ruleset"]);
    await nft.run(["-c", "-f", "-"], renderRuleset(rules));
    for (
      const transaction of [buildRuleset(earlier), buildRuleset(rules, heldAfter(earlier)), buildRuleset(earlier, heldAfter(rules)),
        buildRuleset(earlier, heldAfter(earlier))]
    ) {
      await openNftables(nft).runTransaction(transaction);
    }
    const names = await openNftables(nft).listNames({ family: "inet", name: "dots_callhome" });
    const sorted = (lists: object): unknown => Object.fromEntries(Object.entries(lists).map(([kind, list]) => [kind, [...list as string[]].sort()]));
    if (earlier.length === 0) assert.equal(names, undefined);
    else assert.deepEqual(sorted(names ?? {}), sorted(heldAfter(earlier)), "nothing is left behind");
  }), { numRuns: 60 });
});

test("whatever the rules, the text is of harmless characters, and every element that holds anybody has a timeout", () => {
  fc.assert(fc.property(someRules, (rules) => {
    let isList = false;
    for (const line of renderRuleset(rules).split("\n")) {
      if (line.startsWith("#")) assert.match(line, /^# [A-Za-z ,.:;]+$/);
      else assert.match(line, /^[a-z0-9_ .:;,/{}@"-]*$/);
      // What a mitigation lists holds nobody: without the element that leads a device there, no packet is compared with it.
      if (line.startsWith("add element")) isList = / m\d+_(to4|to6|ports|port_protocols|protocols|types4|types6)(_\d+)? /.test(line);
      if (!isList && /^ {2}|^add element.*}$/.test(line)) assert.match(line, / timeout [1-9]\d*s/);
    }
  }), { numRuns: 500 });
});
