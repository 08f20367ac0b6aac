import type { HistoryView } from "../operator/describe-history.ts";
import { escapeText } from "../text/escape-text.ts";
import type { WallInstant } from "../model/time.ts";
import { alignColumns } from "./table.ts";
import { formatAgo, formatCount, nameDevice, stripHostLength } from "./words.ts";

/** `history` */
export function renderHistory(history: readonly HistoryView[], now: WallInstant): string[] {
  if (history.length === 0) return ["Nothing has happened yet."];
  const rows = history.map((entry) => [
    formatAgo(entry.at, now),
    entry.mitigation === null ? "-" : String(entry.mitigation),
    entry.event === "ended" && entry.outcome !== null ? entry.outcome : entry.event,
    nameDecider(entry),
    entry.devices.map(nameDevice).join(", ") || "-",
    entry.target.map(stripHostLength).join(", ") || "-",
    entry.dropped === null ? "-" : formatCount(entry.dropped.packets),
    entry.reason,
  ]);
  return alignColumns([["WHEN", "ID", "WHAT", "BY", "DEVICE", "TARGET", "PACKETS STOPPED", "WHY"], ...rows]);
}

/** `root (command line)`; people have names since the history keeps them. */
function nameDecider({ by, who, via }: HistoryView): string {
  const way = via === null ? "" : ` (${ways[via]})`;
  return who === null ? `${deciders[by]}${way}` : `${escapeText(who)}${way}`;
}

const ways = { cli: "command line", ubus: "ubus", mqtt: "MQTT" } as const;
const deciders = { owner: "you", policy: "configuration", upstream: "upstream", time: "time" } as const;
