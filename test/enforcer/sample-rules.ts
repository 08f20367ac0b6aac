import type { EnforcementRule, ReportedFlows } from "../../src/model/enforcement.ts";
import { parseIpPrefix } from "../../src/model/ip-prefix.ts";
import type { AttackSource, AttackTarget } from "../../src/model/mitigation-request.ts";
import { seconds } from "../../src/model/time.ts";

export const camera = "02:00:00:00:00:17";

export function target(prefixes: readonly string[], more: Partial<AttackTarget> = {}): AttackTarget {
  const parsed = prefixes.map((text) => {
    const prefix = parseIpPrefix(text);
    if (!prefix) throw new Error(`not a prefix: ${text}`);
    return prefix;
  });
  return { prefixes: parsed, ports: [], protocols: [], fqdns: [], uris: [], ...more };
}

/** The camera, blocked for mitigation 17 from one host, but for what is said otherwise. */
export function rule(changes: Partial<EnforcementRule> = {}): EnforcementRule {
  return {
    mitigation: 17,
    action: "block",
    mac: camera,
    addresses: ["192.168.1.23"],
    target: target(["198.51.100.9"]),
    icmpTypes: [],
    packetsPerSecond: 10,
    timeout: seconds(120),
    ...changes,
  };
}

export function source(prefixes: readonly string[], more: Partial<AttackSource> = {}): AttackSource {
  return { prefixes: target(prefixes).prefixes, ports: [port(40000, 40100)], icmpTypes: [], ...more };
}

/** What an upstream reported for mitigation 17, to be dropped, but for what is said otherwise. */
export function reported(changes: Partial<ReportedFlows> = {}): ReportedFlows {
  return {
    mitigation: 17,
    action: "drop",
    target: target(["198.51.100.9"]),
    source: source(["203.0.113.7"]),
    packetsPerSecond: 10,
    sparesUnasked: true,
    senders: null,
    addresses: [],
    timeout: seconds(120),
    ...changes,
  };
}

export const port = (lower: number, upper = lower): { lower: number; upper: number } => ({ lower, upper });
