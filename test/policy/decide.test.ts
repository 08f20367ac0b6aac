import assert from "node:assert/strict";
import { test } from "node:test";
import type { Device } from "../../src/model/device.ts";
import type { DevicePolicy, Policy } from "../../src/model/policy.ts";
import { decide } from "../../src/policy/decide.ts";
import { prefixes } from "../nat-lookup/asking.ts";
import { askPolicy, autoPolicy, camera, laptop, unknownDevice } from "./samples.ts";

const says = (device: Device, policy: DevicePolicy["policy"], action: DevicePolicy["action"] = null): DevicePolicy => ({
  mac: device.mac ?? "",
  policy,
  action,
});
const never = (text: string): Policy["neverBlock"] => prefixes(text).map((prefix) => ({ is: "prefix", prefix }));
const observe: Policy = { ...autoPolicy, consent: "observe" };
const unsure: Device = { ...camera, certainty: "ambiguous" };

const cases: readonly [what: string, devices: readonly Device[], policy: Policy, expected: string][] = [
  ["consent auto", [camera], autoPolicy, "act block camera"],
  ["consent ask", [camera], askPolicy, "ask block camera"],
  ["consent observe", [camera], observe, "observe camera"],
  ["observe, even a device that is never to be touched", [camera], { ...observe, devices: [says(camera, "never")] }, "observe camera"],
  ["nobody, auto", [], autoPolicy, "act block"],
  ["nobody, ask", [], askPolicy, "ask block"],
  ["nobody, observe", [], observe, "observe"],
  ["a device that is to be asked about", [camera], { ...autoPolicy, devices: [says(camera, "ask")] }, "ask block camera"],
  ["a device that may be stopped", [camera], { ...askPolicy, devices: [says(camera, "auto")] }, "act block camera"],
  ["a device that nothing was said of but its action", [camera], { ...askPolicy, devices: [says(camera, null, "quarantine")] }, "ask quarantine camera"],
  ["a device that is never to be touched", [camera], { ...autoPolicy, devices: [says(camera, "never")] }, "reject camera"],
  ["one of two that is never to be touched", [camera, laptop], { ...autoPolicy, devices: [says(camera, "never")] }, "act block laptop"],
  ["both", [camera, laptop], { ...autoPolicy, devices: [says(camera, "never"), says(laptop, "never")] }, "reject camera laptop"],
  ["never_block by MAC", [camera], { ...autoPolicy, neverBlock: [{ is: "mac", mac: camera.mac ?? "" }] }, "reject camera"],
  ["never_block by address", [camera], { ...autoPolicy, neverBlock: never("192.168.1.21") }, "reject camera"],
  ["never_block by prefix", [camera, laptop], { ...autoPolicy, neverBlock: never("192.168.1.16/29") }, "reject camera laptop"],
  ["never_block by its IPv6 address", [camera], { ...autoPolicy, neverBlock: never("2001:db8:1::/64") }, "reject camera"],
  ["never_block of another", [camera], { ...autoPolicy, neverBlock: never("192.168.1.99") }, "act block camera"],
  ["never_block of one without a MAC", [unknownDevice], { ...autoPolicy, neverBlock: never("192.168.1.99") }, "reject 192.168.1.99"],
  ["never_block wins over 'auto'", [camera], { ...askPolicy, neverBlock: never("192.168.1.21"), devices: [says(camera, "auto")] }, "reject camera"],
  ["several that could not be told apart", [unsure, { ...laptop, certainty: "ambiguous" }], autoPolicy, "ask block camera laptop"],
  ["ambiguous, though it may be stopped", [unsure], { ...askPolicy, devices: [says(camera, "auto")] }, "ask block camera"],
  ["likely is enough", [{ ...camera, certainty: "likely" }], autoPolicy, "act block camera"],
  ["one to be asked about makes it a question", [camera, laptop], { ...autoPolicy, devices: [says(laptop, "ask")] }, "ask block camera laptop"],
  ["one that may be stopped does not answer for the other", [camera, laptop], { ...askPolicy, devices: [says(laptop, "auto")] }, "ask block camera laptop"],
  ["the mildest action of several", [camera, laptop], { ...autoPolicy, action: "quarantine", devices: [says(laptop, null, "limit")] },
    "act limit camera laptop"],
  ["block is milder than quarantine", [camera, laptop], { ...autoPolicy, devices: [says(laptop, null, "quarantine")] }, "act block camera laptop"],
  ["a device's own action", [camera], { ...autoPolicy, devices: [says(camera, null, "quarantine")] }, "act quarantine camera"],
  ["the action of one that is left out does not count", [camera, laptop], { ...autoPolicy, devices: [says(laptop, "never", "limit")] }, "act block camera"],
];
for (const [what, devices, policy, expected] of cases) {
  test(`${what}: ${expected}`, () => {
    const decision = decide(devices, policy);
    const names = decision.devices.map((device) => ({ "Kitchen camera": "camera", Laptop: "laptop" })[device.name ?? ""] ?? device.addresses[0]);
    assert.equal([decision.is, ..."action" in decision ? [decision.action] : [], ...names].join(" "), expected);
  });
}
