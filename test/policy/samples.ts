import type { Device } from "../../src/model/device.ts";
import type { MitigationRequest } from "../../src/model/mitigation-request.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import type { Policy } from "../../src/model/policy.ts";
import { start, startPlus } from "../fake-clock.ts";
import { asking, type Words } from "../nat-lookup/asking.ts";
import { seconds } from "../../src/model/time.ts";

export const camera: Device = {
  mac: "02:00:00:00:0a:01",
  name: "Kitchen camera",
  addresses: ["192.168.1.21", "2001:db8:1::21"],
  port: "lan1",
  certainty: "exact",
  evidence: { flows: 3, packets: 1000, bytes: 60_000, firstSeen: null, lastSeen: null },
};
export const laptop: Device = { ...camera, mac: "02:00:00:00:0a:02", name: "Laptop", addresses: ["192.168.1.22"], port: "lan2" };
export const unknownDevice: Device = { ...camera, mac: null, name: null, addresses: ["192.168.1.99"], port: null, certainty: "likely" };

/** The defaults of the configuration, with consent 'auto'. */
export const autoPolicy: Policy = {
  consent: "auto",
  consentTimeoutSeconds: seconds(900),
  onTimeout: "deny",
  whilePending: "none",
  action: "block",
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
export const askPolicy: Policy = { ...autoPolicy, consent: "ask" };

/** A request, in the words of `asking`. */
export function requested(
  words: Words & { readonly upstream?: string; readonly cuid?: string; readonly mid?: number; readonly lifetime?: number } = {},
): MitigationRequest {
  const { upstream = "isp", cuid = "dz6pHjaADkaFTbjr0JGBpw", mid = 56, lifetime = 3600, ...rest } = words;
  return { upstream, cuid, mid, lifetime: seconds(lifetime), ...asking(rest) };
}

/** Active, found, not enforced yet. */
export const active: Mitigation = {
  id: 17,
  request: requested(),
  state: "active",
  outcome: null,
  status: 1,
  action: "block",
  decidedBy: "policy",
  requestedAt: start,
  expiresAt: startPlus(3_600_000),
  allowedUntil: null,
  startedAt: null,
  deadline: null,
  terminatingPeriod: seconds(120),
  devices: [camera],
  dropped: { packets: 0, bytes: 0 },
  lastDropAt: null,
  conflict: null,
};
export const enforced: Mitigation = { ...active, startedAt: startPlus(1_000) };
export const dropping: Mitigation = { ...enforced, status: 2, dropped: { packets: 100, bytes: 6_000 }, lastDropAt: startPlus(5_000) };
export const stopped: Mitigation = { ...dropping, status: 3 };
export const observing: Mitigation = { ...active, action: "observe" };
export const unattributed: Mitigation = { ...active, devices: [] };
export const terminating: Mitigation = { ...dropping, state: "terminating", status: 5, deadline: startPlus(120_000) };
export const watching: Mitigation = { ...active, state: "pending", decidedBy: null, devices: [] };
export const pending: Mitigation = { ...active, state: "pending", decidedBy: null, deadline: startPlus(900_000) };
export const ended: Mitigation = { ...dropping, state: "ended", outcome: "withdrawn", status: 6 };
