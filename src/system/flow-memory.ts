import { askWitnesses } from "../nat-lookup/ask-witnesses.ts";
import type { FlowTable, Log } from "../ports.ts";
import { conntrackSettings, type ConntrackSettings } from "./conntrack-settings.ts";
import type { FlowJournal } from "./flow-journal.ts";
import { errorText } from "../text/error-text.ts";

export interface FlowMemory extends FlowTable {
  /** For `status`. */
  warnings(): readonly string[];
}

export interface FlowMemoryOptions {
  readonly table: FlowTable;
  readonly journal: FlowJournal;
  readonly log: Log;
  readonly settings?: ConntrackSettings;
}

/**
 * The table of flows that live, and the journal of those that did, as one. It answers also when neither can be asked: nobody is found
 * then, the request stays on watch, and the kernel witness names who sends.
 */
export function openFlowMemory({ table, journal, log, settings = conntrackSettings }: FlowMemoryOptions): FlowMemory {
  const tableSize = (): number | undefined => settings.read("nf_conntrack_count");
  let failure: string | undefined;
  return {
    async matching(asked, explain = false) {
      const readTable: FlowTable["matching"] = async (about) => {
        try {
          const flows = await table.matching(about);
          failure = undefined;
          return flows;
        } catch (error) {
          const complaint = `the connection table cannot be read: ${errorText(error)}`;
          if (complaint !== failure) log("error", complaint);
          failure = complaint;
          return [];
        }
      };
      return askWitnesses(asked, { journal, table: readTable, tableSize }, explain);
    },
    cut: (addresses, target) => table.cut(addresses, target),
    remarks: () => [
      ...(failure === undefined ? [] : [failure]), journal.describe(),
      "kernel: it records who sends reported packets once there is a request for them, so it has no say in a lookup",
    ],
    warnings: () => (failure === undefined ? [] : [failure]),
  };
}
