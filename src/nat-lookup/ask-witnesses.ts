import type { Flow } from "../model/flow.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";
import { mergeSightings } from "./merge-sightings.ts";
import type { Search } from "./search-journal.ts";

/** The two witnesses that remember flows. The third, the kernel at work, is asked for a mitigation, not for flows. */
export interface Witnesses {
  readonly journal: {
    search(asked: AttackFlows, options: { readonly nearMisses: number }): Search;
    vouches(): boolean;
  };
  /** May fail. */
  readonly table: (asked: AttackFlows) => Promise<readonly Flow[]>;
  /** Entries of the table; undefined if that is not known. */
  readonly tableSize: () => number | undefined;
}

/** A table that is read in some 15 ms: then its counters are worth it, whatever the journal knows. */
export const smallTable = 8192;
const nearMissesToExplain = 256;

/**
 * The flows that may be the reported ones. The journal answers first. The table is asked as well where it can know more: the
 * journal has missed something, or found several devices, that only counters of this moment can rank; where it costs
 * little; or where somebody wants it explained.
 */
export async function askWitnesses(asked: AttackFlows, { journal, table, tableSize }: Witnesses, explain: boolean): Promise<readonly Flow[]> {
  const { flows } = journal.search(asked, { nearMisses: explain ? nearMissesToExplain : 0 });
  const several = new Set(flows.map(({ original, reply, sighting }) => sighting?.opener === "target" ? reply.src : original.src)).size > 1;
  if (!explain && journal.vouches() && !several && (tableSize() ?? Infinity) > smallTable) return flows;
  try {
    return mergeSightings(flows, await table(asked));
  } catch (error) {
    // What the journal knows is no less true.
    if (flows.length > 0) return flows;
    throw error;
  }
}
