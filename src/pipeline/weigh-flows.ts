import { actionOn } from "../model/acting.ts";
import type { Device } from "../model/device.ts";
import type { Flow } from "../model/flow.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import type { FlowTable, Log } from "../model/ports.ts";
import type { Store } from "../memory/store.ts";
import { withCounters } from "../nat-lookup/match/with-counters.ts";
import { errorText } from "../text/error-text.ts";
import type { HomeLookup } from "./attribute.ts";

export interface FlowWeighingDeps {
  readonly log: Log;
  readonly store: Store;
  readonly flows: Pick<FlowTable, "cut">;
  readonly lookup: Pick<HomeLookup, "lookup" | "devicesOf">;
  /** Evidence came after the mitigation was saved. */
  readonly save: () => void;
}

/** What devices have sent, as their flows had counted it. Both are done in the background: nobody waits for them. */
export interface FlowWeighing {
  /** Ends the flows of its devices. What they had counted becomes evidence. */
  cutFlows(mitigation: Mitigation): void;
  /** Reads the counters of living flows. */
  weighLater(id: MitigationId): void;
}

/** Has the flows of a mitigation's devices ended or read, and notes what they say in the store. */
export function createFlowWeighing({ log, store, flows, lookup, save }: FlowWeighingDeps): FlowWeighing {
  const addEvidence = (id: MitigationId, weighed: readonly Device[]): void => {
    const now = store.get(id);
    if (!now) return;
    store.put({ ...now, devices: withCounters(now.devices, weighed) });
    save();
  };
  const cut = async (mitigation: Mitigation): Promise<void> => {
    const { id, devices, request } = mitigation;
    // All of a quarantined device's: an offloaded flow to elsewhere would go on past the rules.
    const isQuarantined = (device: Device): boolean => actionOn(mitigation, device) === "quarantine";
    const quarantined = devices.filter(isQuarantined).flatMap(({ addresses }) => addresses);
    // Under an address that it has forged, those to the target.
    const others = [...devices.filter((device) => !isQuarantined(device)).flatMap(({ addresses }) => addresses),
      ...devices.flatMap(({ insteadOf }) => insteadOf?.address ?? [])];
    const ended: readonly Flow[] = [
      ...quarantined.length > 0 ? await flows.cut(quarantined, []) : [],
      ...others.length > 0 ? await flows.cut(others, request.target.prefixes) : [],
    ];
    if (ended.length > 0) addEvidence(id, await lookup.devicesOf(request, ended));
  };
  return {
    cutFlows(mitigation) {
      cut(mitigation).catch((error: unknown) => {
        log("warn", `mitigation ${mitigation.id}: could not end its open flows: ${errorText(error)}`);
      });
    },
    weighLater(id) {
      const mitigation = store.get(id);
      if (!mitigation || mitigation.devices.length === 0 || isWeighed(mitigation)) return;
      lookup.lookup(mitigation.request, { depth: "counters", isOnWatch: true, upstream: mitigation.request.upstream })
        .then(({ devices }) => {
          addEvidence(id, devices);
        })
        .catch((error: unknown) => {
          log("debug", `mitigation ${id}: could not read the counters of its flows: ${errorText(error)}`);
        });
    },
  };
}

/** Whether it is known what its devices have sent. */
export function isWeighed({ devices }: Mitigation): boolean {
  return devices.some(({ evidence }) => evidence.packets > 0);
}
