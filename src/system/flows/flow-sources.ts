import { askWitnesses } from "../../nat-lookup/ask-witnesses.ts";
import type { Flow } from "../../model/flow.ts";
import type { IpPrefix } from "../../model/ip-prefix.ts";
import type { FlowTable, Log } from "../../model/ports.ts";
import type { FlowJournal } from "./flow-journal.ts";
import type { ConntrackTable } from "./flow-table.ts";
import { errorText } from "../../text/error-text.ts";

export interface FlowMemory extends FlowTable {
  /** For `status`. */
  warnings(): readonly string[];
}

export interface FlowMemoryOptions {
  readonly table: ConntrackTable;
  readonly journal: FlowJournal;
  readonly log: Log;
}

/**
 * The table of flows that live, and the journal of those that did, as one. It answers also when neither can be asked: nobody is found
 * then, the request stays on watch, and the kernel witness names who sends.
 */
export function openFlowMemory({ table, journal, log }: FlowMemoryOptions): FlowMemory {
  let failure: string | undefined;
  return {
    async matching(asked, depth = "quick") {
      const readTable: FlowTable["matching"] = async (about) => {
        try {
          const flows = await table.matching(about, depth);
          failure = undefined;
          return flows;
        } catch (error) {
          const complaint = `the connection table cannot be read: ${errorText(error)}`;
          if (complaint !== failure) log("error", `${complaint}; it is tried again with the next request`);
          failure = complaint;
          return [];
        }
      };
      return askWitnesses(asked, { journal, table: readTable }, depth);
    },
    cut: (addresses, targets) => table.cut(addresses, targets, livingFlows(journal, targets)),
    remarks: () => [
      ...(failure === undefined ? [] : [failure]),
      journal.describe(),
      "kernel: it records who sends reported packets once there is a request for them, so it has no say in a lookup",
    ],
    warnings: () => (failure === undefined ? [] : [failure]),
  };
}

/** All living flows with these targets, where the journal is sure that it knows them all. */
function livingFlows(journal: FlowJournal, targets: readonly IpPrefix[]): readonly Flow[] | undefined {
  if (!journal.vouches()) return undefined;
  const { flows, count } = journal.search({
    source: { prefixes: [], ports: [], icmpTypes: [] },
    target: { prefixes: targets, ports: [], protocols: [], fqdns: [], uris: [] },
  });
  return count > flows.length ? undefined : flows.filter(({ sighting }) => sighting?.endedAt === null);
}
