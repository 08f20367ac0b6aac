import assert from "node:assert/strict";
import { test } from "node:test";
import { checkScope } from "../../src/policy/check-scope.ts";
import { asking, prefixes, type Words } from "../nat-lookup/asking.ts";
import { autoPolicy } from "./samples.ts";

const home = { outside: prefixes("203.0.113.7 203.0.113.64/28 2001:db8:1::/56"), inside: prefixes("192.168.1.0/24 2001:db8:1::/64 fd00::/64") };
const internal = { ...autoPolicy, allowInternalSources: true };
const notOurs = "source-prefix is not ours";

const cases: readonly [what: string, asked: Words, diagnostic: string | undefined, policy?: typeof autoPolicy][] = [
  ["our address", {}, undefined],
  ["a part of our prefix", { from: "203.0.113.65 203.0.113.72/29" }, undefined],
  ["all of our prefix", { from: "2001:db8:1::/56" }, undefined],
  ["a device of ours, IPv6", { from: "2001:db8:1::21", to: "2001:db8:ff::9" }, undefined],
  ["more than our prefix", { from: "203.0.113.64/27" }, notOurs],
  ["everything", { from: "2001:db8::/32" }, notOurs],
  ["somebody else's", { from: "203.0.113.8" }, notOurs],
  ["ours and somebody else's", { from: "203.0.113.7 203.0.113.8" }, notOurs],
  ["an address of the LAN", { from: "192.168.1.21" }, notOurs],
  ["an address of no LAN: the same text", { from: "192.168.77.1" }, notOurs],
  ["an address of the LAN, which the owner allows", { from: "192.168.1.21 fd00::1" }, undefined, internal],
  ["an address of another LAN, though internal ones are allowed", { from: "192.168.77.1" }, notOurs, internal],
  ["a target of 24 bits", { to: "198.51.100.0/24" }, undefined],
  ["a target of 23 bits", { to: "198.51.100.0/23" }, "target-prefix is wider than /24"],
  ["one target too wide", { to: "198.51.100.9 198.51.100.0/23" }, "target-prefix is wider than /24"],
  ["a target of 48 bits, IPv6", { to: "2001:db8:ff::/48" }, undefined],
  ["a target of 47 bits, IPv6", { to: "2001:db8:fe::/47" }, "target-prefix is wider than /48"],
  ["a private target: an upstream behind CGN", { to: "10.1.2.3" }, undefined],
];
for (const [what, asked, diagnostic, policy = autoPolicy] of cases) {
  test(`${what}: ${diagnostic ?? "in scope"}`, () => {
    assert.deepEqual(checkScope(asking(asked), home, policy), diagnostic === undefined ? undefined : { code: "4.00", diagnostic });
  });
}

test("a home that knows no address of its own serves nobody", () => {
  assert.ok(checkScope(asking(), { outside: [], inside: [] }, internal));
});
