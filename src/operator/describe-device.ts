import type { MacAddress } from "../model/device.ts";
import type { MitigationId } from "../model/mitigation.ts";
import type { WallInstant } from "../model/time.ts";
import { formatTimeOrNull } from "../text/format-time.ts";

/** What is remembered of a device that was ever named in a request. */
export interface KnownDevice {
  readonly mac: MacAddress;
  readonly name: string | null;
  /** Who made it, by its MAC address. */
  readonly vendor: string | null;
  readonly addresses: readonly string[];
  readonly port: string | null;
  /** What holds for it next time ... */
  readonly policy: "ask" | "auto" | "never";
  /** ... and who said so: the owner by a command, the configuration file, or nobody (globals). */
  readonly policyFrom: "owner" | "config" | "default";
  /** Requests that named it. */
  readonly requests: number;
  readonly lastRequestAt: WallInstant | null;
  /** Mitigations that act on it now. */
  readonly stoppedBy: readonly MitigationId[];
}

export interface DeviceView extends Omit<KnownDevice, "policyFrom" | "lastRequestAt" | "stoppedBy"> {
  readonly policy_from: "owner" | "config" | "default";
  readonly last_request_at: string | null;
  readonly stopped_by: readonly number[];
}

/** A known device as the CONTRACT's JSON shows it. */
export function describeDevice(device: KnownDevice): DeviceView {
  const { mac, name, vendor, addresses, port, policy, requests } = device;
  return {
    mac,
    name,
    vendor,
    addresses: [...addresses],
    port,
    policy,
    policy_from: device.policyFrom,
    requests,
    last_request_at: formatTimeOrNull(device.lastRequestAt),
    stopped_by: [...device.stoppedBy],
  };
}
