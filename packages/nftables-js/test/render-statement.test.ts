import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { renderStatement } from "../src/render-statement.ts";
import { InvalidStatement } from "../src/render-value.ts";
import type { Expression, Statement, Value } from "../src/statement.ts";

const table = { family: "inet", name: "t" } as const;
const element = (key: Value): Statement => ({ do: "add elements", table, set: "s", elements: [{ key: [key] }] });
const ruled = (...rule: Expression[]): Statement => ({ do: "add rule", table, chain: "c", rule });

const rendered: readonly [Statement, string][] = [
  [{ do: "add table", table }, "add table inet t"],
  [{ do: "flush table", table: { family: "bridge", name: "t2" } }, "flush table bridge t2"],
  [{ do: "add chain", table, name: "c" }, "add chain inet t c"],
  [
    { do: "add chain", table, name: "c", base: { type: "filter", hook: "forward", priority: { base: "filter", offset: -5 }, policy: "accept" } },
    "add chain inet t c { type filter hook forward priority filter - 5; policy accept; }",
  ],
  [
    {
      do: "add chain",
      table: { family: "netdev", name: "t" },
      name: "c",
      base: { type: "filter", hook: "ingress", device: "lan1.5", priority: -150, policy: "accept" },
    },
    'add chain netdev t c { type filter hook ingress device "lan1.5" priority -150; policy accept; }',
  ],
  [{ do: "add set", table, name: "s", key: ["ether_addr", "mark"], flags: ["interval", "timeout"] },
    "add set inet t s { type ether_addr . mark; flags interval,timeout; }"],
  [{ do: "add map", table, name: "s", key: ["ifname"], holds: "verdict", flags: [] }, "add map inet t s { type ifname : verdict; }"],
  [{ do: "add counter", table, name: "m1" }, "add counter inet t m1"],
  [{ do: "add counter", table, name: "m1", packets: 5, bytes: 60 }, "add counter inet t m1 { packets 5 bytes 60 }"],
  [{ do: "add limit", table, name: "l", packetsPerSecond: 10, burst: 20 }, "add limit inet t l { rate over 10/second burst 20 packets }"],
  [{ do: "add limit", table, name: "l", packetsPerSecond: 5, burst: 20, within: true }, "add limit inet t l { rate 5/second burst 20 packets }"],
  [{ do: "delete counter", table, name: "m1" }, "delete counter inet t m1"],
  [{ do: "flush map", table, name: "s" }, "flush map inet t s"],
  [
    { do: "add elements", table, set: "s", elements: [{ key: [{ mac: "02:00:00:00:00:17" }, { number: 6 }], timeout: 60, value: { object: "m1" } }] },
    'add element inet t s { 02:00:00:00:00:17 . 6 timeout 60s : "m1" }',
  ],
  [
    { do: "delete elements", table, set: "s", elements: [{ key: [{ ip: "2001:db8::/32" }] }, { key: [{ range: [1, 2] }], value: { verdict: { goto: "c" } } }] },
    "delete element inet t s {\n  2001:db8::/32,\n  1-2 : goto c\n}",
  ],
  [ruled({ match: "ip daddr", values: [{ ip: "198.51.100.9" }], not: true }, { verdict: "drop" }), "add rule inet t c ip daddr != 198.51.100.9 drop"],
  [ruled({ match: ["ether saddr", "ip daddr"], set: "s" }, { verdict: { jump: "d" } }), "add rule inet t c ether saddr . ip daddr @s jump d"],
  [ruled({ match: "iifname", values: [{ interface: "br-lan" }, { interface: "eth0" }] }, { verdict: "return" }),
    'add rule inet t c iifname { "br-lan", "eth0" } return'],
  [ruled({ object: "counter", key: ["ip saddr", "th dport"], map: "s" }, { verdict: "drop" }),
    "add rule inet t c counter name ip saddr . th dport map @s drop"],
  [ruled({ object: "limit", name: "l" }, { vmap: "v", key: ["meta l4proto"] }), 'add rule inet t c limit name "l" meta l4proto vmap @v'],
  [ruled({ object: "limit", key: ["ether saddr"], map: "s" }, { redirect: 8047 }), "add rule inet t c limit name ether saddr map @s redirect to :8047"],
  [ruled({ match: "meta mark", values: [{ number: 7 }] }, { assign: "meta mark", value: 0xffff_ffff }),
    "add rule inet t c meta mark 7 meta mark set 4294967295"],
  [ruled({ match: "meta protocol", values: [{ word: "ip" }, { word: "ip6" }], not: true }, { verdict: "accept" }),
    "add rule inet t c meta protocol != { ip, ip6 } accept"],
  [{ comment: "why it's there" }, "# why it's there"],
];
for (const [statement, text] of rendered)
  test(text, () => {
    assert.equal(renderStatement(statement), text);
  });

const evil = ["", "a b", "a;b", "a\nb", "a\n", "1a", "a{", 'a"', "$(id)", "@s", "é", "a".repeat(129)];
test("names that are no names are refused, wherever they stand", () => {
  for (const name of evil) {
    const uses: readonly Statement[] = [
      { do: "add table", table: { family: "inet", name } },
      { do: "add chain", table, name },
      { do: "flush set", table, name },
      { do: "add elements", table, set: name, elements: [{ key: [{ number: 1 }] }] },
      { do: "add elements", table, set: "s", elements: [{ key: [{ number: 1 }], value: { object: name } }] },
      { do: "add elements", table, set: "s", elements: [{ key: [{ number: 1 }], value: { verdict: { jump: name } } }] },
      { do: "add rule", table, chain: name, rule: [{ verdict: "drop" }] },
      ruled({ match: "ip saddr", set: name }),
      ruled({ object: "counter", name }),
      ruled({ vmap: name, key: ["ip saddr"] }),
      ruled({ object: "counter", key: ["ip saddr"], map: name }),
      ruled({ verdict: { goto: name } }),
    ];
    for (const statement of uses) assert.throws(() => renderStatement(statement), InvalidStatement, JSON.stringify(statement));
  }
});

const badValues: readonly Value[] = [
  { mac: "02:00:00:00:00:1" },
  { mac: "02:00:00:00:00:17 " },
  { mac: "02:00:00:00:00:17\n" },
  { mac: "02:00:00:00:00:AA" },
  { ip: "198.51.100.256" },
  { ip: "198.51.100.09" },
  { ip: "198.51.100.9/33" },
  { ip: "198.51.100.9 }" },
  { ip: "face" },
  { ip: "localhost" },
  { ip: "::/129" },
  { ip: "fe80::1%eth0" },
  { ip: "::1\n" },
  { ip: "::1; flush ruleset" },
  { number: -1 },
  { number: 1.5 },
  { number: NaN },
  { number: 2 ** 32 },
  { range: [2, 1] },
  { range: [0, Infinity] },
  { interface: 'eth0"; drop' },
  { interface: "" },
  { interface: "sixteen-letters-" },
  { nfproto: "ipv5" as "ipv4" },
];
for (const value of badValues)
  test(`refused: ${JSON.stringify(value)}`, () => {
    assert.throws(() => renderStatement(element(value)), InvalidStatement);
  });

test("refused: what nft would read as something else", () => {
  const statements: readonly Statement[] = [
    { do: "add elements", table, set: "s", elements: [] },
    { do: "add elements", table, set: "s", elements: [{ key: [] }] },
    { do: "add elements", table, set: "s", elements: [{ key: [{ number: 1 }], timeout: 0 }] },
    { do: "add elements", table, set: "s", elements: [{ key: [{ number: 1 }], timeout: 1.5 }] },
    { do: "add limit", table, name: "l", packetsPerSecond: 0, burst: 1 },
    { do: "add counter", table, name: "m", packets: -1 },
    ruled({ assign: "meta mark", value: 2 ** 32 }),
    ruled({ redirect: 0 }),
    ruled({ redirect: 65536 }),
    ruled(),
    ruled({ match: "ip saddr", values: [] }),
    { comment: "two\nlines" },
  ];
  for (const statement of statements) assert.throws(() => renderStatement(statement), InvalidStatement, JSON.stringify(statement));
});

test("whatever is passed as a value, it is one harmless word or refused", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:./ ;\n]*$/)), (text) => {
    for (const value of [{ mac: text }, { ip: text }, { interface: text }]) {
      try {
        assert.match(renderStatement(element(value)), /^add element inet t s \{ ("[\w.:@-]+"|[0-9a-f.:/]+) \}$/);
      } catch (error) {
        assert.ok(error instanceof InvalidStatement, String(error));
      }
    }
  }), { numRuns: 2000 });
});

test("dynamic sets, their updates, and look-ups of a part of an address", () => {
  assert.equal(
    renderStatement({ do: "add set", table, name: "seen", key: ["ether_addr", "ipv4_addr"], flags: ["dynamic", "timeout"], size: 64, timeout: 600 }),
    "add set inet t seen { type ether_addr . ipv4_addr; flags dynamic,timeout; size 64; timeout 600s; }",
  );
  assert.equal(
    renderStatement({
      do: "add rule",
      table,
      chain: "c",
      rule: [{ match: "ct direction", values: [{ word: "original" }] }, { update: "seen", key: ["ether saddr", "ct original ip saddr"] }],
    }),
    "add rule inet t c ct direction original update @seen { ether saddr . ct original ip saddr counter }",
  );
  assert.equal(renderStatement({ do: "add rule", table, chain: "c", rule: [{ vmap: "m", key: ["ip daddr"], mask: "255.255.255.0" }] }),
    "add rule inet t c ip daddr & 255.255.255.0 vmap @m");
  assert.throws(() => renderStatement({ do: "add rule", table, chain: "c", rule: [{ vmap: "m", key: ["ip daddr"], mask: "1 drop" }] }),
    /not a valid IP address/);
});

test("a rule before all others", () => {
  assert.equal(renderStatement({ do: "insert rule", table: { family: "inet", name: "t" }, chain: "c", rule: [{ verdict: "accept" }] }),
    "insert rule inet t c accept");
});
