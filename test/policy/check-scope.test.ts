import assert from "node:assert/strict";
import { test } from "node:test";
import type { HomeAddresses } from "../../src/model/home.ts";
import { checkScope } from "../../src/policy/check-scope.ts";
import { otherWan, unknownWay, type CameOver } from "../../src/policy/other-wan.ts";
import { asking, prefixes, type Words } from "../nat-lookup/asking.ts";
import { autoPolicy } from "./samples.ts";

const nothingElse: Omit<HomeAddresses, "outside" | "inside"> = { router: [], wans: [], resolvers: [] };
const home = { outside: prefixes("203.0.113.7 203.0.113.64/28 2001:db8:1::/56"), inside: prefixes("192.168.1.0/24 2001:db8:1::/64 fd00::/64"), ...nothingElse };
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
  assert.ok(checkScope(asking(), { outside: [], inside: [], ...nothingElse }, internal));
});

const needed: HomeAddresses = {
  ...home,
  router: prefixes("203.0.113.7 192.168.1.1 192.168.9.1 2001:db8:1::1 fe80::1"),
  resolvers: prefixes("9.9.9.9 2620:fe::fe 127.0.0.1"),
  wans: [{ device: "wan", prefixes: prefixes("203.0.113.7"), gateways: prefixes("203.0.113.1 fe80::9 2001:db8:ff::1") }],
};
const over: CameOver = { ...unknownWay, peer: prefixes("203.0.113.200")[0] ?? null };
const itself = "target-prefix includes this home, its router or what that needs";
const special = "target-prefix includes reserved, link-local or multicast addresses";
const peers = "target-prefix includes the address of this session's peer";
const targets: readonly [what: string, text: string | undefined, ...targets: readonly string[]][] = [
  ["the inside of the home, in whole and part", itself, "192.168.1.0/24", "192.168.1.21", "192.168.1.128/25", "2001:db8:1::/64", "2001:db8:1::21",
    "2001:db8:1::/48", "fd00::9"],
  ["the router's own addresses", itself, "203.0.113.7", "192.168.1.1", "192.168.9.1", "2001:db8:1::1", "203.0.113.0/28"],
  ["its gateways", itself, "203.0.113.1", "203.0.113.0/30", "2001:db8:ff::1"],
  ["the resolvers in use", itself, "9.9.9.9", "9.9.9.0/24", "2620:fe::fe"],
  ["these behind NAT64, 6to4, or translated", itself, "64:ff9b::192.168.1.1", "64:ff9b::192.168.1.0/120", "64:ff9b::9.9.9.9", "2002:c0a8:101::/48",
    "2002:cb00:7107:1::5", "::ffff:192.168.1.21", "::ffff:0:c0a8:101"],
  ["local-use translation", special, "64:ff9b:1::192.168.1.1", "64:ff9b:1::/48", "64:ff9b:1:ffff::1"],
  ["link-local and site-local", special, "169.254.1.1", "fe80::1", "fe80::/64", "fec0::1", "64:ff9b::169.254.1.1"],
  ["multicast", special, "224.0.0.251", "ff02::1", "2002:e000:1::1"],
  ["reserved space", special, "0.0.0.0", "0.1.2.3", "64:ff9b::/96", "64:ff9b::/64", "240.0.0.1", "255.255.255.255", "254.0.0.0/24", "127.0.0.1", "192.0.0.2",
    "::1", "::", "::192.168.1.1".replace("192.168.1.1", "c0a8:101"), "100::1", "64:ff9b::7f00:1"],
  ["the upstream's own peer", peers, "203.0.113.200", "203.0.113.192/26", "64:ff9b::203.0.113.200", "2002:cb00:71c8::/48"],
  ["a stranger", undefined, "198.51.100.9", "203.0.113.64/28", "192.0.2.0/24", "100.64.0.1", "10.9.9.9", "172.16.0.1", "192.168.77.1", "2001:db8:ff::9",
    "fd00:1::1", "64:ff9b::198.51.100.9", "2002:c633:6409::1", "::ffff:198.51.100.9", "192.0.1.9"],
];
for (const [what, text, ...list] of targets) {
  test(`a target that is ${what}: ${text ?? "in scope"}`, () => {
    for (const to of list) {
      const expected = text === undefined ? undefined : { code: "4.00", diagnostic: text };
      assert.deepEqual(checkScope(asking({ to, from: "203.0.113.7" }), needed, { ...autoPolicy, minTargetPrefix4: 20, minTargetPrefix6: 40 }, over), expected,
        to);
      assert.deepEqual(
        checkScope(asking({ to: `198.51.100.9 2001:db8:ff::9 ${to}` }), needed, { ...autoPolicy, minTargetPrefix4: 20, minTargetPrefix6: 40 }, over),
        expected,
        `${to} among others`,
      );
    }
  });
}

const twoWans: HomeAddresses = {
  ...home,
  outside: prefixes("203.0.113.7 198.51.100.77 2001:db8:1::/56 2001:db8:2::/56 2001:db8:3::/56 192.0.2.0/28"),
  wans: [
    { device: "wan", prefixes: prefixes("203.0.113.7 2001:db8:1::/56"), gateways: [] },
    { device: "wan2", prefixes: prefixes("198.51.100.77 2001:db8:2::/56"), gateways: [] },
  ],
};
const ways: readonly [what: string, way: Partial<CameOver>, from: string, other: string | undefined][] = [
  ["bound to its WAN, that WAN's address", { device: "wan" }, "203.0.113.7", undefined],
  ["bound to its WAN, the other's address", { device: "wan" }, "198.51.100.77", "wan2"],
  ["bound to its WAN, both", { device: "wan" }, "203.0.113.7 198.51.100.77", "wan2"],
  ["bound to the other WAN", { device: "wan2" }, "203.0.113.7", "wan"],
  ["bound to its WAN, a device in the prefix that it delegated", { device: "wan" }, "2001:db8:1::21", undefined],
  ["bound to its WAN, a device in the other's prefix", { device: "wan" }, "2001:db8:2::21", "wan2"],
  ["bound to its WAN, a prefix that nobody says who delegated", { device: "wan" }, "2001:db8:3::21 192.0.2.1", undefined],
  ["bound to something that is no WAN", { device: "eth9" }, "203.0.113.7", "wan"],
  ["with a session from its WAN, the other's address", { local: prefixes("203.0.113.7")[0] ?? null }, "198.51.100.77", "wan2"],
  ["with a session from its WAN, over IPv6", { local: prefixes("2001:db8:1::5")[0] ?? null }, "203.0.113.7", undefined],
  ["with a session from elsewhere", { local: prefixes("10.0.0.1")[0] ?? null }, "198.51.100.77", undefined],
  ["bound to one WAN with a session from the other: the configuration counts", { device: "wan2", local: prefixes("203.0.113.7")[0] ?? null }, "203.0.113.7",
    "wan"],
  ["nothing known of it", {}, "198.51.100.77", undefined],
];
for (const [what, way, from, other] of ways) {
  test(`an upstream ${what}: ${other === undefined ? "in scope" : `refused, it is ${other}'s`}`, () => {
    const asked = asking({ from, to: "192.0.2.99" });
    assert.equal(otherWan(asked, twoWans, { ...unknownWay, ...way }), other);
    assert.deepEqual(checkScope(asked, twoWans, autoPolicy, { ...unknownWay, ...way }),
      other === undefined ? undefined : { code: "4.00", diagnostic: notOurs });
    assert.equal(otherWan(asked, { ...twoWans, wans: twoWans.wans.slice(0, 1) }, { ...unknownWay, ...way, device: null }), undefined,
      "with one WAN nothing changes");
  });
}
