import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { claimsOf, InvalidRule, servicesOf } from "../../src/enforcer/traffic-match.ts";
import type { Claim } from "../../src/enforcer/traffic-match.ts";
import { exactKeysOf } from "../../src/enforcer/exact-keys.ts";
import { findOverlapping } from "../../src/enforcer/overlap.ts";
import { countsByMitigation } from "../../src/enforcer/names.ts";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { prefixContains } from "../../src/model/ip-prefix.ts";
import { rangeHolds } from "../../src/model/number-range.ts";
import { port, rule, target } from "./sample-rules.ts";
import { seconds } from "../../src/model/time.ts";

const services: readonly [what: string, protocols: number[], ports: [number, number][], types: [number, number][], expected: object[]][] = [
  ["nothing: everything", [], [], [], [{}]],
  ["protocols", [17, 6, 6], [], [], [{ protocols: [6, 17] }]],
  ["ports alone: every protocol that has ports", [], [[53, 53]], [], [{ protocols: [6, 17, 33, 132, 136], ports: [[53, 53]] }]],
  ["types alone: ICMP", [], [], [[8, 8]], [{ protocols: [1], icmpTypes: [[8, 8]] }]],
  ["ports say nothing of GRE", [6, 47], [[80, 90], [85, 95]], [], [{ protocols: [6], ports: [[80, 95]] }, { protocols: [47] }]],
  ["types say nothing of TCP", [1, 6], [], [[0, 0], [8, 8]], [{ protocols: [1], icmpTypes: [[0, 0], [8, 8]] }, { protocols: [6] }]],
  ["ports and types without protocols", [], [[53, 53]], [[8, 8]], [{ protocols: [6, 17, 33, 132, 136], ports: [[53, 53]] }, {
    protocols: [1],
    icmpTypes: [[8, 8]],
  }]],
];
for (const [what, protocols, ports, types, expected] of services) {
  test(`services: ${what}`, () => {
    const range = ([lower, upper]: [number, number]): object => ({ lower, upper });
    const got = servicesOf({ protocols, ports: ports.map(([a, b]) => port(a, b)) }, types.map(([a, b]) => port(a, b)), 4);
    assert.deepEqual(got, expected.map((one) => ({
      protocols: [],
      ports: [],
      icmpTypes: [],
      ...Object.fromEntries(Object.entries(one).map(([key, list]) => [key, key === "protocols" ? list : (list as [number, number][]).map(range)])),
    })));
  });
}

const invalid: readonly [what: string, changes: Partial<EnforcementRule>][] = [
  ["a command in the MAC address", { mac: "02:00:00:00:00:17 drop }" }],
  ["a MAC address in upper case", { mac: "02:00:00:00:00:AA" }],
  ["no device", { mac: null, addresses: [] }],
  ["a command in an address", { mac: null, addresses: ["192.168.1.23; flush ruleset"] }],
  ["an address with a zone", { mac: null, addresses: ["fe80::1%br-lan"] }],
  ["a prefix for an address", { mac: null, addresses: ["192.168.1.0/24"] }],
  ["a name for an address", { action: "quarantine", addresses: ["localhost"] }],
  ["an id that is no integer", { mitigation: 1.5 }],
  ["an id below 0", { mitigation: -1 }],
  ["no end", { timeout: seconds(Infinity) }],
  ["an end that is no number", { timeout: seconds(NaN) }],
  ["an indefinite lifetime", { timeout: seconds(-1) }],
  ["a port beyond 65535", { target: target(["198.51.100.9"], { ports: [port(65536)] }) }],
  ["a range that runs backwards", { target: target(["198.51.100.9"], { ports: [port(9, 8)] }) }],
  ["a protocol beyond 255", { target: target(["198.51.100.9"], { protocols: [256] }) }],
  ["an ICMP type beyond 255", { icmpTypes: [port(0, 256)] }],
  ["a rate of nothing", { action: "limit", packetsPerSecond: 0 }],
];
for (const [what, changes] of invalid)
  test(`refused: ${what}`, () => {
    assert.throws(() => claimsOf(rule(changes)), InvalidRule);
  });

test("a rule whose time is up claims nothing; a part of a second counts as one", () => {
  assert.deepEqual(claimsOf(rule({ timeout: seconds(0) })), []);
  assert.equal(claimsOf(rule({ timeout: seconds(0.2) }))[0]?.timeout, 1);
});

test("too many single ports for a hash map become a rule", () => {
  const manyPorts = Array.from({ length: 257 }, (_, index) => port(2 * index));
  const keys = claimsOf(rule({ target: target(["198.51.100.9"], { ports: manyPorts, protocols: [17] }) })).map(exactKeysOf);
  assert.deepEqual(keys, [undefined]);
});

test("overlap: found for exactly the claims that share a packet with another mitigation", () => {
  const hosts = ["198.51.100.0", "198.51.100.1", "198.51.100.2", "198.51.100.3"];
  const small = fc.record({
    mitigation: fc.nat(2),
    prefixes: fc.array(fc.constantFrom(...hosts, "198.51.100.0/31", "198.51.100.2/31", "198.51.100.0/30"), { minLength: 1, maxLength: 2 }),
    protocols: fc.array(fc.constantFrom(1, 6, 17), { maxLength: 2 }),
    ports: fc.array(fc.constantFrom(port(1), port(2), port(1, 2), port(3)), { maxLength: 2 }),
    icmpTypes: fc.array(fc.constantFrom(port(1), port(2)), { maxLength: 1 }),
  });
  const packets = target(hosts).prefixes.flatMap((to) => [1, 6, 17, 47].flatMap((protocol) => [1, 2, 3, 4].map((number) => ({ to, protocol, number }))));
  const holds = (claim: Claim, packet: (typeof packets)[number]): boolean =>
    claim.prefixes.some((prefix) => prefixContains(prefix, packet.to))
    && claim.services.some(({ protocols, ports, icmpTypes }) =>
      (protocols.length === 0 || protocols.includes(packet.protocol))
      && [ports, icmpTypes].every((ranges) => ranges.length === 0 || ranges.some((range) => rangeHolds(range, packet.number)))
    );
  fc.assert(fc.property(fc.array(small, { maxLength: 6 }), (all) => {
    const claims = all.flatMap(({ mitigation, prefixes, protocols, ports, icmpTypes }) => (
      claimsOf(rule({ mitigation, icmpTypes, target: target(prefixes, { protocols, ports }) }))
    ));
    const expected = claims.filter((claim) =>
      claims.some((other) => (
        other.mitigation !== claim.mitigation && packets.some((packet) => holds(claim, packet) && holds(other, packet))
      ))
    );
    assert.deepEqual(claims.filter((claim) => findOverlapping(claims).has(claim)), expected);
  }), { numRuns: 500 });
});

test("counters that are not ours are passed over", () => {
  const one = { packets: 1, bytes: 2 };
  assert.deepEqual(countsByMitigation(new Map([["m7", one], ["m07", one], ["m", one], ["mine", one], ["m1e3", one]])), new Map([[7, one]]));
});
