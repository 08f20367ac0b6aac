import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isHostName, readDhcpOffer } from "../../../src/callhome-server/discovery/read-dhcp-offer.ts";
import { bytes } from "../wire.ts";

const figure4 = "04 646f7473 07 6578616d706c65 03 636f6d 00";

const names: readonly [what: string, hex: string, name: string | null][] = [
  ["RFC 8973 figure 4", figure4, "dots.example.com"],
  ["of several the first (§5.1.3, §5.2.3)", `${figure4} 01 61 00`, "dots.example.com"],
  ["in lower case, as certificates are compared", "04 444f5453 03 636f6d 00", "dots.com"],
  ["nothing", "", null],
  ["the root", "00", null],
  ["without its end", "04 646f7473", null],
  ["a label that is longer than the rest", "3f 6162", null],
  ["a compressed name", "c0 0c", null],
  ["a label of 64", `40 ${"61".repeat(64)} 00`, null],
  ["254 characters", `${`3f ${"61".repeat(63)}`.repeat(3)} 3e ${"61".repeat(62)} 00`, null],
  ["text that somebody typed in", Buffer.from("dots.example.com").toString("hex"), null],
  ["a space, which ends a word in a log", "04 64206f74 00", null],
  ["an escape", "04 641b5b6d 00", null],
  ["a dot within a label", "03 612e62 00", "a.b"],
  ["a hyphen first", "02 2d61 00", null],
];
for (const [what, hex, name] of names)
  test(`a name: ${what}`, () => {
    assert.equal(readDhcpOffer(4, { name: bytes(hex), addresses: null }).name, name);
  });

const addresses: readonly [what: string, family: 4 | 6, hex: string, addresses: readonly string[]][] = [
  ["IPv4, in order", 4, "cb007101 c0000201", ["203.0.113.1", "192.0.2.1"]],
  ["IPv6", 6, "20010db8000000000000000000000001", ["2001:db8::1"]],
  ["IPv4-mapped (§5.1.2)", 6, "00000000000000000000ffffcb007101", ["203.0.113.1"]],
  ["a private one, behind CGN", 4, "0a000001", ["10.0.0.1"]],
  ["no multiple of 4", 4, "cb0071", []],
  ["no multiple of 16", 6, "cb007101", []],
  ["multicast and loopback are discarded", 4, "e0000001 7f000001 cb007101", ["203.0.113.1"]],
  ["unspecified, broadcast, link-local too", 4, "00000000 ffffffff a9fe0101", []],
  ["the same of IPv6", 6,
    `ff020000000000000000000000000001 00000000000000000000000000000001 fe800000000000000000000000000001 ${"00".repeat(16)} 00000000000000000000ffff7f000001`,
    []],
  ["not more than eight", 4, "cb007101".repeat(63), Array(8).fill("203.0.113.1")],
];
for (const [what, family, hex, expected] of addresses)
  test(`addresses: ${what}`, () => {
    assert.deepEqual(readDhcpOffer(family, { name: null, addresses: bytes(hex) }).addresses, expected);
  });

test("whatever the bytes are, a name is one of a host, and an address one to dial", () => {
  const option = fc.option(fc.uint8Array({ maxLength: 300 }));
  fc.assert(fc.property(fc.constantFrom(4 as const, 6 as const), option, option, (family, name, list) => {
    const offer = readDhcpOffer(family, { name, addresses: list });
    assert.ok(offer.name === null || isHostName(offer.name));
    assert.ok(offer.addresses.length <= 8);
    for (const address of offer.addresses) assert.match(address, /^[0-9a-f:.]+$/);
  }), { numRuns: 2_000 });
});
