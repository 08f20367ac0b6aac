import assert from "node:assert/strict";
import { test } from "node:test";
import { checkScope } from "../../src/policy/check-scope.ts";
import { asking, prefixes, type Words } from "../nat-lookup/asking.ts";
import { autoPolicy } from "./samples.ts";

const home = { outside: prefixes("203.0.113.7 203.0.113.64/28 2001:db8:1::/56"), inside: prefixes("192.168.1.0/24 2001:db8:1::/64 fd00::/64") };
const internal = { ...autoPolicy, allowInternalSources: true };
const upTo = (maxTargetAddresses: number): typeof autoPolicy => ({ ...autoPolicy, maxTargetAddresses });
const notOurs = "source-prefix is not ours";
const needsPorts = "source-port-range is missing: other homes share this address";
const shared = prefixes("203.0.113.64").map((address) => ({ address, ports: [{ lower: 1024, upper: 1039 }, { lower: 2048, upper: 2063 }] }));

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
  ["carpet bombing: all of a /22, where the owner allows 1024 addresses", { to: "198.51.0.0/22" }, undefined, upTo(1024)],
  ["a wide target and one address more", { to: "198.51.0.0/22 198.51.100.9" }, "target-prefix: at most 1024 addresses in all", upTo(1024)],
  ["the same addresses twice are counted once", { to: "198.51.0.0/22 198.51.3.9" }, undefined, upTo(1024)],
  ["many that are not wide each", { to: "198.51.0.0/24 198.51.2.0/24 198.51.4.0/24" }, "target-prefix: at most 512 addresses in all", upTo(512)],
  ["IPv6: a /64 counts as one address, and so does a part of it", { from: "2001:db8:1::21", to: "2001:db8:ff::/63 2001:db8:fe::1" }, undefined, upTo(3)],
  ["IPv6: one /64 more", { from: "2001:db8:1::21", to: "2001:db8:ff::/63 2001:db8:fe::1" }, "target-prefix: at most 2 addresses in all", upTo(2)],
  ["IPv6: the whole world", { from: "2001:db8:1::21", to: "2000::/3" }, "target-prefix: at most 16777216 addresses in all", upTo(16_777_216)],
  // RFC 9066 §5.3.2: MAP-E, MAP-T, lw4o6
  ["an address that homes share, with ports of ours", { from: "203.0.113.64", fromPorts: "1024-1039 40000" }, undefined],
  ["... with a port of ours among others", { from: "203.0.113.64", fromPorts: "1-5000" }, undefined],
  ["... without ports", { from: "203.0.113.64" }, needsPorts],
  ["... without ports, but with ICMP types", { from: "203.0.113.64", types: "8" }, needsPorts],
  ["... within a wider source-prefix", { from: "203.0.113.64/30" }, needsPorts],
  ["... with another home's ports", { from: "203.0.113.64", fromPorts: "1040-2047" }, "source-port-range is not ours: other homes share this address"],
  ["... beside an IPv6 source", { from: "2001:db8:1::21 203.0.113.64", to: "198.51.100.9" }, needsPorts],
];
for (const [what, asked, diagnostic, policy = autoPolicy] of cases) {
  test(`${what}: ${diagnostic ?? "in scope"}`, () => {
    assert.deepEqual(checkScope(asking(asked), { ...home, shared }, policy), diagnostic === undefined ? undefined : { code: "4.00", diagnostic });
  });
}

test("a home that knows no address of its own serves nobody", () => {
  assert.ok(checkScope(asking(), { outside: [], inside: [] }, internal));
});
