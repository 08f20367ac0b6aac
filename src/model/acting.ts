import type { Device } from "./device.ts";
import type { Action, Mitigation } from "./mitigation.ts";

/**
 * What is done to this device now. A quarantine that nobody was asked about only blocks until the device's MAC address was seen on the
 * reported packets: an address can be forged, and would cut off its owner's device.
 */
export function actionOn({ action, decidedBy }: Pick<Mitigation, "action" | "decidedBy">, device: Pick<Device, "certainty">): Action {
  return action === "quarantine" && decidedBy !== "owner" && device.certainty !== "exact" ? "block" : action;
}

/** Whether a quarantine waits for proof, for any of its devices. */
export function waitsForProof(mitigation: Mitigation): boolean {
  return (mitigation.state === "active" || mitigation.state === "terminating")
    && mitigation.devices.some((device) => actionOn(mitigation, device) !== mitigation.action);
}
