import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { buildNetdevRuleset } from "../../src/enforcer/netdev-ruleset.ts";
import { nobodySpared, nothingReported } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { renderTransaction } from "nftables-js";
import { camera, port, reported, rule, target } from "./sample-rules.ts";
import { seconds } from "../../src/model/time.ts";

const laptop = "02:00:00:00:00:99";
const phone = "02:00:00:00:00:98";
const ports = new Map([[camera, "lan1"], [laptop, "lan2"], [phone, "phy0-ap0"]]);
const traffic = { flows: [reported({ target: target(["198.51.100.9"], { ports: [port(443)], protocols: [17] }) })], spared: nobodySpared };
const render = (rules: readonly EnforcementRule[], refused: Parameters<typeof buildNetdevRuleset>[4] = [], wan = ["wan"]): string => (
  renderTransaction(buildNetdevRuleset(rules, traffic, { wan, ports }, new Map([["m17", { packets: 5, bytes: 300 }]]), refused))
);

const rules = [
  rule({ target: target(["198.51.100.9", "2001:db8:9::9"], { ports: [port(443)], protocols: [17] }) }),
  rule({ mitigation: 18, mac: laptop, action: "quarantine", addresses: [] }),
  rule({ mitigation: 19, mac: phone, action: "limit", target: target(["198.51.100.0/24"]) }),
];

// After a change that is meant: GOLDEN=write node --import tsx --test test/enforcer/netdev-ruleset.test.ts, and read the diff.
test("golden: network-cards", () => {
  const path = new URL("../golden/network-cards.nft", import.meta.url);
  const text = `# A block, a quarantine and a limit at the ports of three devices, and what leaves by the WAN\n${render(rules)}`;
  if (process.env["GOLDEN"] === "write") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
});

test("nothing where nothing is needed: no port known, nothing reported, nothing held", () => {
  const nowhere = { wan: [], ports: new Map() };
  for (const held of [rules, []]) assert.deepEqual(buildNetdevRuleset(held, nothingReported, nowhere), []);
  assert.deepEqual(buildNetdevRuleset([], traffic, { wan: [], ports }), []);
  assert.deepEqual(
    buildNetdevRuleset([rule({ mac: null }), rule({ timeout: seconds(0) }), rule({ target: target(["0.0.0.0/0"]) })], nothingReported, { wan: ["wan"], ports }),
    [],
  );
});

test("a refused hook goes, with all that only it needs", () => {
  const hook = (on: "ingress" | "egress", device: string) => ({ type: "filter", hook: on, device, priority: 0, policy: "accept" }) as const;
  const withoutEgress = render(rules, [hook("egress", "wan0")], ["wan0", "wan1"]);
  assert.doesNotMatch(withoutEgress, /egress|counter netdev dots_callhome e17|reported/, "what left by one of two cards is not what left");
  assert.match(withoutEgress, /hook ingress device "lan1"[^]*hook ingress device "lan2"[^]*hook ingress device "phy0-ap0"/);
  const withoutPort = render(rules, [hook("ingress", "lan2")]);
  assert.doesNotMatch(withoutPort, /lan2|quarantined|m18/);
  assert.match(withoutPort, /hook ingress device "lan1"[^]*hook ingress device "phy0-ap0"[^]*hook egress device "wan"/);
  assert.equal(render(rules, [hook("egress", "wan"), ...["lan1", "lan2", "phy0-ap0"].map((device) => hook("ingress", device))]), "");
});

test("every rule that looks at addresses asks first which IP it is: nft would look where a VLAN tag may stand", () => {
  for (const line of render(rules).split("\n").filter((each) => each.startsWith("add rule") && / ip6? [sd]addr/.test(each) && each.includes("ether saddr"))) {
    assert.match(line, /dots_callhome \S+ meta protocol ip6? /);
  }
});
