import type { AttackReport } from "../model/attack-report.ts";
import type { Device } from "../model/device.ts";
import type { Action, DropCount, Mitigation, Outcome } from "../model/mitigation.ts";
import type { Seconds, WallInstant } from "../model/time.ts";
import type { Decision } from "./decide.ts";

/** What can happen to a mitigation. */
export type MitigationEvent =
  | {
    readonly is: "found";
    readonly devices: readonly Device[];
    readonly decision: Decision; /** End of the question that it joins. */
    readonly deadline?: WallInstant | null;
  }
  | { readonly is: "approved"; readonly action: Action | null; /** Null = as long as the request lives. */ readonly seconds: Seconds | null }
  /** All of its devices, with their addresses of now. */
  | { readonly is: "followed"; readonly devices: readonly Device[] }
  /** The packets have shown who sends them: all of its devices, those that were named wrongly, and what may be done now. */
  | { readonly is: "witnessed"; readonly devices: readonly Device[]; readonly cleared: readonly Device[]; readonly decision: Decision }
  /** Devices that the owner, from now on, wants never to be touched. */
  | { readonly is: "spared"; readonly devices: readonly Device[] }
  | { readonly is: "denied" | "released" | "withdrawn" | "overridden" | "enforced" | "time" }
  /** The upstream says so (RFC 9132 §4.4.3), and no further device was found. */
  | { readonly is: "still-attacked" }
  | { readonly is: "refreshed"; /** Null = as before. */ readonly lifetime: Seconds | null; readonly report?: AttackReport | null }
  | { readonly is: "counted"; readonly dropped: DropCount; /** Reported traffic that left all the same. */ readonly leaked?: DropCount };

/** What the pipeline has to do after a step; it decides none of it. */
export type Effect =
  | "enforce" // make the packet filter hold what the mitigations now need
  | "cut-flows" // end the flows under way between device and target
  | "notify-upstream"
  | "tell-owner"
  | "keep-no" // the owner's no to its devices and target holds from now on
  | "lift-no" // ... and no longer
  | "remember"; // write to saved state and history

export interface Step {
  readonly mitigation: Mitigation;
  readonly effects: readonly Effect[];
}

/** Whether the packet filter holds rules for it. */
export function isEnforced(mitigation: Mitigation): boolean {
  return (mitigation.state === "active" || mitigation.state === "terminating") && mitigation.action !== "observe";
}

/** It is over; all hear of it. `code` is the status for the upstream (RFC 9132 table 3). */
export function end(mitigation: Mitigation, outcome: Outcome, code: Mitigation["status"], now: WallInstant): Step {
  const effects: Effect[] = ["notify-upstream", "tell-owner", "remember"];
  return { mitigation: { ...mitigation, state: "ended", outcome, status: code, deadline: null, endedAt: now }, effects: ["enforce", ...effects] };
}

/** The event does not apply. */
export function unchanged(mitigation: Mitigation): Step {
  return { mitigation, effects: [] };
}
