import assert from "node:assert/strict";
import { test } from "node:test";
import { shiftMitigation } from "../../src/model/shift-mitigation.ts";
import { later, milliseconds, remainingSeconds, seconds, wallInstant } from "../../src/model/time.ts";
import { newMitigation } from "../../src/policy/mitigation-machine.ts";
import { start } from "../fake-clock.ts";
import { fakeHome } from "../pipeline/fake-home.ts";

const month = 30 * 86_400_000;

test("what remains of each span stays, and what is not set stays so", () => {
  const home = fakeHome();
  const request = {
    upstream: "isp",
    cuid: "c",
    mid: 1,
    lifetime: seconds(60),
    target: { prefixes: [], ports: [], protocols: [], fqdns: [], uris: [] },
    source: { prefixes: [], ports: [], icmpTypes: [] },
  };
  const mitigation = newMitigation(1, request, seconds(60), home.pipeline.settings().policy, wallInstant(1_000));
  const shifted = shiftMitigation(mitigation, milliseconds(month));
  assert.equal(remainingSeconds(wallInstant(1_000 + month), shifted.expiresAt), 60);
  assert.deepEqual([shifted.startedAt, shifted.deadline, shifted.allowedUntil, "endedAt" in shifted], [null, null, null, false]);
  assert.deepEqual(shiftMitigation(shifted, milliseconds(-month)), mitigation);
});

test("NTP puts the clock forward by a month: a mitigation keeps its time, one that an earlier run saved by a right clock keeps its date", async () => {
  const home = fakeHome();
  await home.ask({ mid: 1 }, false, 600);
  const before = home.store.get(1);
  assert.ok(before);
  home.store.put({
    ...before,
    id: 2,
    requestedAt: later(before.requestedAt, milliseconds(month - 1_000)),
    expiresAt: later(before.requestedAt, milliseconds(month + 60_000)),
  });
  home.clock.jump(month);
  home.pipeline.clockJumped(milliseconds(month));
  assert.equal(home.store.get(1)?.expiresAt, later(before.expiresAt ?? start, milliseconds(month)));
  assert.equal(home.store.get(2)?.expiresAt, later(before.requestedAt, milliseconds(month + 60_000)));
  await home.clock.advance(120_000);
  assert.deepEqual([1, 2].map((id) => home.store.get(id)?.state), ["active", "ended"]);
});
