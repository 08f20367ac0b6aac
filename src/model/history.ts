import type { Action, DropCount, MitigationId, Outcome } from "./mitigation.ts";
import type { WallInstant } from "./time.ts";

/** Something that was decided, or a mitigation that ended. */
export interface HistoryEntry {
  readonly at: WallInstant;
  readonly event: "approved" | "denied" | "released" | "ended" | "policy";
  /** Who made it happen: a person, the configuration, the upstream, or the clock. */
  readonly by: "owner" | "policy" | "upstream" | "time";
  /** Where it was a person: who, and how they came in. */
  readonly who: string | null;
  readonly via: "cli" | "ubus" | "mqtt" | null;
  /** Null for a policy. */
  readonly mitigation: MitigationId | null;
  readonly upstream: string | null;
  /** Where a mitigation ended. */
  readonly outcome: Outcome | null;
  readonly action: Action | null;
  readonly devices: readonly { readonly mac: string | null; readonly name: string | null }[];
  /** Prefixes of the target, as text. */
  readonly target: readonly string[];
  /** Where a mitigation ended: what it stopped. */
  readonly dropped: DropCount | null;
  /** In words, for the owner: `nobody answered within 15 minutes`. */
  readonly reason: string;
}

/** Entries that are kept; of each one's targets and devices. */
const [mostEntries, mostTargets, mostDevices] = [200, 8, 8];
/** About 600 bytes an entry with eight devices; it is in the state file, and written with it. */
const mostBytes = 128 * 1024;

/**
 * The history with one entry more, the oldest first. Where there is no room, whoever fills most of it makes way: an upstream's entries push out
 * its own, not those of others nor the owner's decisions.
 */
export function withEntry(history: readonly HistoryEntry[], entry: HistoryEntry): readonly HistoryEntry[] {
  const { target, devices } = entry;
  const more = target.length <= mostTargets
    ? entry
    : { ...entry, target: [...target.slice(0, mostTargets - 1), `and ${target.length - mostTargets + 1} more`] };
  const kept = [...history, devices.length <= mostDevices
    ? more
    : { ...more, devices: [...devices.slice(0, mostDevices - 1), { mac: null, name: `${devices.length - mostDevices + 1} more` }] }];
  const sizes = kept.map(sizeOf);
  let bytes = sizes.reduce((sum, size) => sum + size, 0);
  while (kept.length > mostEntries || (bytes > mostBytes && kept.length > 1)) {
    const filled = new Map<string, number>();
    for (const [at, each] of kept.entries()) filled.set(partyOf(each), (filled.get(partyOf(each)) ?? 0) + (sizes[at] ?? 0));
    const [fullest] = [...filled].reduce((most, each) => (each[1] > most[1] ? each : most));
    const oldest = kept.findIndex((each) => partyOf(each) === fullest);
    kept.splice(oldest, 1);
    bytes -= sizes.splice(oldest, 1)[0] ?? 0;
  }
  return kept;
}

/** Who made it come about. */
function partyOf({ by, upstream }: HistoryEntry): string {
  return by === "owner" ? "" : upstream ?? "";
}

/** In the file, about. */
function sizeOf(entry: HistoryEntry): number {
  return JSON.stringify(entry).length;
}
