import { parseMac, type MacAddress } from "../../model/device.ts";
import type { SharedAddress } from "../../model/home.ts";
import { addressScope, parseIpAddress, type IpPrefix } from "../../model/ip-prefix.ts";
import { mergeRanges, type PortRange } from "../../model/number-range.ts";
import { cleanName } from "./clean-name.ts";
import { isRecord } from "../../text/is-record.ts";

/** What services of OpenWrt answer over ubus, each read as hostile text: what is odd is passed over, what is too much is left out. */

const mostHints = 2048;
const mostClients = 512;
const mostInterfaces = 128;
const mostRoutes = 256;
const mostNatRules = 4096;
/** Of an SSID (IEEE 802.11 §9.4.2.2), in characters. */
const longestSsid = 32;

/** `luci-rpc getHostHints`: names by MAC address, gathered by LuCI from leases, hosts files and DNS. `own`: addresses of this router. */
export function hintedNames(answer: unknown, own: ReadonlySet<string> = new Set()): Map<MacAddress, string> {
  const names = new Map<MacAddress, string>();
  for (const [text, hint] of entriesOf(answer, mostHints)) {
    const mac = parseMac(text);
    const name = field(hint, "name");
    const cleaned = typeof name === "string" ? cleanName(name) : null;
    const addresses = ["ipaddrs", "ip6addrs"].flatMap((kind) => {
      const list = field(hint, kind);
      return Array.isArray(list) ? list as unknown[] : [];
    });
    // A client that has taken an address of the router would get its name.
    if (addresses.some((address) => typeof address === "string" && own.has(address))) continue;
    if (mac !== undefined && cleaned !== null && !names.has(mac)) names.set(mac, cleaned);
  }
  return names;
}

/** `hostapd.* get_clients`: who is on this Wi-Fi; not who only tries to get in. */
export function wifiClients(answer: unknown): MacAddress[] {
  return entriesOf(field(answer, "clients"), mostClients).flatMap(([text, client]) => (field(client, "authorized") === false ? [] : parseMac(text) ?? []));
}

/** `hostapd.* list_bans`: who may not join this Wi-Fi, for whatever reason. */
export function bannedClients(answer: unknown): MacAddress[] {
  const banned = field(answer, "clients");
  return (Array.isArray(banned) ? banned.slice(0, mostClients) as unknown[] : []).flatMap((each) => (typeof each === "string" ? parseMac(each) ?? [] : []));
}

/** `hostapd.* get_status`: where its clients are, as the owner knows it: `Wi-Fi "home"`. */
export function wifiName(answer: unknown): string {
  const ssid = field(answer, "ssid");
  const cleaned = typeof ssid === "string" ? cleanName(ssid) : null;
  return cleaned === null ? "Wi-Fi" : `Wi-Fi "${Array.from(cleaned).slice(0, longestSsid).join("")}"`;
}

/** Protocols of netifd that carry a family to the internet through the other: MAP-E and MAP-T, DS-Lite, 464XLAT, and IPv6 over IPv4. */
const tunnelProtocols: readonly unknown[] = ["map", "dslite", "464xlat", "6in4", "6rd", "6to4"];

/**
 * `network.interface dump`: WAN devices are those with a default route; LAN devices those of other interfaces that have a static address
 * (`lan`, `guest`). The device below a WAN (a modem's own network beside PPPoE) is neither. A bridge with private static addresses and a
 * gateway, beside another way out, is a LAN whose `option gateway` is a mistake.
 */
export function netifdDevices(answer: unknown): { readonly wan: readonly string[]; readonly lan: readonly string[]; readonly tunnels: readonly string[] } {
  const dumped = field(answer, "interface");
  const up = (Array.isArray(dumped) ? dumped.slice(0, mostInterfaces) as unknown[] : []).filter((each) => field(each, "up") === true);
  const leading = up.filter(hasDefaultRoute);
  const mistaken = leading.every(isLanWithGateway) ? [] : leading.filter(isLanWithGateway);
  const outward = leading.filter((each) => !mistaken.includes(each));
  const wan = new Set(outward.flatMap((each) => deviceName(field(each, "l3_device"))));
  const below = new Set(outward.flatMap((each) => deviceName(field(each, "device"))));
  const inward = up.filter((each) => !outward.includes(each) && field(each, "proto") === "static").flatMap((each) => deviceName(field(each, "l3_device")));
  return {
    wan: [...wan],
    lan: [...new Set(inward)].filter((name) => name !== "lo" && !wan.has(name) && !below.has(name)),
    tunnels: [...new Set(up.filter((each) => tunnelProtocols.includes(field(each, "proto"))).flatMap((each) => deviceName(field(each, "l3_device"))))],
  };
}

/**
 * `network.interface dump`: what the `map` protocol (MAP-E, MAP-T, lw4o6) wants NAT to do. An SNAT rule with a port range means that the
 * address is shared, and these are the ports of this home; without ports the address is the home's alone.
 */
export function sharedAddresses(answer: unknown): SharedAddress[] {
  const dumped = field(answer, "interface");
  const shared = new Map<string, { readonly address: IpPrefix; readonly ports: PortRange[] }>();
  const up = (Array.isArray(dumped) ? dumped.slice(0, mostInterfaces) as unknown[] : []).filter((each) => field(each, "up") === true);
  for (const rule of up.flatMap((each) => wantedOfNat(each))) {
    const text = String(field(rule, "snat_ip"));
    const address = parseIpAddress(text);
    const ports = portRange(field(rule, "snat_port"));
    if (field(rule, "target") !== "SNAT" || !address || !ports) continue;
    const known = shared.get(text) ?? { address, ports: [] };
    known.ports.push(ports);
    shared.set(text, known);
  }
  return [...shared.values()].map(({ address, ports }) => ({ address, ports: mergeRanges(ports) }));
}

function wantedOfNat(dumped: unknown): unknown[] {
  const rules = field(field(dumped, "data"), "firewall");
  return Array.isArray(rules) ? rules.slice(0, mostNatRules) as unknown[] : [];
}

/** `1024-1039`, `1024` */
function portRange(value: unknown): PortRange | undefined {
  const [, lower, upper] = typeof value === "string" ? /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(value) ?? [] : [];
  if (lower === undefined) return undefined;
  const range = { lower: Number(lower), upper: Number(upper ?? lower) };
  return range.lower <= range.upper && range.upper <= 65_535 ? range : undefined;
}

function isLanWithGateway(dumped: unknown): boolean {
  const addresses = field(dumped, "ipv4-address");
  const isPrivate = Array.isArray(addresses) && addresses.length > 0 && addresses.slice(0, mostRoutes).every((each) => {
    const address = parseIpAddress(String(field(each, "address")));
    return address !== undefined && addressScope(address) === "private";
  });
  return isPrivate && field(dumped, "proto") === "static" && String(field(dumped, "l3_device")).startsWith("br-");
}

function hasDefaultRoute(dumped: unknown): boolean {
  const routes = field(dumped, "route");
  return Array.isArray(routes)
    && routes.slice(0, mostRoutes).some((route) => field(route, "mask") === 0 && ["0.0.0.0", "::"].includes(String(field(route, "target"))));
}

/** It goes into rules: only what Linux and nft take without quotes (IFNAMSIZ). */
function deviceName(value: unknown): string[] {
  return typeof value === "string" && /^[A-Za-z0-9_.@-]{1,15}$/.test(value) ? [value] : [];
}

function field(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function entriesOf(value: unknown, most: number): [string, unknown][] {
  return isRecord(value) ? Object.entries(value).slice(0, most) : [];
}
