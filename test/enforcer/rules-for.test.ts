import assert from "node:assert/strict";
import { test } from "node:test";
import { reportedFor, rulesFor } from "../../src/enforcer/rules-for.ts";
import type { Device } from "../../src/model/device.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { camera, port, source, target } from "./sample-rules.ts";
import { seconds, wallInstant } from "../../src/model/time.ts";

const device: Device = {
  mac: camera,
  name: null,
  addresses: ["192.168.1.23"],
  port: "lan1",
  certainty: "exact",
  evidence: { flows: 1, packets: 1, bytes: 1, firstSeen: null, lastSeen: null },
};
const mitigation = (changes: Partial<Mitigation> = {}, request: Partial<Mitigation["request"]> = {}): Mitigation => ({
  id: 17,
  request: { upstream: "isp", cuid: "c", mid: 1, lifetime: seconds(60), target: target(["198.51.100.9"]), source: source(["203.0.113.7"]), ...request },
  state: "active",
  outcome: null,
  status: 1,
  action: "block",
  decidedBy: "policy",
  requestedAt: wallInstant(0),
  expiresAt: wallInstant(60_000),
  allowedUntil: null,
  startedAt: null,
  deadline: null,
  terminatingPeriod: seconds(120),
  devices: [device],
  dropped: { packets: 0, bytes: 0 },
  lastDropAt: null,
  conflict: null,
  ...changes,
});
const policy = { limitRate: 10, whilePending: "none", neverBlock: [], devices: [] } as const;
const reported = (one: Mitigation): unknown => {
  const [flows] = reportedFor([one], policy, wallInstant(0)).flows;
  return flows && [flows.action, flows.senders, flows.sparesUnasked];
};

const nobody: readonly Device[] = [];
const cases: readonly (readonly [string, Mitigation, unknown])[] = [
  ["asked, nobody found: watched", mitigation({ state: "pending", devices: nobody }), ["watch", null, true]],
  ["asked, somebody found: watched, whoever sends it", mitigation({ state: "pending" }), ["watch", null, false]],
  ["asked, somebody found, without ports: watched, whoever sends it", mitigation({ state: "pending" }, { source: source(["203.0.113.7"], { ports: [] }) }), [
    "watch",
    null,
    false,
  ]],
  ["automatic, nobody found: dropped, but for those to be asked", mitigation({ devices: nobody }), ["drop", null, true]],
  ["approved, nobody found: dropped", mitigation({ devices: nobody, decidedBy: "owner" }), ["drop", null, false]],
  ["found, with its ports: dropped, whoever sends it", mitigation(), ["drop", null, false]],
  ["found, without ports: of its device only", mitigation({}, { source: source(["203.0.113.7"], { ports: [] }) }), ["drop", [camera], false]],
  ["found, with all ports: of its device only", mitigation({}, { source: source(["203.0.113.7"], { ports: [port(1024, 65535)] }) }), ["drop", [camera], false]],
  ["found, ICMP: of its device only", mitigation({}, { target: target(["198.51.100.9"], { protocols: [1] }) }), ["drop", [camera], false]],
  ["found, a host's own IPv6 address: whoever sends it", mitigation({}, { source: source(["2001:db8::1"], { ports: [] }) }), ["drop", null, false]],
  ["found, an IPv6 prefix: of its device only", mitigation({}, { source: source(["2001:db8::/64"], { ports: [] }) }), ["drop", [camera], false]],
  ["found, without ports or MAC address: of its address only",
    mitigation({ devices: [{ ...device, mac: null }] }, { source: source(["203.0.113.7"], { ports: [] }) }), ["drop", [], false]],
  ["observed: watched", mitigation({ action: "observe" }), ["watch", null, false]],
  ["limited", mitigation({ action: "limit" }), ["limit", null, false]],
  ["quarantined: dropped", mitigation({ action: "quarantine" }), ["drop", null, false]],
  ["terminating: dropped", mitigation({ state: "terminating" }), ["drop", null, false]],
  ["ended: nothing", mitigation({ state: "ended" }), undefined],
];
for (const [title, one, expected] of cases)
  test(`reported traffic, ${title}`, () => {
    assert.deepEqual(reported(one), expected);
  });

test("never_block and device policies spare", () => {
  const { spared } = reportedFor([], {
    ...policy,
    neverBlock: [{ is: "mac", mac: "02:00:00:00:00:01" }, { is: "prefix", prefix: target(["192.168.1.2"]).prefixes[0] ?? assert.fail() }],
    devices: [{ mac: "02:00:00:00:00:02", policy: "never", action: null }, { mac: "02:00:00:00:00:03", policy: "ask", action: null }],
  }, wallInstant(0));
  assert.deepEqual(spared, {
    macs: ["02:00:00:00:00:02", "02:00:00:00:00:01"],
    prefixes: target(["192.168.1.2"]).prefixes,
    unaskedMacs: ["02:00:00:00:00:03"],
  });
});

test("a pending mitigation is limited only if the owner wants that", () => {
  const pending = mitigation({ state: "pending", deadline: wallInstant(900_000) });
  assert.deepEqual(rulesFor([pending], policy, wallInstant(0)), []);
  assert.deepEqual(rulesFor([pending], { ...policy, whilePending: "limit" }, wallInstant(0)).map(({ action, timeout }) => [action, timeout]), [["limit", 60]]);
});

test("a device that its address alone names has no rule of its own for two seconds: what it sends is held where it leaves, and seen there", () => {
  const [likely, owners] = [mitigation({ namedAt: wallInstant(0), devices: [{ ...device, certainty: "likely" }] }),
    mitigation({ namedAt: wallInstant(0), decidedBy: "owner", devices: [{ ...device, certainty: "likely" }] })];
  assert.deepEqual([rulesFor([likely], policy, wallInstant(0)).length, rulesFor([likely], policy, wallInstant(2_000)).length], [0, 1]);
  assert.deepEqual([rulesFor([mitigation()], policy, wallInstant(0)).length, rulesFor([owners], policy, wallInstant(0)).length], [1, 1],
    "certain, or approved");
  assert.equal(rulesFor([mitigation({ namedAt: wallInstant(0), devices: [{ ...device, mac: null, certainty: "likely" }] })], policy, wallInstant(0)).length, 1,
    "known by its address, it is held by that");
});

test("a quarantine that nobody was asked about only blocks a device that its address alone names", () => {
  const actions = (decidedBy: Mitigation["decidedBy"]): unknown =>
    rulesFor(
      [mitigation({ action: "quarantine", decidedBy, devices: [device, { ...device, mac: "02:00:00:00:00:18", certainty: "likely" }] })],
      policy,
      wallInstant(2_000),
    ).map(({ action }) => action);
  assert.deepEqual(actions("policy"), ["quarantine", "block"]);
  assert.deepEqual(actions("owner"), ["quarantine", "quarantine"]);
});
