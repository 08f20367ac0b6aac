import { escapeText } from "../text/escape-text.ts";
import type { LookupView } from "../operator/describe-lookup.ts";
import type { FoundDeviceView } from "../operator/describe-mitigation.ts";
import type { WallInstant } from "../model/time.ts";
import { formatAgo, formatBytes, nameCertainty, nameDevice, plural } from "./words.ts";

/** `lookup`: who it is, how sure, what it would lead to, and why. */
export function renderLookup(lookup: LookupView, now: WallInstant): string[] {
  return [
    ...describeAnswer(lookup, now),
    ...section("What would happen:", lookup.would),
    ...section("Why:", lookup.why),
  ];
}

function describeAnswer({ devices, router_itself: isRouter }: LookupView, now: WallInstant): string[] {
  if (devices.length > 0) return devices.flatMap((device) => describeFound(device, now));
  return [isRouter ? "This is the router's own traffic, there is no device behind it." : "No device was found."];
}

function describeFound(device: FoundDeviceView, now: WallInstant): string[] {
  const { flows, packets, bytes, last_seen: lastSeen } = device.evidence;
  const where = [device.name === null ? null : device.mac, ...device.addresses, device.port && `on ${device.port}`].filter((part) => part !== null);
  return [
    `${nameDevice(device)} (${nameCertainty(device.certainty)})${where.length > 0 ? `: ${escapeText(where.join(", "))}` : ""}`,
    `  ${plural(flows, "flow")}, ${plural(packets, "packet")}, ${formatBytes(bytes)}${lastSeen === null ? "" : `, last seen ${formatAgo(lastSeen, now)}`}`,
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  - ${escapeText(line)}`)];
}
