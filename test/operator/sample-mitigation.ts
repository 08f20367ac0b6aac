import { parseIpPrefix, type IpPrefix } from "../../src/model/ip-prefix.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { seconds, wallInstant } from "../../src/model/time.ts";

export const requestedAt = Date.parse("2026-11-21T20:20:00Z");

/** A camera, found for sure, attacks a web server; the owner has not answered yet. */
export const sampleMitigation: Mitigation = {
  id: 17,
  request: {
    upstream: "isp",
    cuid: "dz6pHjaADkaFTbjr0JGBpw",
    mid: 56,
    lifetime: seconds(3600),
    target: { prefixes: [prefix("198.51.100.9")], ports: [{ lower: 443, upper: 443 }], protocols: [6], fqdns: [], uris: [] },
    source: { prefixes: [prefix("203.0.113.7")], ports: [{ lower: 40000, upper: 40100 }], icmpTypes: [] },
  },
  state: "pending",
  outcome: null,
  status: 1,
  action: "block",
  decidedBy: null,
  requestedAt: wallInstant(requestedAt),
  expiresAt: wallInstant(requestedAt + 3_600_000),
  allowedUntil: null,
  startedAt: null,
  deadline: wallInstant(requestedAt + 900_000),
  terminatingPeriod: seconds(120),
  devices: [{
    mac: "aa:bb:cc:dd:ee:ff",
    name: "Kitchen camera",
    addresses: ["192.168.1.23"],
    port: "lan1",
    certainty: "exact",
    evidence: { flows: 101, packets: 90211, bytes: 51234567, firstSeen: wallInstant(requestedAt - 180_000), lastSeen: wallInstant(requestedAt) },
  }],
  dropped: { packets: 0, bytes: 0 },
  lastDropAt: null,
  conflict: null,
};

export function prefix(text: string): IpPrefix {
  const parsed = parseIpPrefix(text);
  if (!parsed) throw new Error(`not a prefix: ${text}`);
  return parsed;
}
