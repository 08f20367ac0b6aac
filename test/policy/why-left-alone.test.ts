import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { nothingSaid } from "../../src/policy/owners-nos.ts";
import { whyLeftAlone } from "../../src/policy/why-left-alone.ts";
import { startPlus } from "../fake-clock.ts";
import { askPolicy, camera, pending } from "./samples.ts";

const now = startPlus(60_000);
const ended: Mitigation = { ...pending, state: "ended", outcome: "denied", decidedBy: "owner", deadline: null, endedAt: startPlus(30_000) };
const said = { isRefused: () => true, any: true };
const never = { ...askPolicy, devices: [{ mac: camera.mac ?? "", policy: "never" as const, action: null }] };
const spared = { ...askPolicy, neverBlock: [{ is: "mac" as const, mac: camera.mac ?? "" }] };

for (
  const [what, mitigation, policy, why] of [
    ["a denial", ended, askPolicy, "denied"],
    ["nobody answered", { ...ended, decidedBy: "policy" }, askPolicy, "unanswered"],
    ["a denial that was taken back", { ...ended, isTakenBack: true }, askPolicy, "taken-back"],
    ["a block that was undone", { ...ended, outcome: "released" }, askPolicy, "undone"],
    ["a block whose time is over", { ...ended, outcome: "released", allowedUntil: startPlus(20_000) }, askPolicy, "time-over"],
    ["a device that is never to be touched", { ...ended, outcome: "rejected", decidedBy: null }, never, "never"],
    ["the same after a denial", ended, never, "never"],
    ["a device of never_block", { ...ended, outcome: "rejected", decidedBy: null }, spared, "protected"],
    ["a rule that holds no more", { ...ended, outcome: "rejected", decidedBy: null }, askPolicy, "taken-back"],
    ["one that is asked again", { ...ended, expiresAt: startPlus(40_000), askedAgainUntil: startPlus(60_001) }, askPolicy, "denied"],
    ["one that has expired", { ...ended, expiresAt: startPlus(40_000) }, askPolicy, undefined],
    ["one that was withdrawn", { ...ended, outcome: "withdrawn" }, askPolicy, undefined],
    ["a question", pending, askPolicy, undefined],
  ] as const
)
  test(`why it is left alone: ${what}`, () => {
    assert.equal(whyLeftAlone(mitigation, policy, nothingSaid, now)?.why, why);
  });

test("why it is left alone: a no to another request about it", () => {
  assert.deepEqual(whyLeftAlone({ ...ended, outcome: "rejected" }, askPolicy, said, now), { why: "other-no", until: null });
});
