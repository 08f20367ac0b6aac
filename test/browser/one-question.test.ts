import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Device } from "../../src/model/device.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { questionAbout } from "../../src/model/question.ts";
import { describeMitigation, type MitigationView } from "../../src/operator/describe-mitigation.ts";
import { active, camera, laptop, pending, unknownDevice } from "../policy/samples.ts";
import { pageModules } from "./page-modules.ts";

// The page groups what it is given, things in force too; the daemon answers for a question as a whole. One click must mean the same to both.
test("what the page shows as one question is one to the daemon", () => {
  const { things } = pageModules();
  const twoAddresses: Device = { ...unknownDevice, addresses: ["192.168.1.99", "192.168.1.100"] };
  const devices = fc.shuffledSubarray<Device>([camera, { ...laptop, addresses: [] }, unknownDevice, twoAddresses, {
    ...twoAddresses,
    addresses: [...twoAddresses.addresses].reverse(),
  }], { maxLength: 3 });
  const mitigations = fc.array(fc.record({ of: fc.constantFrom(pending, pending, active), devices }), { maxLength: 6 })
    .map((all) => all.map((each, at): Mitigation => ({ ...each.of, id: at + 1, devices: each.devices })));
  fc.assert(fc.property(mitigations, (all) => {
    const shown = things["thingsOf"]?.(all.map((each) => describeMitigation(each)), "2026-11-21T12:40:00.000Z") as readonly {
      readonly kind: string;
      readonly group: readonly MitigationView[];
    }[];
    const asked = shown.filter(({ kind }) => kind === "asks").map(({ group }) => group.map(({ id }) => id));
    const open = all.filter(({ state }) => state === "pending");
    const questions = open.map((each) => (each.devices.length === 0 ? [each] : questionAbout(each.devices, all)).map(({ id }) => id));
    assert.deepEqual(asked, questions.filter(([first], at) => first === open[at]?.id));
  }), { numRuns: 500 });
});
