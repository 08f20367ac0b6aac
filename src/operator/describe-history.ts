import type { HistoryEntry } from "../model/history.ts";
import { formatTime } from "../text/format-time.ts";

export interface HistoryView extends Omit<HistoryEntry, "at"> {
  readonly at: string;
}

/** An entry of the history as `history --json` shows it. */
export function describeHistory(entry: HistoryEntry): HistoryView {
  const { at, devices, dropped, ...rest } = entry;
  return {
    at: formatTime(at),
    ...rest,
    devices: devices.map(({ mac, name }) => ({ mac, name })),
    dropped: dropped && { packets: dropped.packets, bytes: dropped.bytes },
  };
}
