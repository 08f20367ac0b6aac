import type { Flow, LookupDepth } from "../model/flow.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";
import { mergeSightings } from "./match/merge-sightings.ts";
import type { Search } from "./journal/search-journal.ts";

/** The two witnesses that remember flows. The third, the kernel at work, is asked for a mitigation, not for flows. */
export interface Witnesses {
  readonly journal: {
    search(asked: AttackFlows, options: { readonly nearMisses: number }): Search;
    vouches(): boolean;
  };
  /** May fail. */
  readonly table: (asked: AttackFlows) => Promise<readonly Flow[]>;
}

const nearMissesToExplain = 256;

/**
 * The flows that may be the reported ones. The journal answers first. The table is asked as well where it can know more: the
 * journal has missed something, or found several devices, that only counters of this moment can rank; or where somebody wants
 * those counters, or an explanation.
 */
export async function askWitnesses(asked: AttackFlows, { journal, table }: Witnesses, depth: LookupDepth): Promise<readonly Flow[]> {
  const { flows } = journal.search(asked, { nearMisses: depth === "explain" ? nearMissesToExplain : 0 });
  const several = new Set(flows.map(({ original, reply, sighting }) => sighting?.opener === "target" ? reply.src : original.src)).size > 1;
  if (depth === "quick" && journal.vouches() && !several) return flows;
  try {
    return mergeSightings(flows, await table(asked));
  } catch (error) {
    // What the journal knows is no less true.
    if (flows.length > 0) return flows;
    throw error;
  }
}
