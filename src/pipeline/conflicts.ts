import type { Mitigation } from "../model/mitigation.ts";
import type { Store } from "../memory/store.ts";
import { conflictBetweenUpstreams, isSameConflict } from "../policy/conflict-between-upstreams.ts";

/** Upstreams hear of others that ask for the same, and of the end of that (RFC 9132 §4.4.2.1). */
export function noteConflicts(store: Pick<Store, "all" | "put">, notifyUpstream: (mitigation: Mitigation) => void): void {
  for (const mitigation of store.all()) {
    if (mitigation.state === "ended") continue;
    const conflict = conflictBetweenUpstreams(mitigation, store.all());
    if (isSameConflict(conflict, mitigation.conflict)) continue;
    store.put({ ...mitigation, conflict });
    notifyUpstream({ ...mitigation, conflict });
  }
}
