import { askWitnesses } from "../nat-lookup/ask-witnesses.ts";
import type { FlowTable } from "../ports.ts";
import { conntrackSettings, type ConntrackSettings } from "./conntrack-settings.ts";
import type { FlowJournal } from "./flow-journal.ts";

/** The table of flows that live, and the journal of those that did, as one. */
export function openFlowMemory(table: FlowTable, journal: FlowJournal, settings: ConntrackSettings = conntrackSettings): FlowTable {
  const tableSize = (): number | undefined => settings.read("nf_conntrack_count");
  return {
    matching: (asked, explain = false) => askWitnesses(asked, { journal, table: (flows) => table.matching(flows), tableSize }, explain),
    cut: (addresses, target) => table.cut(addresses, target),
    remarks: () => [journal.describe()],
  };
}
