import type { DeviceView } from "../operator/describe-device.ts";
import { excerpt } from "../text/escape-text.ts";
import type { WallInstant } from "../model/time.ts";
import { alignColumns } from "./table.ts";
import { formatAgo, formatCount, nameDevice } from "./words.ts";

/** `devices` */
export function renderDevices(devices: readonly DeviceView[], now: WallInstant): string[] {
  if (devices.length === 0) return ["No device has been reported yet."];
  const rows = devices.map((device) => [
    nameDevice(device),
    device.mac,
    device.vendor === null ? "-" : excerpt(device.vendor, 30),
    device.addresses.join(" ") || "-",
    device.port ?? "-",
    `${device.policy}${device.policy_from === "default" ? " (default)" : ""}`,
    formatCount(device.requests),
    formatAgo(device.last_request_at, now),
    device.stopped_by.length === 0 ? "-" : device.stopped_by.join(", "),
  ]);
  return alignColumns([["DEVICE", "MAC", "VENDOR", "ADDRESSES", "PORT", "POLICY", "REQUESTS", "LAST", "STOPPED BY"], ...rows]);
}

const nextTime = {
  ask: "you are asked next time",
  auto: "it is stopped at once next time, without asking",
  never: "it is never stopped",
} as const;

/** `policy MAC …` */
export function renderPolicy(device: DeviceView): string[] {
  return [`${nameDevice(device)} (${device.mac}): ${nextTime[device.policy]}.`];
}
