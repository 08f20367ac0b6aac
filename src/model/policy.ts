import type { MacAddress } from "./device.ts";
import type { IpPrefix } from "./ip-prefix.ts";
import type { Action } from "./mitigation.ts";
import type { Seconds } from "./time.ts";

/** Something that is never cut off. */
export type Protected =
  | { readonly is: "prefix"; readonly prefix: IpPrefix }
  | { readonly is: "mac"; readonly mac: MacAddress };

/** What the owner said of one device; null = as for all. */
export interface DevicePolicy {
  readonly mac: MacAddress;
  readonly policy: "ask" | "auto" | "never" | null;
  readonly action: Exclude<Action, "observe"> | null;
}

/** What the owner wants done about requests: `config globals` and `config device` of the configuration. */
export interface Policy {
  readonly consent: "ask" | "auto" | "observe";
  readonly consentTimeoutSeconds: Seconds;
  readonly onTimeout: "deny" | "block";
  readonly whilePending: "none" | "limit";
  readonly action: Exclude<Action, "observe">;
  /** Packets a second. */
  readonly limitRate: number;
  readonly terminatingPeriodSeconds: Seconds;
  /** 0 = no cap. */
  readonly maxLifetimeSeconds: Seconds;
  /** In all: each of `upstreams` has an equal part of it. */
  readonly maxMitigations: number;
  readonly upstreams: readonly { readonly name: string }[];
  /** Prefix lengths: wider targets are refused. */
  readonly minTargetPrefix4: number;
  readonly minTargetPrefix6: number;
  /** Of all targets of a request together, an IPv6 /64 counted as one; replaces the two prefix lengths. 0 = they hold. */
  readonly maxTargetAddresses: number;
  readonly attackStoppedAfterSeconds: Seconds;
  readonly neverBlock: readonly Protected[];
  readonly allowInternalSources: boolean;
  readonly devices: readonly DevicePolicy[];
}
