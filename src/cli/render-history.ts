import type { HistoryView } from "../operator/describe-history.ts";
import type { Instant } from "../model/time.ts";
import { alignColumns } from "./table.ts";
import { formatAgo, formatCount, nameDevice, stripHostLength } from "./words.ts";

/** `history` */
export function renderHistory(history: readonly HistoryView[], now: Instant): string[] {
  if (history.length === 0) return ["Nothing has happened yet."];
  const rows = history.map((entry) => [
    formatAgo(entry.at, now),
    entry.mitigation === null ? "-" : String(entry.mitigation),
    entry.event === "ended" && entry.outcome !== null ? entry.outcome : entry.event,
    deciders[entry.by],
    entry.devices.map(nameDevice).join(", ") || "-",
    entry.target.map(stripHostLength).join(", ") || "-",
    entry.dropped === null ? "-" : formatCount(entry.dropped.packets),
    entry.reason,
  ]);
  return alignColumns([["WHEN", "ID", "WHAT", "BY", "DEVICE", "TARGET", "PACKETS STOPPED", "WHY"], ...rows]);
}

const deciders = { admin: "you", policy: "configuration", upstream: "upstream", time: "time" } as const;
