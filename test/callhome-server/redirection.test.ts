import assert from "node:assert/strict";
import { test } from "node:test";
import {
  atHome,
  followRedirection,
  isAllowedAlternate,
  isOver,
  isPublicName,
  noteSpoken,
  refuseAddresses,
  type Whereabouts,
} from "../../src/callhome-server/redirection.ts";
import { parseIpAddress, parseIpPrefix } from "../../src/model/ip-prefix.ts";
import { steadyStart } from "../fake-clock.ts";
import { later, milliseconds, type SteadyInstant } from "../../src/model/time.ts";

const after = (span: number): SteadyInstant => later(steadyStart, milliseconds(span));
const to = (client: string, ttl: number | null = 600): { client: string; addresses: string[]; ttl: number | null } => ({ client, addresses: [], ttl });
const follow = (where: Whereabouts, client: string, ttl: number | null = 600, now = steadyStart): Whereabouts => {
  const next = followRedirection(where, to(client, ttl), now);
  assert.ok(!("refused" in next), "refused");
  return next;
};
const minutes = 60_000;

for (const [ttl, until] of [[600, after(600_000)], [1, after(1_000)], [0xffff_ffff, null], [null, null], [0xffff_fffe, after(0xffff_fffe * 1000)]] as const) {
  test(`a ttl of ${ttl ?? "nothing"}`, () => {
    assert.equal(follow(atHome, "alt.example", ttl).alternate?.until, until);
  });
}

test("over when its time is, but not while an attack is mitigated; one without end never", () => {
  const where = follow(atHome, "alt.example");
  assert.deepEqual([599_999, 600_000].map((span) => isOver(where, false, after(span))), [false, true]);
  assert.equal(isOver(where, true, after(10 * 600_000)), false);
  assert.equal(isOver(follow(atHome, "alt.example", null), false, after(1e12)), false);
  assert.equal(isOver(atHome, false, after(1e12)), false);
});

test("a redirection to one with whom we spoke in the last five minutes is a loop, however its name is written", () => {
  const where = noteSpoken(atHome, "Home.Example", steadyStart);
  assert.ok("refused" in followRedirection(where, to("home.example"), after(5 * minutes - 1)));
  assert.ok("refused" in followRedirection(where, to("HOME.example"), steadyStart));
  follow(where, "home.example", 600, after(5 * minutes));
  follow(where, "alt.example", 600, steadyStart);
});

test("names are forgotten after five minutes, so that the list stays short", () => {
  let where = atHome;
  for (let minute = 0; minute < 1_000; minute++) where = noteSpoken(where, `host-${minute}.example`, after(minute * minutes));
  assert.equal(where.spokenWith.size, 5);
});

test("a ttl of 0 is refused: it would be over before we are there", () => {
  assert.ok("refused" in followRedirection(atHome, to("alt.example", 0), steadyStart));
});

test("an alternate may redirect further", () => {
  assert.equal(follow(follow(atHome, "one.example"), "two.example").alternate?.client, "two.example");
});

test("an alternate's name is one of the internet", () => {
  for (const name of ["alt.example", "ALT.Example.", "xn--bcher-kva.example", "a.b.c.example", "1.example"]) assert.ok(isPublicName(name), name);
  for (
    const name of ["localhost", "localhost.", "a.localhost", "router", "router.lan", "nas.local", "0x7f000001", "2130706433", "0x7f.1", "127.1", "1.2.3.0x4",
      "printer.home.arpa", "x.internal", "a.localdomain", ""]
  ) {
    assert.ok(!isPublicName(name), name);
  }
});

const inside = ["192.168.1.0/24", "2001:db8:1::/64"].flatMap((text) => parseIpPrefix(text) ?? []);
const alternates: readonly [address: string, own: string | undefined, isAllowed: boolean][] = [
  ["8.8.8.8", undefined, true],
  ["2606:4700::1", undefined, true],
  ["8.8.8.8", "10.1.2.3", true],
  ["64:ff9b::808:808", undefined, true],
  ["127.0.0.1", undefined, false],
  ["::1", undefined, false],
  ["::ffff:127.0.0.1", undefined, false],
  ["64:ff9b::7f00:1", undefined, false],
  ["64:ff9b::c0a8:101", "2606:4700::1", false],
  ["192.168.1.1", undefined, false],
  ["10.0.0.1", "8.8.8.8", false],
  ["fd00::1", "2606:4700::1", false],
  ["169.254.1.1", "8.8.8.8", false],
  ["fe80::1", "2606:4700::1", false],
  ["224.0.0.1", "8.8.8.8", false],
  ["0.0.0.0", "8.8.8.8", false],
  ["255.255.255.255", "8.8.8.8", false],
  ["240.0.0.1", "8.8.8.8", false],
  ["100.64.0.1", "8.8.8.8", false],
  // A provider inside its own network, and a lab.
  ["10.9.9.9", "10.1.2.3", true],
  ["100.64.0.9", "100.64.0.1", true],
  ["203.0.113.2", "203.0.113.1", true],
  ["127.0.0.2", "127.0.0.1", true],
  // The home's own, whatever they look like, unless the provider is there.
  ["192.168.1.9", "10.1.2.3", false],
  ["2001:db8:1::9", "2001:db8:9::1", false],
  ["192.168.1.9", "192.168.1.2", true],
];
for (const [address, own, isAllowed] of alternates) {
  test(`an alternate at ${address}, the configured host at ${own ?? "an address that is not known"}: ${isAllowed ? "dialled" : "not dialled"}`, () => {
    const parsed = parseIpAddress(address);
    assert.ok(parsed);
    assert.equal(isAllowedAlternate(parsed, own === undefined ? undefined : parseIpAddress(own), inside), isAllowed);
  });
}

test("addresses that come with a redirection are judged beside the peer's own", () => {
  const given = (...addresses: string[]): Parameters<typeof refuseAddresses>[0] => ({ client: "alt.example", addresses, ttl: null });
  assert.equal(refuseAddresses(given("8.8.8.8", "2606:4700::1"), "9.9.9.9:4647"), undefined);
  assert.equal(refuseAddresses(given("2001:db8::2"), "[2001:db8::1]:4647"), undefined);
  assert.ok(refuseAddresses(given("8.8.8.8", "127.0.0.1"), "9.9.9.9:4647"));
  assert.ok(refuseAddresses({ ...given(), client: "192.168.1.1" }, "[2606:4700::1]:4647"));
});
