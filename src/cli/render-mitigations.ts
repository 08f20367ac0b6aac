import { escapeText } from "../text/escape-text.ts";
import type { LeftAloneView, MitigationView } from "../operator/describe-mitigation.ts";
import type { DecidedView } from "../operator/methods.ts";
import type { WallInstant } from "../model/time.ts";
import { headlineReport } from "../operator/headline-report.ts";
import { alignColumns } from "./table.ts";
import { formatAgo, formatCount, formatUntil, nameDevice, nameDevices, nameTarget } from "./words.ts";

/** `list` and `pending`; `state` is what was asked for, null = all. */
export function renderMitigations(mitigations: readonly MitigationView[], state: string | null, now: WallInstant): string[] {
  if (mitigations.length === 0) {
    if (state === "pending") return ["No question is waiting for you."];
    return [state === null ? "Nobody has asked to stop anything." : `No request is ${state}.`];
  }
  const rows = mitigations.map((mitigation) => [
    String(mitigation.id),
    mitigation.outcome === null ? mitigation.state : `${mitigation.state} (${mitigation.outcome})`,
    mitigation.acts_as === undefined ? mitigation.action : `${mitigation.acts_as} (${mitigation.action} once its packets are seen)`,
    nameDevices(mitigation.devices),
    nameTarget(mitigation.target),
    formatAgo(mitigation.requested_at, now),
    mitigation.state === "ended" ? "-" : mitigation.expires_at === null ? "when withdrawn" : formatUntil(mitigation.expires_at, now),
    formatCount(mitigation.dropped.packets),
  ]);
  const waiting = mitigations.filter((mitigation) => mitigation.state === "pending");
  return [
    ...alignColumns([["ID", "STATE", "ACTION", "DEVICE", "TARGET", "ASKED", "ENDS", "PACKETS STOPPED"], ...rows]),
    ...mitigations.filter(({ state }) => state !== "ended").flatMap((mitigation) =>
      [...quoteReport(mitigation, now), ...explainForged(mitigation)].map((line) => `${mitigation.id}: ${line}`)
    ),
    ...mitigations.flatMap(explainLeftAlone),
    ...(waiting.length === 0 ? [] : ["", ...askFor(waiting)]),
  ];
}

const severities = { low: "mild", medium: "moderate", high: "severe" } as const;

/** What the provider knows of the attack. */
function quoteReport({ report }: MitigationView, now: WallInstant): string[] {
  const headline = report && headlineReport(report);
  if (!headline) return [];
  const { what, severity, startedAt, rate } = headline;
  const parts = [what ?? "an attack", severity && severities[severity], startedAt && `began ${formatAgo(startedAt, now)}`, rate && `${rate} at the target`];
  return [`The internet provider reports: ${parts.filter((part) => part !== null).join(", ")}.`];
}

/** Why it is another device than the one that was named at first. */
function explainForged({ devices }: MitigationView): string[] {
  return devices.flatMap((device) => {
    const { instead_of: before } = device;
    return before === undefined
      ? []
      : [`The packets carry the address ${escapeText(before.address)} of ${nameDevice(before)}, but come from ${nameDevice(device)}.`];
  });
}

const whyLeftAlone: Readonly<Record<LeftAloneView["why"], string>> = {
  "denied": "you said that it is no attack",
  "undone": "you undid the block",
  "time-over": "the time that you gave the block is over",
  "taken-back": "you took back what you had said",
  "unanswered": "nobody answered in time",
  "other-no": "you said no to another request about it",
  "never": "this device is never to be touched",
  "protected": "never_block protects it",
};

/** What goes on, as the owner wants it, though the upstream still asks: and what would stop it after all. */
function explainLeftAlone({ id, upstream, left_alone: left, devices }: MitigationView): string[] {
  if (!left) return [];
  const block = `dots-callhome approve ${id}`;
  const then = left.why === "protected" ? "" : left.why === "denied"
    ? `dots-callhome release ${id}, then ${block}`
    : left.why === "never"
    ? `dots-callhome policy ${devices[0]?.mac ?? "MAC"} ask, then ${block}`
    : block;
  return [`${id}: ${escapeText(upstream)} still asks, but ${whyLeftAlone[left.why]}.${then === "" ? "" : ` To block it after all: ${then}`}`];
}

/** What can be answered, and how. */
function askFor(waiting: readonly MitigationView[]): string[] {
  const [first] = waiting;
  if (!first) return [];
  const id = waiting.length === 1 ? String(first.id) : "ID";
  return alignColumns([
    ["To stop it:", `dots-callhome approve ${id}`],
    ["If it is no attack:", `dots-callhome deny ${id}`],
  ]);
}

const done = { block: "Blocked", limit: "Slowed down", quarantine: "Cut off from the network", observe: "Only watched" } as const;

/** What became of a decision: done, until when, and how to undo it. */
export function renderDecision(decision: "approve" | "deny" | "release", mitigation: DecidedView, now: WallInstant): string[] {
  const also = mitigation.also ?? [];
  const more = also.length === 0
    ? []
    : [`The same answer went to ${also.length === 1 ? "another request" : `${also.length} other requests`} about this device: ${also.join(", ")}.`];
  return [...renderOne(decision, mitigation, now), ...more];
}

function renderOne(decision: "approve" | "deny" | "release", mitigation: MitigationView, now: WallInstant): string[] {
  const who = nameDevices(mitigation.devices);
  const target = nameTarget(mitigation.target);
  switch (decision) {
    case "approve": {
      // Nobody is cut off yet; what the upstream reported is dropped where it leaves the home.
      if (mitigation.devices.length === 0)
        return [`Approved, and waiting for the device to be found -> ${target}`,
          `Until then what was reported is stopped where it leaves your home. To undo: dots-callhome release ${mitigation.id}`];
      // Status 1 after an approval: the packet filter has not taken the rules. Saying otherwise would be a lie.
      if (mitigation.status === 1 && mitigation.devices.length > 0)
        return [`Approved, but not in force yet: ${who} -> ${target}`, "What is in the way: dots-callhome status"];
      const until = mitigation.expires_at === null ? "when the internet provider says so" : formatUntil(mitigation.expires_at, now);
      return [`${done[mitigation.action]}: ${who} -> ${target}`, `Ends ${until}. To undo: dots-callhome release ${mitigation.id}`];
    }
    case "deny":
      return [`Left alone: ${who} -> ${target}`,
        `The internet provider (${escapeText(mitigation.upstream)}) is told that this is no attack. To undo: dots-callhome release ${mitigation.id}`];
    case "release":
      if (mitigation.outcome === "denied") return [`Taken back: ${who} -> ${target}`, "You are asked again next time your internet provider reports it."];
      return [`Released: ${who} -> ${target}`, "The device may send there again."];
  }
}
