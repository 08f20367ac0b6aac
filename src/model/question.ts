import type { Device } from "./device.ts";
import type { Mitigation } from "./mitigation.ts";

/**
 * Requests that wait for the owner are one question if they are about the same devices, whatever their targets: the oldest
 * comes first, and is the one that the owner hears of. Empty if `devices` are none.
 */
export function questionAbout(devices: readonly Device[], all: readonly Mitigation[]): readonly Mitigation[] {
  const wanted = keyOf(devices);
  return devices.length === 0 ? [] : all.filter((each) => each.state === "pending" && keyOf(each.devices) === wanted).sort((a, b) => a.id - b.id);
}

/** Whether it is about these devices and no others. */
export function isAbout(devices: readonly Device[], mitigation: Mitigation): boolean {
  return devices.length > 0 && keyOf(devices) === keyOf(mitigation.devices);
}

function keyOf(devices: readonly Device[]): string {
  return devices.map(({ mac, addresses }) => mac ?? [...addresses].sort().join(" ")).sort().join(",");
}
