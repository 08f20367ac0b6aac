import type { EnforcementRule } from "./model/enforcement.ts";
import type { Flow } from "./model/flow.ts";
import type { HomeAddresses, Neighbour } from "./model/home.ts";
import type { IpPrefix } from "./model/ip-prefix.ts";
import type { AttackFlows } from "./model/mitigation-request.ts";
import type { DropCount, MitigationId } from "./model/mitigation.ts";
export type { Clock } from "./model/time.ts";

/** What the pipeline needs from the world. main.ts hands it the real ones, a test its own. */

export interface PacketFilter {
  /** Makes the kernel hold exactly these rules, in one transaction. */
  replaceRules(rules: readonly EnforcementRule[]): Promise<void>;
  /** Packets and bytes dropped so far, by mitigation. */
  readCounters(): Promise<ReadonlyMap<MitigationId, DropCount>>;
}

export interface FlowTable {
  /** Entries of connection tracking that could be the reported flows: more than asked is fine, fewer is not. */
  matching(asked: AttackFlows): Promise<readonly Flow[]>;
  /** Deletes the flows between a device's addresses and the target, so that offloaded ones end too. */
  cut(addresses: readonly string[], target: readonly IpPrefix[]): Promise<void>;
}

/** Who is who in the home, right now. */
export interface HomeDirectory {
  neighbours(): Promise<readonly Neighbour[]>;
  /** Names by MAC address, from leases and static hosts. */
  names(): Promise<ReadonlyMap<string, string>>;
  /** The bridge port that a MAC was last seen on. */
  port(mac: string): Promise<string | null>;
}

export interface HomeNetwork {
  addresses(): Promise<HomeAddresses>;
}

export interface Log {
  (level: "error" | "warn" | "info" | "debug", message: string): void;
}
