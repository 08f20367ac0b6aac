import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMitigation, type ReadMitigation } from "../../../src/callhome-server/dots/parse-mitigation.ts";
import { formatIpPrefix } from "../../../src/model/ip-prefix.ts";
import { bytes, cbor, leastScope, mitigation } from "../wire.ts";

const parse = (payload: Uint8Array): ReturnType<typeof parseMitigation> => parseMitigation("isp", "dz6p", 56, payload);

function accepted(scope: object): ReadMitigation {
  const read = parse(mitigation(scope));
  assert.ok(!("code" in read), "diagnostic" in read ? read.diagnostic : "");
  return read;
}

test("RFC 9066 figure 10", () => {
  const { asked, lifetime, attackStatus } = accepted({ 6: ["2001:db8:c000::/128"], 32768: ["2001:db8:123::1/128"], 14: 3600 });
  assert.deepEqual([asked.target.prefixes.map(formatIpPrefix), asked.source.prefixes.map(formatIpPrefix)], [["2001:db8:c000::/128"], ["2001:db8:123::1/128"]]);
  assert.deepEqual([asked.upstream, asked.cuid, asked.mid, lifetime, attackStatus], ["isp", "dz6p", 56, 3600, null]);
  assert.deepEqual([asked.target.ports, asked.target.protocols, asked.source.ports, asked.source.icmpTypes], [[], [], [], []]);
});

test("every attribute, in the order that it came in", () => {
  const { asked } = accepted({
    ...leastScope,
    6: ["198.51.100.10", "198.51.100.9/32"],
    7: [{ 8: 8080 }, { 8: 80, 9: 90 }],
    10: [17, 6],
    11: ["a.example"],
    12: ["https://a.example/"],
    32769: [{ 8: 40_000, 9: 40_100 }],
    32770: [{ 32771: 8 }, { 32771: 128, 32772: 129 }],
    45: true,
  });
  assert.deepEqual(asked.target.prefixes.map(formatIpPrefix), ["198.51.100.10/32", "198.51.100.9/32"]);
  assert.deepEqual({ ...asked.target, prefixes: 0 }, {
    prefixes: 0,
    ports: [{ lower: 8080, upper: 8080 }, { lower: 80, upper: 90 }],
    protocols: [17, 6],
    fqdns: ["a.example"],
    uris: ["https://a.example/"],
  });
  assert.deepEqual({ ...asked.source, prefixes: 0 }, {
    prefixes: 0,
    ports: [{ lower: 40_000, upper: 40_100 }],
    icmpTypes: [{ lower: 8, upper: 8 }, { lower: 128, upper: 129 }],
  });
});

const fine: readonly [what: string, scope: object, lifetime: number | null, attackStatus: number | null][] = [
  ["a lifetime without end", { 14: -1 }, -1, null],
  ["the longest lifetime", { 14: 0xffff_ffff }, 0xffff_ffff, null],
  ["an efficacy update without lifetime (figure 16)", { 14: null, 29: 1 }, null, 1],
  ["an efficacy update with one", { 29: 2 }, 3600, 2],
  ["trigger-mitigation true", { 45: true }, 3600, null],
  ["a comprehension-optional key that is not known", { 128: [1], 49_152: "x" }, 3600, null],
  ["link-local addresses (RFC 9066 §5.3.1)", { 6: ["fe80::1/128"], 32768: ["fe80::2/128"] }, 3600, null],
  ["targets of both families, a source of one", { 6: ["198.51.100.9/32", "2001:db8::9/128"] }, 3600, null],
  ["ports 0-65535", { 7: [{ 8: 0, 9: 65_535 }] }, 3600, null],
  ["NAT64: an IPv4-converted address (RFC 9066 §5.3.2)", { 6: ["64:ff9b::198.51.100.9/128"], 32768: ["2001:db8::7/128"] }, 3600, null],
];
for (const [what, scope, lifetime, attackStatus] of fine) {
  test(`accepted: ${what}`, () => {
    const merged = Object.fromEntries(Object.entries<unknown>({ ...leastScope, ...scope }).filter(([, value]) => value !== null));
    const read = accepted(merged);
    assert.deepEqual([read.lifetime, read.attackStatus], [lifetime, attackStatus]);
  });
}

const without = (key: number): object => Object.fromEntries(Object.entries(leastScope).filter(([each]) => Number(each) !== key));
const refused: readonly [what: string, scope: object, diagnostic: string | RegExp][] = [
  // RFC 9066 §5.3.1
  ["no source-prefix", without(32768), "source-prefix is missing"],
  ["no target-prefix", without(6), "target-prefix is missing"],
  ["no target-prefix but a name, which is not resolved", { ...without(6), 11: ["a.example"] }, "target-prefix is missing"],
  ["an IPv4 source of an IPv6 target", { ...leastScope, 6: ["2001:db8::9/128"] }, "source-prefix and target-prefix have no address family in common"],
  ["IPv6 sources of an IPv4 target", { ...leastScope, 32768: ["2001:db8::7/128", "2001:db8::8/128"] },
    "source-prefix and target-prefix have no address family in common"],
  ["trigger-mitigation false", { ...leastScope, 45: false }, /^trigger-mitigation false/],
  // RFC 9132 §4.4.1.1
  ["no lifetime", without(14), "lifetime is missing"],
  ["lifetime 0", { ...leastScope, 14: 0 }, "lifetime 0 is not valid"],
  ["lifetime -2", { ...leastScope, 14: -2 }, /^lifetime: an integer/],
  ["lifetime 2^32", { ...leastScope, 14: 2 ** 32 }, /^lifetime: an integer/],
  ["alias-name", { ...leastScope, 13: ["web"] }, /^alias-name/],
  ["cdid in the body", { ...leastScope, 3: "x" }, /key 3$/],
  ["cuid in the body", { ...leastScope, 4: "x" }, /key 4$/],
  ["mid in the body", { ...leastScope, 5: 1 }, /key 5$/],
  ["status, which only servers send", { ...leastScope, 16: 1 }, /key 16$/],
  ["a comprehension-required key that is not known", { ...leastScope, 100: 1 }, /scope: unknown or unexpected comprehension-required key 100/],
  ["an empty list", { ...leastScope, 10: [] }, /^target-protocol: 1 to/],
  ["an empty text", { ...leastScope, 11: [""] }, /^target-fqdn: text/],
  // Names and URIs are RFC 6991's, which are ASCII; nothing that a terminal, a log or a page would obey, or not show.
  ...["\u0000", "\u001b[2J", "\n", "\u007f", "\u009b2J", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028"].flatMap((character): [string, object, RegExp][] =>
    [11, 12].map((
      key,
    ) => [`${JSON.stringify(character)} in a text`, { ...leastScope, [key]: [`a.exam${character}ple`] },
      /^target-(fqdn|uri): (a control or invisible character|text)|UTF-8/]
    )
  ),
  ["a name that is not ASCII", { ...leastScope, 11: ["müller.example"] }, /^target-fqdn: printable ASCII/],
  ["a URI with a space", { ...leastScope, 12: ["https://a.example/ b"] }, /^target-uri: printable ASCII/],
  ["protocol 256", { ...leastScope, 10: [256] }, /^target-protocol/],
  ["port 65536", { ...leastScope, 7: [{ 8: 65_536 }] }, /^lower-port/],
  ["no lower-port", { ...leastScope, 7: [{ 9: 1 }] }, "lower-port is missing"],
  ["an upper-port below the lower", { ...leastScope, 32769: [{ 8: 2, 9: 1 }] }, /range/],
  ["ICMP type 256", { ...leastScope, 32770: [{ 32771: 256 }] }, /^lower-type/],
  ["an upper-type below the lower", { ...leastScope, 32770: [{ 32771: 2, 32772: 1 }] }, /range/],
  ["attack-status 3", { ...leastScope, 29: 3 }, /^attack-status/],
  ["65 prefixes", { ...leastScope, 6: Array(65).fill("198.51.100.9/32") }, /^target-prefix: 1 to 64/],
  ["a prefix of 33 bits", { ...leastScope, 6: ["198.51.100.9/33"] }, /^target-prefix: not an IP prefix/],
  ["a prefix of 129 bits", { ...leastScope, 32768: ["2001:db8::/129"] }, /^source-prefix: not an IP prefix/],
  ...["127.0.0.1/32", "127.255.0.0/16", "224.0.0.251/32", "239.0.0.0/8", "255.255.255.255/32", "0.0.0.0/32", "0.0.0.0/0", "128.0.0.0/1", "::1/128", "::/128",
    "::/0", "ff02::fb/128", "::ffff:127.0.0.1/128", "8000::/1"].flatMap((prefix): [string, object, RegExp][] => [
      [`${prefix} as target`, { ...leastScope, 6: [prefix] }, /includes broadcast, loopback, multicast or unspecified/],
      [`${prefix} as source`, { ...leastScope, 32768: ["203.0.113.7", prefix] }, /includes broadcast, loopback, multicast or unspecified/],
    ]),
];
for (const [what, scope, diagnostic] of refused) {
  test(`4.00: ${what}`, () => {
    const read = parse(mitigation(scope));
    assert.ok("code" in read && read.code === "4.00", "it is accepted");
    if (typeof diagnostic === "string") assert.equal(read.diagnostic, diagnostic);
    else assert.match(read.diagnostic, diagnostic);
  });
}

test("telemetry under an ignored key, 11 levels deep, is passed over", () => {
  // RFC 9244's attack-detail with its top-talkers: vendor-id, attack-id, top-talker { talker [ { source-prefix, total-attack-traffic [ … ] } ] }.
  const talker = (deep: number): object => deep === 0 ? { 133: "203.0.113.7/32" } : { 128: [talker(deep - 1)] };
  const read = parse(mitigation({ ...leastScope, 170: [{ 171: 32473, 173: 77, 185: talker(4) }] }));
  assert.deepEqual(read, parse(mitigation(leastScope)));
});

test("a target-uri of more than 512 characters is cut: it decides nothing", () => {
  const uri = `https://${"x".repeat(600)}`;
  const read = parse(mitigation({ ...leastScope, 12: [uri] }));
  assert.ok(!("code" in read), "diagnostic" in read ? read.diagnostic : "");
  assert.deepEqual(read.asked.target.uris, [uri.slice(0, 512)]);
});

const bodies: readonly [what: string, payload: Uint8Array, diagnostic: RegExp][] = [
  ["no body", bytes(""), /empty body/],
  ["a text", cbor("x"), /not a map/],
  ["an empty map", cbor({}), /^mitigation-scope is missing/],
  ["no scope", cbor({ 1: {} }), /^scope is missing/],
  ["an empty scope", cbor({ 1: { 2: [] } }), /^scope: 1 to/],
  ["two scopes", cbor({ 1: { 2: [leastScope, leastScope] } }), /exactly one entry/],
  ["nine scopes", cbor({ 1: { 2: Array(9).fill(leastScope) } }), /^scope: 1 to 8/],
  ["a session configuration", cbor({ 30: {} }), /key 30/],
  ["a source-prefix twice", bytes("a101a10281a219800081613119800081613106"), /./],
];
for (const [what, payload, diagnostic] of bodies) {
  test(`4.00: ${what}`, () => {
    const read = parse(payload);
    assert.ok("code" in read && read.code === "4.00", "it is accepted");
    assert.match(read.diagnostic, diagnostic);
  });
}
