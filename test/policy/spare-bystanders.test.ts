import assert from "node:assert/strict";
import { test } from "node:test";
import type { Device } from "../../src/model/device.ts";
import { parseIpPrefix } from "../../src/model/ip-prefix.ts";
import type { Policy } from "../../src/model/policy.ts";
import { decide } from "../../src/policy/decide.ts";
import { sparingInfrastructure } from "../../src/policy/spare-bystanders.ts";
import { seconds } from "../../src/model/time.ts";

const policy: Policy = {
  consent: "auto",
  consentTimeoutSeconds: seconds(900),
  onTimeout: "deny",
  whilePending: "none",
  action: "quarantine",
  limitRate: 10,
  terminatingPeriodSeconds: seconds(120),
  maxLifetimeSeconds: seconds(86_400),
  maxMitigations: 256,
  upstreams: [{ name: "isp" }],
  minTargetPrefix4: 24,
  minTargetPrefix6: 48,
  maxTargetAddresses: 0,
  attackStoppedAfterSeconds: seconds(60),
  neverBlock: [],
  allowInternalSources: false,
  devices: [],
};
const device = (...addresses: string[]): Device => ({
  mac: "02:00:00:00:00:17",
  name: null,
  addresses,
  port: null,
  certainty: "exact",
  evidence: { flows: 1, packets: 1, bytes: 1, firstSeen: null, lastSeen: null },
});
const actionFor = (addresses: string[], managing: string[] = []): unknown => {
  const decision = decide([device(...addresses)], policy, new Set(managing));
  return "action" in decision ? decision.action : decision.is;
};

test("a device is quarantined where the owner says so, also with a new lease beside the old one, and with IPv6 addresses", () => {
  assert.equal(actionFor(["192.168.1.23", "192.168.1.24", "2001:db8::1", "2001:db8::2", "2001:db8::3"]), "quarantine");
});
test("a repeater with several devices behind it is not: only the target is cut off", () => {
  assert.equal(actionFor(["192.168.1.23", "192.168.1.24", "192.168.1.25"]), "block");
});
test("nor is the device that manages the router", () => {
  assert.equal(actionFor(["192.168.1.23"], ["192.168.1.23"]), "block");
  assert.equal(actionFor(["192.168.1.23"], ["192.168.1.24"]), "quarantine");
});
test("the router itself and its gateways are never touched", () => {
  const router = { macs: [], prefixes: [parseIpPrefix("192.168.1.1") ?? assert.fail()] };
  assert.equal(decide([device("192.168.1.1")], sparingInfrastructure(policy, router)).is, "reject");
  assert.deepEqual(decide([device("192.168.1.1"), device("192.168.1.23")], sparingInfrastructure(policy, router)).devices.map(({ addresses }) => addresses), [[
    "192.168.1.23",
  ]]);
  assert.equal(decide([device("192.168.1.23")], sparingInfrastructure(policy, { macs: ["02:00:00:00:00:17"], prefixes: [] })).is, "reject");
});
