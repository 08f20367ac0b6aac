import assert from "node:assert/strict";
import { test } from "node:test";
import { atHome, followRedirection, isOver, noteSpoken, type Whereabouts } from "../../src/callhome-server/redirection.ts";
import { start } from "../fake-clock.ts";

const to = (client: string, ttl: number | null = 600): { client: string; addresses: string[]; ttl: number | null } => ({ client, addresses: [], ttl });
const follow = (where: Whereabouts, client: string, ttl: number | null = 600, now = start): Whereabouts => {
  const next = followRedirection(where, to(client, ttl), now);
  assert.ok(!("refused" in next), "refused");
  return next;
};
const minutes = 60_000;

for (const [ttl, until] of [[600, start + 600_000], [1, start + 1_000], [0xffff_ffff, null], [null, null], [0xffff_fffe, start + 0xffff_fffe * 1000]] as const) {
  test(`a ttl of ${ttl ?? "nothing"}`, () => { assert.equal(follow(atHome, "alt.example", ttl).alternate?.until, until); });
}

test("over when its time is, but not while an attack is mitigated; one without end never", () => {
  const where = follow(atHome, "alt.example");
  assert.deepEqual([599_999, 600_000].map((after) => isOver(where, false, start + after)), [false, true]);
  assert.equal(isOver(where, true, start + 10 * 600_000), false);
  assert.equal(isOver(follow(atHome, "alt.example", null), false, start + 1e12), false);
  assert.equal(isOver(atHome, false, start + 1e12), false);
});

test("a redirection to one with whom we spoke in the last five minutes is a loop, however its name is written", () => {
  const where = noteSpoken(atHome, "Home.Example", start);
  assert.ok("refused" in followRedirection(where, to("home.example"), start + 5 * minutes - 1));
  assert.ok("refused" in followRedirection(where, to("HOME.example"), start));
  follow(where, "home.example", 600, start + 5 * minutes);
  follow(where, "alt.example", 600, start);
});

test("names are forgotten after five minutes, so that the list stays short", () => {
  let where = atHome;
  for (let minute = 0; minute < 1_000; minute++) where = noteSpoken(where, `host-${minute}.example`, start + minute * minutes);
  assert.equal(where.spokenWith.size, 5);
});

test("a ttl of 0 is refused: it would be over before we are there", () => {
  assert.ok("refused" in followRedirection(atHome, to("alt.example", 0), start));
});

test("an alternate may redirect further", () => {
  assert.equal(follow(follow(atHome, "one.example"), "two.example").alternate?.client, "two.example");
});
