import { escapeText, excerpt } from "../text/escape-text.ts";
import { ipProtocol } from "../model/ip-protocol.ts";
import type { FoundDeviceView, MitigationView } from "../operator/describe-mitigation.ts";
import type { RangeView } from "../operator/describe-range.ts";
import { between, inSeconds, wallInstant, type Seconds, type WallInstant } from "../model/time.ts";

/** Words and figures as a person reads them. All that comes from the network is escaped here. */

/** `12 s`, `3 min`, `2 h 5 min`, `4 days 3 h`; rounded down. */
export function formatDuration(span: Seconds): string {
  const whole = Math.max(0, Math.floor(span));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return `${days} ${days === 1 ? "day" : "days"}${hours % 24 === 0 ? "" : ` ${hours % 24} h`}`;
}

/** `3 min ago`, or `-` where there is no time. */
export function formatAgo(time: string | null, now: WallInstant): string {
  return time === null ? "-" : `${formatDuration(inSeconds(between(parseTime(time), now)))} ago`;
}

/** `in 14 min`; what has passed already, as clocks jump, is `now`. */
export function formatUntil(time: string, now: WallInstant): string {
  const left = inSeconds(between(now, parseTime(time)));
  return left < 1 ? "now" : `in ${formatDuration(left)}`;
}

const parseTime = (time: string): WallInstant => wallInstant(Date.parse(time));

/** `74,511`, without a locale of the router. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Decimal multiples, as providers count: `51 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** `1 device`, `2 devices`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** The name that the owner knows, else the MAC, else an address. */
export function nameDevice(device: Pick<FoundDeviceView, "mac" | "name"> & { readonly addresses?: readonly string[] }): string {
  return excerpt(device.name ?? device.mac ?? device.addresses?.[0] ?? "unknown device", 40);
}

const certainties = { exact: "sure", likely: "probably", ambiguous: "one of these" } as const;

/** A certainty in words: sure, probably, one of these. */
export function nameCertainty(certainty: FoundDeviceView["certainty"]): string {
  return certainties[certainty];
}

/** `Kitchen camera (sure)`, `Laptop (probably) and 2 more`, `not found yet`. */
export function nameDevices(devices: readonly FoundDeviceView[]): string {
  const [first, ...others] = devices;
  if (!first) return "not found yet";
  return `${nameDevice(first)} (${nameCertainty(first.certainty)})${others.length > 0 ? ` and ${others.length} more` : ""}`;
}

/** `198.51.100.9, port 443, tcp` */
export function nameTarget(target: MitigationView["target"]): string {
  const where = target.prefixes.length > 0 ? target.prefixes : [...target.fqdns, ...target.uris];
  const parts = [
    shorten(where.map((prefix) => excerpt(stripHostLength(prefix), 60))),
    target.ports.length > 0 ? `port ${shorten(target.ports.map(formatPorts))}` : "",
    shorten(target.protocols.map(nameProtocol)),
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** An IP protocol by its name, else by its number. */
function nameProtocol(protocol: number): string {
  return Object.entries(ipProtocol).find(([, number]) => number === protocol)?.[0] ?? `protocol ${protocol}`;
}

/** An address is shown without the length of its prefix. */
export function stripHostLength(prefix: string): string {
  return escapeText(prefix.replace(prefix.includes(":") ? /\/128$/ : /\/32$/, ""));
}

function formatPorts([lower, upper]: RangeView): string {
  return lower === upper ? String(lower) : `${lower}-${upper}`;
}

/** The first two, and how many there are besides. */
function shorten(items: readonly string[]): string {
  return items.length <= 2 ? items.join(" and ") : `${items.slice(0, 2).join(", ")} and ${items.length - 2} more`;
}
