import type { Flow } from "../../model/flow.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";
import { wireMatcher, wireViews } from "./wire-view.ts";

/** Flows held for one device and direction; the counters of further ones are added to the last of them. */
const mostOfADevice = 1024;
/** Flows held in all. A device that floods with a flow a packet must not push the others out, nor eat the router's memory. */
const mostHeld = 4096;
/** Flows held that differ in what was reported, to explain why they were not it. */
const mostNearMisses = 256;

export interface Candidates {
  /** Takes note of an entry of connection tracking. */
  readonly add: (flow: Flow) => void;
  readonly flows: () => readonly Flow[];
  /** Entries that could be the reported flows, held or not. */
  readonly count: number;
  /** Entries of other devices that were not held at all, because of their number. */
  readonly leftOut: number;
}

/**
 * Gathers the flows that may be the reported ones from a whole table, in bounded memory. All packets and bytes of a device are
 * kept in the sum; only its number of flows stops growing at 1,024.
 */
export function gatherCandidates(asked: AttackFlows): Candidates {
  const compare = wireMatcher(asked);
  const held: Flow[] = [];
  const nearMisses: Flow[] = [];
  const places = new Map<string, number[]>();
  let count = 0;
  let leftOut = 0;

  const hold = (flow: Flow, key: string): void => {
    count += 1;
    const own = places.get(key);
    const last = own?.at(-1);
    const before = last === undefined ? undefined : held[last];
    if (own && last !== undefined && before && (own.length >= mostOfADevice || held.length >= mostHeld)) held[last] = addCounters(before, flow);
    else if (held.length >= mostHeld) leftOut += 1;
    else {
      const place = held.push(flow) - 1;
      if (own) own.push(place);
      else places.set(key, [place]);
    }
  };

  return {
    add(flow) {
      let near = false;
      for (const view of wireViews(flow)) {
        const verdict = compare(view);
        if (verdict?.is === "fits") {
          hold(flow, `${view.deviceAddress} ${view.opener}`);
          return;
        }
        near ||= verdict !== undefined;
      }
      if (near && nearMisses.length < mostNearMisses) nearMisses.push(flow);
    },
    flows: () => [...held, ...nearMisses],
    get count() {
      return count;
    },
    get leftOut() {
      return leftOut;
    },
  };
}

function addCounters(flow: Flow, further: Flow): Flow {
  return {
    ...flow,
    originalPackets: flow.originalPackets + further.originalPackets,
    originalBytes: flow.originalBytes + further.originalBytes,
    replyPackets: flow.replyPackets + further.replyPackets,
    replyBytes: flow.replyBytes + further.replyBytes,
  };
}
