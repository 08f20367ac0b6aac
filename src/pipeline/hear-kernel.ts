import type { Log } from "../model/ports.ts";
import type { Store } from "../memory/store.ts";
import type { ApplyEvent } from "./apply-event.ts";
import type { KnownNow } from "./attribute.ts";
import type { DecideAbout } from "./decide-about.ts";
import { followHeldDevices } from "./follow-held-devices.ts";
import type { Identify } from "./identify.ts";
import type { TrafficLook } from "./look-at-traffic.ts";
import type { PipelinePorts } from "./pipeline-ports.ts";
import type { RuleKeeperEvents } from "./rule-keeper.ts";
import type { SenderWatch } from "./watch-senders.ts";
import type { WallClock } from "../model/time.ts";

export interface HearKernelDeps {
  readonly clock: WallClock;
  readonly log: Log;
  readonly store: Store;
  readonly ports: Pick<PipelinePorts, "filter" | "wireless" | "notice">;
  readonly homeNow: () => Promise<KnownNow>;
  readonly decideAbout: DecideAbout;
  readonly apply: ApplyEvent;
  readonly identify: Pick<Identify, "counted" | "remember">;
  readonly senders: SenderWatch;
  readonly traffic: Pick<TrafficLook, "counted">;
}

/** What follows from what the kernel holds and counts: events of the mitigations, devices that are found, confirmed or followed. */
export function hearKernel({ clock, log, store, ports, homeNow, decideAbout, apply, identify, senders, traffic }: HearKernelDeps): RuleKeeperEvents {
  return {
    async renewing() {
      for (const [id, event] of await followHeldDevices({ clock, filter: ports.filter, store, homeNow, decideAbout })) {
        const changed = event.devices.filter(({ mac }) => !store.get(id)?.devices.some((device) => device.mac === mac));
        identify.remember(changed);
        for (const { mac } of changed) log("info", `mitigation ${id}: the device calls itself ${mac ?? ""} now`);
        await apply(id, event);
      }
    },
    enforced: (id) => apply(id, { is: "enforced" }),
    quarantined(devices) {
      ports.wireless?.ban(devices);
      ports.notice?.show(devices);
    },
    async counted(id, count) {
      traffic.counted(id, count);
      const { leaked, ...dropped } = count;
      // Of what is left alone only the traffic is of interest, and whether it is another device's.
      if (store.get(id)?.state === "ended") return senders.counted(id, leaked?.packets ?? 0);
      await apply(id, { is: "counted", dropped, ...(leaked ? { leaked } : {}) });
      await identify.counted(id, dropped.packets + (leaked?.packets ?? 0));
      await senders.counted(id, dropped.packets + (leaked?.packets ?? 0));
    },
  };
}
