import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addressLength,
  addressScope,
  formatIpAddress,
  formatIpPrefix,
  isSingleAddress,
  parseIpAddress,
  parseIpPrefix,
  prefixContains,
  prefixesOverlap,
  type IpPrefix,
} from "../../src/model/ip-prefix.ts";

const read: readonly [text: string, canonical: string][] = [
  ["203.0.113.7", "203.0.113.7/32"],
  ["203.0.113.7/24", "203.0.113.0/24"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["255.255.255.255/32", "255.255.255.255/32"],
  ["2001:DB8::1", "2001:db8::1/128"],
  ["2001:db8:0:0:0:0:0:1/64", "2001:db8::/64"],
  ["::/0", "::/0"],
  ["fe80::1/64", "fe80::/64"],
  ["::ffff:203.0.113.7", "203.0.113.7/32"],
  ["::ffff:cb00:7107/128", "203.0.113.7/32"],
  ["::ffff:203.0.113.7/120", "203.0.113.0/24"],
  // RFC 9066 §5.3.2: targets behind NAT64, in the notation of RFC 4291 §2.2.
  ["64:ff9b::198.51.100.9/128", "64:ff9b::c633:6409/128"],
  ["2001:db8::198.51.100.9", "2001:db8::c633:6409/128"],
];
for (const [text, canonical] of read) {
  test(`read: ${text}`, () => {
    const prefix = parseIpPrefix(text);
    assert.equal(prefix && formatIpPrefix(prefix), canonical);
  });
}

const refused = [
  "",
  " ",
  "/",
  "/24",
  "203.0.113.7/",
  "203.0.113.7/33",
  "203.0.113.7/-1",
  "203.0.113.7/032",
  "203.0.113.7/24/24",
  "203.0.113.7/ 24",
  "203.0.113.7 ",
  "203.0.113",
  "203.0.113.256",
  "0313.0.113.7",
  "203.0.113.07",
  "0xcb007107",
  "3405803783",
  "203.0.113.7:80",
  "2001:db8::/129",
  "2001:db8::1%eth0",
  "2001:db8::1::",
  ":::",
  "[2001:db8::1]",
  "1:2:3:4:5:6:7:8:9",
  "::ffff:203.0.113.7/95",
  "::203.0.113.7",
  "::ffff:203.0.113.07",
  "64:ff9b::0x1.2.3.4",
  "64:ff9b::1.2.3",
  "example.com",
  "ff",
  `2001:db8::${"0".repeat(60)}`,
  "203.0.113.7/1e1",
  "٢٠٣.0.113.7",
];
for (const text of refused)
  test(`refused: '${text.slice(0, 50)}'`, () => {
    assert.equal(parseIpPrefix(text), undefined);
  });

test("an address is a prefix without a length", () => {
  assert.deepEqual(parseIpAddress("203.0.113.7"), parseIpPrefix("203.0.113.7/32"));
  assert.equal(parseIpAddress("203.0.113.7/32"), undefined);
});

const arbitraryPrefix: fc.Arbitrary<IpPrefix> = fc.constantFrom<4 | 6>(4, 6).chain((family) => {
  const length = addressLength(family);
  return fc.record({ family: fc.constant(family), bits: fc.bigInt(0n, (1n << BigInt(length)) - 1n), length: fc.nat(length) }, { noNullPrototype: true })
    .map((prefix) => ({ ...prefix, bits: (prefix.bits >> BigInt(length - prefix.length)) << BigInt(length - prefix.length) }));
});
/** Those that stand for IPv4 in IPv6 are read as IPv4. */
const isMapped = ({ family, bits }: IpPrefix): boolean => family === 6 && bits >> 32n === 0xffffn;

test("what is formatted is read back", () => {
  fc.assert(fc.property(arbitraryPrefix.filter((prefix) => !isMapped(prefix)), (prefix) => {
    assert.deepEqual(parseIpPrefix(formatIpPrefix(prefix)), prefix);
  }), { numRuns: 1_000 });
});

test("containment and overlap, against the addresses that they are made of", () => {
  fc.assert(fc.property(arbitraryPrefix, arbitraryPrefix, (a, b) => {
    const last = ({ family, bits, length }: IpPrefix): bigint => bits + (1n << BigInt(addressLength(family) - length)) - 1n;
    const within = a.family === b.family && a.bits <= b.bits && last(b) <= last(a);
    assert.equal(prefixContains(a, b), within);
    assert.equal(prefixesOverlap(a, b), a.family === b.family && a.bits <= last(b) && b.bits <= last(a));
    assert.ok(prefixContains(a, a) && prefixesOverlap(a, a));
  }), { numRuns: 1_000 });
});

test("single addresses, and what addresses are for", () => {
  const of = (text: string): IpPrefix => parseIpPrefix(text) ?? assert.fail(text);
  assert.deepEqual(["203.0.113.7", "2001:db8::1", "203.0.113.0/31", "2001:db8::/127"].map(of).map(isSingleAddress), [true, true, false, false]);
  assert.equal(formatIpAddress(of("203.0.113.77/24")), "203.0.113.0");
  assert.deepEqual(["192.168.1.1", "8.8.8.8", "224.0.0.1", "127.0.0.1", "fe80::1", "fd00::1"].map(of).map(addressScope), ["private", "unicast", "multicast",
    "loopback", "linkLocal", "uniqueLocal"]);
});

test("arbitrary text never throws", () => {
  const pieces = fc.array(fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom("1", ".", ":", "::", "/", "255", "ffff", "0", "%")), { maxLength: 12 });
  fc.assert(fc.property(pieces, (words) => {
    parseIpPrefix(words.join(""));
  }), { numRuns: 3_000 });
});
