import type { Action, DropCount, MitigationId, Outcome } from "./mitigation.ts";
import type { Instant } from "./time.ts";

/** Something that was decided, or a mitigation that ended. */
export interface HistoryEntry {
  readonly at: Instant;
  readonly event: "approved" | "denied" | "released" | "ended" | "policy";
  /** Who made it happen: a person, the configuration, the upstream, or the clock. */
  readonly by: "admin" | "policy" | "upstream" | "time";
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
