import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { claimsOf } from "../../src/enforcer/traffic-match.ts";
import { exactKeysOf } from "../../src/enforcer/exact-keys.ts";
import { claimsOnce, exactKeysOnce } from "../../src/enforcer/memoise.ts";
import { arbitraryRule } from "./arbitrary-rules.ts";
import { rule } from "./sample-rules.ts";
import { seconds } from "../../src/model/time.ts";

test("what is remembered is what would be worked out, whatever changes of a rule", () => {
  fc.assert(
    fc.property(arbitraryRule, arbitraryRule, fc.subarray(["mitigation", "action", "mac", "addresses", "icmpTypes", "packetsPerSecond", "timeout", "target"]),
      (one, other, taken) => {
        const changed = { ...one, ...Object.fromEntries(Object.entries(other).filter(([key]) => taken.includes(key))) };
        // A device without a MAC address needs another.
        if (changed.mac === null && changed.addresses.length === 0) return;
        for (const each of [one, changed, one, { ...changed }]) {
          assert.deepEqual(claimsOnce(each), claimsOf(each));
          for (const claim of claimsOnce(each)) assert.deepEqual(exactKeysOnce(claim), exactKeysOf(claim));
        }
      }),
  );
});

test("a rule that is as it was is not worked out again; it is for a shorter timeout", () => {
  const first = rule({ timeout: seconds(600) });
  assert.equal(claimsOnce({ ...first }), claimsOnce(first));
  assert.notEqual(claimsOnce({ ...first, timeout: seconds(599) }), claimsOnce(first));
  assert.equal(claimsOnce({ ...first, timeout: seconds(599) })[0]?.timeout, 599);
});

test("many devices of one mitigation do not fill the memory", () => {
  const shared = rule();
  for (let at = 0; at < 100; at += 1) claimsOnce({ ...shared, mac: `02:00:00:00:01:${String(at).padStart(2, "0")}` });
  assert.notEqual(claimsOnce(shared), claimsOnce({ ...shared, mac: "02:00:00:00:01:01" }));
  assert.deepEqual(claimsOnce(shared), claimsOf(shared));
});
