import type { MacAddress } from "../model/device.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import type { FlowTable, HomeDirectory, HomeNetwork, Log, NoticePage, PacketFilter, WirelessClients } from "../model/ports.ts";
import type { MitigationEvent } from "../policy/mitigation-step.ts";
import type { CameOver } from "../policy/other-wan.ts";
import type { SteadyClock, WallClock } from "../model/time.ts";

export interface PipelinePorts {
  readonly clock: WallClock;
  /** For what measures spans. */
  readonly steady: SteadyClock;
  readonly filter: PacketFilter;
  readonly flows: FlowTable;
  readonly directory: HomeDirectory;
  readonly network: HomeNetwork;
  readonly wireless?: WirelessClients;
  readonly notice?: NoticePage;
  /** Addresses that manage this router now. */
  readonly managing?: () => Promise<ReadonlySet<string>>;
  /** What is known of the session of an upstream. */
  readonly cameOver?: (upstream: string) => CameOver;
  readonly log: Log;
}

/** Those who are told; the pipeline does not know who they are. */
export interface PipelineEvents {
  notifyUpstream(mitigation: Mitigation): void;
  tellOwner(mitigation: Mitigation, event: MitigationEvent["is"]): void;
  /** Something changed that must outlive the daemon. */
  remember(): void;
}

/** What the configuration says, as it is now; a reload changes it. */
export interface PipelineSettings {
  readonly policy: Policy;
  readonly ownerNames: ReadonlyMap<MacAddress, string>;
}
