import type { Mitigation } from "../../src/model/mitigation.ts";
import type { Policy } from "../../src/model/policy.ts";
import { step } from "../../src/policy/mitigation-machine.ts";
import type { MitigationEvent } from "../../src/policy/mitigation-step.ts";
import { startPlus } from "../fake-clock.ts";
import { active, askPolicy, camera, dropping, ended, enforced, observing, pending, stopped, terminating, unattributed, watching } from "./samples.ts";
import { seconds } from "../../src/model/time.ts";

/** Where a mitigation can stand, finer than its state: what an event does depends on it. */
const situations: readonly (readonly [string, Mitigation])[] = [
  ["pending, no device found yet", watching],
  ["pending, the owner is asked", pending],
  ["active, no device found yet", unattributed],
  ["active, only observed", observing],
  ["active, not yet in the packet filter", active],
  ["active, nothing dropped yet (status 1)", enforced],
  ["active, dropping (status 2)", dropping],
  ["active, the attack has stopped (status 3)", stopped],
  ["active, approved for an hour", { ...dropping, decidedBy: "owner", allowedUntil: startPlus(3_600_000), expiresAt: startPlus(7_200_000) }],
  ["terminating", terminating],
  ["ended", ended],
];

interface Happening {
  readonly title: string;
  readonly event: MitigationEvent;
  /** Seconds after the start. */
  readonly after?: number;
  readonly policy?: Partial<Policy>;
}

const devices = [camera];
const happenings: readonly Happening[] = [
  { title: "nobody found, must ask", event: { is: "found", devices: [], decision: { is: "ask", action: "block", devices: [] } } },
  { title: "found, never to be touched", event: { is: "found", devices, decision: { is: "reject", devices } } },
  { title: "found, only observe", event: { is: "found", devices, decision: { is: "observe", devices } } },
  { title: "found, may act", event: { is: "found", devices, decision: { is: "act", action: "block", devices } } },
  { title: "found, must ask", event: { is: "found", devices, decision: { is: "ask", action: "block", devices } } },
  { title: "owner approves", event: { is: "approved", action: null, seconds: null } },
  { title: "owner approves for an hour", event: { is: "approved", action: "limit", seconds: seconds(3600) } },
  { title: "owner denies", event: { is: "denied" } },
  { title: "owner releases", event: { is: "released" } },
  { title: "the device takes another address", event: { is: "followed", devices: [{ ...camera, addresses: ["192.168.1.77"] }] } },
  { title: "the device takes another MAC address", event: { is: "followed", devices: [camera, { ...camera, mac: "02:00:00:00:0a:99" }] } },
  { title: "owner wants the device never to be touched", event: { is: "spared", devices } },
  { title: "upstream withdraws", event: { is: "withdrawn" } },
  { title: "upstream replaces it", event: { is: "overridden" } },
  { title: "upstream refreshes it", event: { is: "refreshed", lifetime: seconds(3600) } },
  { title: "upstream is still under attack (drops stand still)", event: { is: "still-attacked" }, after: 60 },
  { title: "packet filter has taken the rules", event: { is: "enforced" } },
  { title: "more packets were dropped", event: { is: "counted", dropped: { packets: 200, bytes: 12_000 } } },
  { title: "no more packets were dropped", event: { is: "counted", dropped: { packets: 0, bytes: 0 } } },
  { title: "time passes, nothing due", event: { is: "time" }, after: 2 },
  { title: "two minutes pass", event: { is: "time" }, after: 121 },
  { title: "nobody has answered (on_timeout deny)", event: { is: "time" }, after: 901 },
  { title: "nobody has answered (on_timeout block)", event: { is: "time" }, after: 901, policy: { onTimeout: "block" } },
  { title: "an hour passes, the lifetime", event: { is: "time" }, after: 3601 },
];

/** docs/mitigation-states.md: every pair of situation and event, by asking step(). */
export function drawStates(): string {
  const edges = new Map<string, Set<string>>();
  const tables = situations.map(([situation, before]) => {
    const idle: string[] = [];
    const rows: string[] = [];
    for (const { title, event, after = 0, policy } of happenings) {
      const { mitigation, effects } = step(before, event, { ...askPolicy, ...policy }, startPlus(after * 1000));
      if (mitigation === before && effects.length === 0) {
        idle.push(title);
        continue;
      }
      rows.push(`| ${title} | ${changeOf(before, mitigation)} | ${effects.join(", ") || "-"} |`);
      if (mitigation.state === before.state) continue;
      const edge = `${before.state} --> ${mitigation.state}`;
      edges.set(edge, (edges.get(edge) ?? new Set()).add(title.replace(/ for an hour| \(.*/g, "")));
    }
    const table = rows.length === 0 ? [] : ["", "| event | becomes | effects |", "|---|---|---|", ...rows];
    return [`### ${situation}`, ...table, "", `Nothing happens on: ${idle.join("; ") || "-"}.`, ""].join("\n");
  });
  return `${introduction}
\`\`\`mermaid
stateDiagram-v2
  [*] --> pending: a request was admitted
${[...edges].map(([edge, titles]) => `  ${edge}: ${[...titles].join(" / ")}`).join("\n")}
  ended --> [*]
\`\`\`

## Every situation and every event

${tables.join("\n")}`;
}

/** What is different afterwards, in the words of the model. */
function changeOf(before: Mitigation, after: Mitigation): string {
  const words: string[] = [];
  if (after.state !== before.state) words.push(`**${after.state}**`);
  if (after.outcome !== before.outcome) words.push(`outcome ${after.outcome ?? "none"}`);
  if (after.status !== before.status) words.push(`status ${after.status}`);
  if (after.action !== before.action) words.push(`action ${after.action}`);
  if (after.decidedBy !== before.decidedBy) words.push(`decided by ${after.decidedBy ?? "nobody"}`);
  if (after.conflict !== before.conflict && after.conflict) words.push(`conflict-cause ${after.conflict.cause}`);
  if (after.startedAt !== before.startedAt) words.push("started");
  if (after.dropped.packets !== before.dropped.packets) words.push("counts");
  if (after.expiresAt !== before.expiresAt || after.allowedUntil !== before.allowedUntil || after.deadline !== before.deadline) words.push("other deadlines");
  if (after.terminatingPeriod !== before.terminatingPeriod) words.push("terminating period doubled");
  if (words.length === 0 && after.devices.length !== before.devices.length) words.push("devices named");
  else if (words.length === 0 && JSON.stringify(after.devices) !== JSON.stringify(before.devices)) words.push("other addresses");
  return words.join(", ") || "the same";
}

const introduction = `# The states of a mitigation

This file is written by a test, from \`step()\` in \`src/policy/mitigation-machine.ts\` itself, and the test fails where they differ. After a
change that is meant: \`GOLDEN=write node --import tsx --test test/policy/mitigation-states.test.ts\`, and read the diff.

A mitigation is *pending* until somebody or something lets it act: it waits for the owner's answer, or, while no device is found, watches for
one. It is *active* while it acts, *terminating* in the two minutes after the upstream has withdrawn it (RFC 9132 §4.4.4), and then *ended*, with
an outcome. The status is what the upstream sees (RFC 9132 §4.4.2): 1 in progress, 2 mitigated, 3 attack stopped, 4 more than this router stops, 5 terminating,
6 terminated, 7 withdrawn by the server. Conflict-cause 4 says that the owner holds the traffic for legitimate (RFC 9066 §5.3.1).

Effects: *enforce* has the packet filter hold what is now needed; *cut-flows* ends flows under way; *notify-upstream* and *tell-owner* speak; *remember*
saves. What \`tell-owner\` says, and that it says each thing once, is \`src/operator/owner-events.ts\`: request, blocked, ended.

Several pending requests about the same devices are one question (\`src/model/question.ts\`): the owner hears of the oldest, an answer is the
answer to all of them, and they share its deadline. What the owner said before is not asked again (\`src/policy/remembered-decision.ts\`).
`;
