import type { Log, PacketFilter } from "../model/ports.ts";
import type { Store } from "../memory/store.ts";
import type { PipelineEvents } from "./pipeline-ports.ts";

/** What steps that are under way go through to change anything. */
export interface UntilStopped {
  readonly store: Store;
  readonly filter: PacketFilter;
  readonly events: PipelineEvents;
  readonly log: Log;
  readonly isStopped: () => boolean;
  readonly stop: () => void;
}

/**
 * Lets changes through until `stop`. A step awaits lookups and the kernel, so that it may go on after that: it reads what it wants, but changes
 * neither state nor rules nor memory, which is being written for the last time, and nobody hears of it.
 */
export function untilStopped(store: Store, { filter, log }: { readonly filter: PacketFilter; readonly log: Log }, events: PipelineEvents): UntilStopped {
  let stopped = false;
  const change = <Words extends readonly unknown[]>(work: (...words: Words) => void) => (...words: Words): void => {
    if (!stopped) work(...words);
  };
  return {
    store: {
      ...store,
      put: change((mitigation) => {
        store.put(mitigation);
      }),
      rememberDevice: change((device) => {
        store.rememberDevice(device);
      }),
      keepNos: change((nos) => {
        store.keepNos(nos);
      }),
    },
    filter: {
      ...filter,
      replaceRules: async (rules, reported) => {
        if (!stopped) await filter.replaceRules(rules, reported);
      },
    },
    events: {
      notifyUpstream: change((mitigation) => {
        events.notifyUpstream(mitigation);
      }),
      tellOwner: change((mitigation, event) => {
        events.tellOwner(mitigation, event);
      }),
      remember: change(() => {
        events.remember();
      }),
    },
    log: change(log),
    isStopped: () => stopped,
    stop() {
      stopped = true;
    },
  };
}
