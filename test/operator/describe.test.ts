import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { describeDevice } from "../../src/operator/describe-device.ts";
import { describeHistory } from "../../src/operator/describe-history.ts";
import { describeLookup } from "../../src/operator/describe-lookup.ts";
import { describeMitigation } from "../../src/operator/describe-mitigation.ts";
import { describeStatus } from "../../src/operator/describe-status.ts";
import { prefix, requestedAt, sampleMitigation } from "./sample-mitigation.ts";
import { wallInstant, type WallInstant } from "../../src/model/time.ts";

/** What a caller gets: the view after a trip through JSON. */
function json(view: object): unknown {
  return JSON.parse(JSON.stringify(view));
}

describe("a mitigation for the operator", () => {
  it("is the contract's JSON, names, order and all", () => {
    assert.equal(JSON.stringify(describeMitigation(sampleMitigation)), JSON.stringify({
      id: 17,
      upstream: "isp",
      cuid: "dz6pHjaADkaFTbjr0JGBpw",
      mid: 56,
      state: "pending",
      outcome: null,
      status: 1,
      action: "block",
      requested_at: "2026-11-21T20:20:00.000Z",
      expires_at: "2026-11-21T21:20:00.000Z",
      target: { prefixes: ["198.51.100.9/32"], ports: [[443, 443]], protocols: [6], fqdns: [], uris: [] },
      source: { prefixes: ["203.0.113.7/32"], ports: [[40000, 40100]], icmp_types: [] },
      devices: [{
        mac: "aa:bb:cc:dd:ee:ff",
        name: "Kitchen camera",
        addresses: ["192.168.1.23"],
        port: "lan1",
        certainty: "exact",
        evidence: { flows: 101, packets: 90211, bytes: 51234567, first_seen: "2026-11-21T20:17:00.000Z", last_seen: "2026-11-21T20:20:00.000Z" },
      }],
      dropped: { packets: 0, bytes: 0 },
    }));
  });

  it("has what the provider knows of the attack, where it has said something", () => {
    const talkers = [{ prefix: prefix("203.0.113.7"), ports: [{ lower: 40_000, upper: 40_100 }], icmpTypes: [{ lower: 8, upper: 8 }], isSpoofed: false }];
    const attacks = [{
      vendorId: 32_473,
      attackId: 77,
      description: "DNS amplification",
      severity: "high",
      startedAt: wallInstant(requestedAt),
      endedAt: null,
      talkers,
    }] as const;
    const { report } = describeMitigation({
      ...sampleMitigation,
      request: { ...sampleMitigation.request, report: { attacks, bitsPerSecond: 1.2e9, packetsPerSecond: null } },
    });
    assert.deepEqual(report && json(report), {
      attacks: [{
        vendor_id: 32_473,
        attack_id: 77,
        description: "DNS amplification",
        severity: "high",
        started_at: "2026-11-21T20:20:00.000Z",
        ended_at: null,
        talkers: [{ prefix: "203.0.113.7/32", ports: [[40_000, 40_100]], icmp_types: [[8, 8]], spoofed: false }],
      }],
      bits_per_second: 1.2e9,
      packets_per_second: null,
    });
  });

  it("ends when its lifetime or the owner's --for does, whichever is first", () => {
    const ends = (expiresAt: WallInstant | null, allowedUntil: WallInstant | null): string | null =>
      describeMitigation({ ...sampleMitigation, expiresAt, allowedUntil }).expires_at;
    const [sooner, later] = [wallInstant(requestedAt), wallInstant(requestedAt + 1000)];
    assert.deepEqual([ends(sooner, later), ends(later, sooner), ends(null, sooner), ends(sooner, null)], Array(4).fill("2026-11-21T20:20:00.000Z"));
    assert.equal(ends(null, null), null);
  });

  it("has null for what never ends, is unknown or was not seen", () => {
    const mitigation: Mitigation = {
      ...sampleMitigation,
      state: "ended",
      outcome: "withdrawn",
      status: 6,
      action: "observe",
      expiresAt: null,
      dropped: { packets: 7, bytes: 900 },
      request: {
        ...sampleMitigation.request,
        target: { prefixes: [prefix("2001:db8::/48")], ports: [], protocols: [], fqdns: ["example.org"], uris: ["https://example.org/"] },
        source: { prefixes: [prefix("2001:db8:1::7")], ports: [], icmpTypes: [{ lower: 128, upper: 129 }] },
      },
      devices: [{
        mac: null,
        name: null,
        addresses: ["2001:db8:1::7"],
        port: null,
        certainty: "ambiguous",
        evidence: { flows: 0, packets: 0, bytes: 0, firstSeen: null, lastSeen: null },
      }],
    };
    assert.deepEqual(json(describeMitigation(mitigation)), {
      id: 17,
      upstream: "isp",
      cuid: "dz6pHjaADkaFTbjr0JGBpw",
      mid: 56,
      state: "ended",
      outcome: "withdrawn",
      status: 6,
      action: "observe",
      requested_at: "2026-11-21T20:20:00.000Z",
      expires_at: null,
      target: { prefixes: ["2001:db8::/48"], ports: [], protocols: [], fqdns: ["example.org"], uris: ["https://example.org/"] },
      source: { prefixes: ["2001:db8:1::7/128"], ports: [], icmp_types: [[128, 129]] },
      devices: [{
        mac: null,
        name: null,
        addresses: ["2001:db8:1::7"],
        port: null,
        certainty: "ambiguous",
        evidence: { flows: 0, packets: 0, bytes: 0, first_seen: null, last_seen: null },
      }],
      dropped: { packets: 7, bytes: 900 },
    });
  });
});

describe("other views for the operator", () => {
  it("status", () => {
    assert.deepEqual(json(describeStatus({
      version: "0.1.0",
      startedAt: wallInstant(requestedAt),
      now: wallInstant(requestedAt + 61_999),
      upstreams: [
        { name: "isp", state: "connected", transport: "udp", peer: "192.0.2.1:4647", since: wallInstant(requestedAt), lastError: null, sessions: 1 },
        { name: "b", state: "backing-off", transport: null, peer: null, since: null, lastError: "no route", sessions: 0 },
      ],
      mitigations: [sampleMitigation, sampleMitigation, { ...sampleMitigation, state: "active" }],
      warnings: ["conntrack is missing"],
    })), {
      version: "0.1.0",
      uptime_seconds: 61,
      upstreams: [
        { name: "isp", state: "connected", transport: "udp", peer: "192.0.2.1:4647", since: "2026-11-21T20:20:00.000Z", last_error: null, sessions: 1 },
        { name: "b", state: "backing-off", transport: null, peer: null, since: null, last_error: "no route", sessions: 0 },
      ],
      mitigations: { pending: 2, active: 1, terminating: 0, ended: 0 },
      warnings: ["conntrack is missing"],
    });
  });

  it("status, when the clock went back", () => {
    const { uptime_seconds: uptime } = describeStatus({
      version: "0",
      startedAt: wallInstant(requestedAt),
      now: wallInstant(0),
      upstreams: [],
      mitigations: [],
      warnings: [],
    });
    assert.equal(uptime, 0);
  });

  it("a device", () => {
    assert.deepEqual(json(describeDevice({
      mac: "aa:bb:cc:dd:ee:ff",
      name: "Kitchen camera",
      vendor: "Espressif Inc.",
      addresses: ["192.168.1.23"],
      port: "lan1",
      policy: "never",
      policyFrom: "owner",
      requests: 3,
      lastRequestAt: wallInstant(requestedAt),
      stoppedBy: [17],
    })), {
      mac: "aa:bb:cc:dd:ee:ff",
      name: "Kitchen camera",
      vendor: "Espressif Inc.",
      addresses: ["192.168.1.23"],
      port: "lan1",
      policy: "never",
      requests: 3,
      policy_from: "owner",
      last_request_at: "2026-11-21T20:20:00.000Z",
      stopped_by: [17],
    });
  });

  it("history", () => {
    assert.deepEqual(json(describeHistory({
      at: wallInstant(requestedAt),
      event: "ended",
      by: "time",
      who: null,
      via: null,
      mitigation: 17,
      upstream: "isp",
      outcome: "denied",
      action: "block",
      devices: [{ mac: "aa:bb:cc:dd:ee:ff", name: null }],
      target: ["198.51.100.9/32"],
      dropped: { packets: 1, bytes: 2 },
      reason: "nobody answered",
    })), {
      at: "2026-11-21T20:20:00.000Z",
      event: "ended",
      by: "time",
      who: null,
      via: null,
      mitigation: 17,
      upstream: "isp",
      outcome: "denied",
      action: "block",
      devices: [{ mac: "aa:bb:cc:dd:ee:ff", name: null }],
      target: ["198.51.100.9/32"],
      dropped: { packets: 1, bytes: 2 },
      reason: "nobody answered",
    });
  });

  it("lookup", () => {
    const view = describeLookup({ devices: sampleMitigation.devices, routerItself: false, witnesses: [], would: ["ask"], why: ["a flow matched"] });
    assert.deepEqual([view.devices[0]?.mac, view.router_itself, view.would, view.why], ["aa:bb:cc:dd:ee:ff", false, ["ask"], ["a flow matched"]]);
  });
});
