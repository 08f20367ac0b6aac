import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { questionAbout } from "../../src/model/question.ts";
import { rememberedDecision } from "../../src/policy/remembered-decision.ts";
import { step } from "../../src/policy/mitigation-machine.ts";
import { startPlus } from "../fake-clock.ts";
import { active, askPolicy, camera, laptop, pending, watching } from "./samples.ts";
import { seconds, type WallInstant } from "../../src/model/time.ts";

const hour = 3_600_000;
const again: Mitigation = { ...pending, id: 18 };
const denied: Mitigation = { ...pending, state: "ended", outcome: "denied", decidedBy: "owner" };
const forAnHour: Mitigation = { ...active, decidedBy: "owner", allowedUntil: startPlus(hour), action: "limit" };

suite("a decision that the owner made before", () => {
  const cases: readonly (readonly [string, Mitigation, Mitigation, WallInstant, ReturnType<typeof rememberedDecision>])[] = [
    ["denied is no allowance", denied, again, startPlus(1000), undefined],
    ["for an hour holds while it runs", forAnHour, again, startPlus(1000), { is: "approved", action: "limit", seconds: seconds(3599) }],
    ["for an hour holds though the upstream withdrew", { ...forAnHour, state: "ended", outcome: "withdrawn" }, again, startPlus(1000), {
      is: "approved",
      action: "limit",
      seconds: seconds(3599),
    }],
    ["for an hour is over after an hour, and is no refusal then", { ...forAnHour, state: "ended", outcome: "released", expiresAt: null }, again,
      startPlus(hour), undefined],
    ["for an hour, released by hand, is no allowance any more", { ...forAnHour, state: "ended", outcome: "released" }, again, startPlus(1000), undefined],
    ["until the request ends holds for that request only", { ...forAnHour, allowedUntil: null }, again, startPlus(1000), undefined],
    ["a request without a device is not answered", denied, { ...again, devices: [] }, startPlus(1000), undefined],
    ["what is active already is not answered", denied, { ...active, id: 18 }, startPlus(1000), undefined],
  ];
  for (const [title, earlier, later, now, expected] of cases) {
    test(title, () => {
      assert.deepEqual(rememberedDecision(later, [earlier, later], now), expected);
    });
  }

  test("of several the newest counts", () => {
    const allowed = { ...forAnHour, id: 16 };
    assert.deepEqual(rememberedDecision(again, [allowed, denied, again], startPlus(1000)), undefined);
    assert.deepEqual(rememberedDecision(again, [{ ...denied, id: 15 }, allowed, again], startPlus(1000))?.is, "approved");
  });
});

suite("one question", () => {
  const elsewhere: Mitigation = { ...pending, id: 9, devices: [laptop] };
  test("is about the same devices, whatever their order; the oldest request comes first", () => {
    const both = { ...pending, id: 20, devices: [laptop, camera] };
    assert.deepEqual(questionAbout([camera], [again, elsewhere, pending, denied, active]).map(({ id }) => id), [17, 18]);
    assert.deepEqual(questionAbout([camera, laptop], [both, pending]).map(({ id }) => id), [20]);
    assert.deepEqual(questionAbout([], [{ ...pending, devices: [] }]), []);
  });

  test("has one deadline: a request that joins it does not begin anew", () => {
    const decision = { is: "ask", action: "block", devices: [camera] } as const;
    const found = (deadline?: WallInstant): WallInstant | null =>
      step(watching, { is: "found", devices: [camera], decision, ...(deadline === undefined ? {} : { deadline }) }, askPolicy, startPlus(600_000)).mitigation
        .deadline;
    assert.equal(found(startPlus(900_000)), startPlus(900_000));
    assert.equal(found(), startPlus(1_500_000));
  });
});
