import type { EnforcementRule, FilterCount, QuarantinedDevice, ReportedTraffic, ObservedSender } from "./enforcement.ts";
import type { Flow, LookupDepth } from "./flow.ts";
import type { HomeAddresses, Infrastructure, Neighbour } from "./home.ts";
import type { IpPrefix } from "./ip-prefix.ts";
import type { AttackFlows } from "./mitigation-request.ts";
import type { MitigationId } from "./mitigation.ts";
export type { SteadyClock, Timer, WallClock } from "./time.ts";

/** What the pipeline needs from the world. main.ts hands it the real ones, a test its own. */

export interface PacketFilter {
  /** Makes the kernel hold exactly these rules, and watch for this traffic, in one transaction. */
  replaceRules(rules: readonly EnforcementRule[], reported?: ReportedTraffic): Promise<void>;
  /** Packets and bytes dropped so far, and those that left, by mitigation. */
  readCounters(how?: { /** The owner waits for it. */ readonly isUrgent: boolean }): Promise<ReadonlyMap<MitigationId, FilterCount>>;
  /** Calls back when the kernel may not hold any more what it was given, until the returned function is called. */
  watch(disturbed: (why: Disturbance) => void): () => void;
  /** Who sent the traffic that was reported. */
  readWitness(mitigation: MitigationId): Promise<readonly ObservedSender[]>;
  /** What this kernel cannot do of what was asked; for the owner. */
  warnings(): readonly string[];
}

/** Another program has changed our rules; or nobody could have noticed for a while, as what watches over them had ended and runs again. */
export type Disturbance = "changed" | "unwatched";

/** Access points on this router, which pass frames between their clients past every hook. */
export interface WirelessClients {
  /**
   * Bans exactly these, in the background. Asked again at every renewal, some minutes apart: a ban that runs out by itself is
   * set again.
   */
  ban(devices: readonly QuarantinedDevice[]): void;
}

/** Where somebody at a device that is cut off reads why nothing works. */
export interface NoticePage {
  /** These are cut off now; without any there is no page. */
  show(devices: readonly QuarantinedDevice[]): void;
}

export interface FlowTable {
  /** Flows that could be the reported ones, those that ended lately included: more than asked is fine, fewer is not. */
  matching(asked: AttackFlows, depth?: LookupDepth): Promise<readonly Flow[]>;
  /** What it can know and what not, for the owner who asks why. */
  remarks?(): readonly string[];
  /** Deletes the flows between a device's addresses and the target, so that offloaded ones end too: those, with what they had counted. */
  cut(addresses: readonly string[], target: readonly IpPrefix[]): Promise<readonly Flow[]>;
}

/** The devices of the home and their addresses, right now. */
export interface HomeDirectory {
  neighbours(): Promise<readonly Neighbour[]>;
  /** Names by MAC address, from leases, static hosts, and what others know. */
  names(): Promise<ReadonlyMap<string, string>>;
  /** Who made the device; null if that is not known. */
  vendor?(mac: string): string | null;
  /** The Wi-Fi that a MAC is on (`Wi-Fi "home"`), or the bridge port that it was last seen on. */
  port(mac: string): Promise<string | null>;
}

export interface HomeNetwork {
  addresses(): Promise<HomeAddresses>;
  infrastructure(): Promise<Infrastructure>;
}

export interface Log {
  (level: "error" | "warn" | "info" | "debug", message: string): void;
}

/** A file that is replaced whole or not at all. One that could neither be read nor set aside is never written over. */
export interface StateFile {
  readonly path: string;
  /** Undefined if there is none yet; throws if it cannot be read. */
  read(): string | undefined;
  /** When it returns, a power cut can no longer undo it. Throws if it cannot be written (read-only or full disk); the old content is then still there. */
  write(text: string): void;
  /** Renames a file that cannot be used, so that nobody loses it; returns its new name. */
  setAside(): string;
}
