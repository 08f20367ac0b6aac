import { escapeLines, escapeText } from "../text/escape-text.ts";
import type { ResultOf } from "../operator/methods.ts";
import type { WallInstant } from "../model/time.ts";
import type { CallCommand } from "./parse-arguments.ts";
import { renderDevices, renderPolicy } from "./render-devices.ts";
import { renderHistory } from "./render-history.ts";
import { renderLookup } from "./render-lookup.ts";
import { renderDecision, renderMitigations } from "./render-mitigations.ts";
import { renderStatus } from "./render-status.ts";

/**
 * What a command prints of the daemon's result, without the final line end. With --json the lists of list, pending,
 * devices and history are arrays, everything else is an object. Nothing in it can control a terminal.
 */
export function render(command: CallCommand, result: object, now: WallInstant): string {
  // Each part escapes what it is given; once more here, so that no part can forget it.
  return escapeLines(command.json ? JSON.stringify(toJson(command, result), null, 2) : renderText(command, result, now).join("\n"));
}

function toJson({ name }: CallCommand, result: object): unknown {
  switch (name) {
    case "list":
    case "pending":
      return (result as ResultOf<"list">).mitigations;
    case "devices":
      return (result as ResultOf<"devices">).devices;
    case "history":
      return (result as ResultOf<"history">).history;
    default:
      return result;
  }
}

/** The daemon answers with views of its own version's types (OperatorActions), which JSON has carried here. */
function renderText(command: CallCommand, result: object, now: WallInstant): string[] {
  switch (command.name) {
    case "status":
      return renderStatus(result as ResultOf<"status">, now);
    case "list":
      return renderMitigations((result as ResultOf<"list">).mitigations, typeof command.params["state"] === "string" ? command.params["state"] : null, now);
    case "pending":
      return renderMitigations((result as ResultOf<"list">).mitigations, "pending", now);
    case "approve":
    case "deny":
    case "release":
      return renderDecision(command.name, result as ResultOf<"approve">, now);
    case "devices":
      return renderDevices((result as ResultOf<"devices">).devices, now);
    case "policy":
      return renderPolicy(result as ResultOf<"policy">);
    case "history":
      return renderHistory((result as ResultOf<"history">).history, now);
    case "lookup":
      return renderLookup(result as ResultOf<"lookup">, now);
    case "test": {
      const { notify, delivered, problem } = result as ResultOf<"test">;
      return [
        delivered
          ? `A sample message was delivered to ${escapeText(notify)}.`
          : `The sample message was not delivered to ${escapeText(notify)}: ${escapeText(problem ?? "unknown")}`,
      ];
    }
    case "reconnect": {
      const { upstreams } = result as ResultOf<"reconnect">;
      return [upstreams.length > 0 ? `Dialling again: ${upstreams.join(", ")}` : "There is no upstream to dial."];
    }
  }
}
