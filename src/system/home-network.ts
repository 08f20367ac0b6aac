import { parseMac, type MacAddress } from "../model/device.ts";
import { addressScope, parseIpPrefix } from "../model/ip-prefix.ts";
import type { IpPrefix } from "../model/ip-prefix.ts";
import type { HomeAddresses, Infrastructure } from "../model/home.ts";
import type { HomeNetwork } from "../ports.ts";
import { field, items } from "./json-fields.ts";
import { runForJson } from "./run-command.ts";
import type { RunCommand } from "./run-command.ts";

/** The network devices on either side of the router. */
export interface HomeDevices {
  readonly wan: readonly string[];
  readonly lan: readonly string[];
}

export interface HomeNetworkOptions {
  readonly run: RunCommand;
  /** Network devices as configured (`wan_device`, `lan_device`); a side that is empty is guessed at each question. */
  readonly devices: HomeDevices;
  /** `source_scope`: further prefixes that are ours. */
  readonly sourceScope: readonly IpPrefix[];
  /** Says which devices are which, for a side that is not configured. */
  readonly guess?: () => Promise<HomeDevices>;
}

/** A delegated prefix shorter than this would be an ISP's, not a home's. */
const shortestDelegation = 32;

/**
 * The addresses and prefixes of this home, as `ip` shows them now: a WAN address that was just renumbered counts at the next
 * question, so nothing is kept. Costs two calls of `ip`, 2-3 ms each, at the same time.
 */
export function openHomeNetwork({ run, devices, sourceScope, guess = () => guessDevices(run) }: HomeNetworkOptions): HomeNetwork {
  return {
    async addresses() {
      const [links, unreachable, guessed] = await Promise.all([
        runForJson(run, "ip", ["addr"]).then(readLinks),
        runForJson(run, "ip", ["-6", "route", "show", "type", "unreachable"]).then(readDelegations, () => []),
        devices.wan.length > 0 && devices.lan.length > 0 ? devices : guess(),
      ]);
      const wan = links.filter((link) => (devices.wan.length > 0 ? devices : guessed).wan.includes(link.name));
      const lan = links.filter((link) => (devices.lan.length > 0 ? devices : guessed).lan.includes(link.name));
      return {
        outside: distinct([
          ...sourceScope,
          ...wan.flatMap((link) => link.addresses).filter((at) => isGlobal(at.address)).map((at) => at.address),
          ...[...wan, ...lan].flatMap((link) => link.addresses).map((at) => at.network).filter((network) => network.family === 6 && isGlobal(network)),
          ...unreachable,
        ]),
        router: distinct(links.flatMap((link) => link.addresses).map((at) => at.address)),
        inside: distinct(lan.flatMap((link) => link.addresses).map((at) => at.network).filter((network) => !isLinkLocal(network))),
      } satisfies HomeAddresses;
    },
    async infrastructure() {
      const [links, neighbours, ...routes] = await Promise.all([
        runForJson(run, "ip", ["addr"]).then(readLinks),
        ...[["neigh"], ["-4", "route", "show", "default"], ["-6", "route", "show", "default"]].map((asked) => runForJson(run, "ip", asked).catch(() => [])),
      ]);
      const gateways = routes.flatMap(items).flatMap(readGateways);
      return {
        macs: [...new Set([...links.flatMap(({ mac }) => mac ?? []), ...gateways.flatMap((gateway) => macsOf(gateway, neighbours))])],
        prefixes: distinct([
          ...links.flatMap((link) => link.addresses).map((at) => at.address),
          // Any number of networks have the same link-local addresses.
          ...gateways.flatMap(({ address }) => parseIpPrefix(address) ?? []).filter((address) => !isLinkLocal(address)),
        ]),
      } satisfies Infrastructure;
    },
  };
}

/**
 * The WAN and LAN devices of a router that nobody described: WAN is where a default route leads, LAN is `br-lan` and every other
 * bridge. Where there is netifd it knows better: `ubus-directory.ts`.
 */
export async function guessDevices(run: RunCommand): Promise<HomeDevices> {
  const [routes4, routes6, bridges] = await Promise.all([
    runForJson(run, "ip", ["-4", "route", "show", "default"]),
    runForJson(run, "ip", ["-6", "route", "show", "default"]).catch(() => []),
    runForJson(run, "ip", ["link", "show", "type", "bridge"]),
  ]);
  const wan = new Set([...items(routes4), ...items(routes6)].flatMap(routeDevices));
  const lan = items(bridges).map((link) => field(link, "ifname")).filter((name) => typeof name === "string");
  return { wan: [...wan], lan: lan.filter((name) => !wan.has(name)) };
}

/** The devices of a route; one over several WANs lists them as next hops. */
function routeDevices(route: unknown): string[] {
  const devices = [route, ...items(field(route, "nexthops"))].map((hop) => field(hop, "dev"));
  return devices.filter((device) => typeof device === "string");
}

interface Gateway {
  readonly address: string;
  readonly device: string;
}

/** Next hops of a route; over several WANs there are several, and one of the other family is a `via`. */
function readGateways(route: unknown): Gateway[] {
  return [route, ...items(field(route, "nexthops"))].flatMap((hop): Gateway[] => {
    const address = field(hop, "gateway") ?? field(field(hop, "via"), "host");
    const device = field(hop, "dev");
    return typeof address === "string" && typeof device === "string" ? [{ address, device }] : [];
  });
}

/** On the gateway's own network only: whoever claims its address elsewhere is somebody else. */
function macsOf({ address, device }: Gateway, neighbours: unknown): MacAddress[] {
  return items(neighbours).filter((entry) => field(entry, "dst") === address && field(entry, "dev") === device).flatMap(readMac("lladdr"));
}

/** The MAC address in a field; that of a device without one is all zeros. */
function readMac(name: string): (entry: unknown) => MacAddress[] {
  return (entry) => {
    const text = field(entry, name);
    const mac = typeof text === "string" ? parseMac(text) : undefined;
    return mac === undefined || mac === "00:00:00:00:00:00" ? [] : [mac];
  };
}

interface Link {
  readonly name: string;
  readonly mac: MacAddress | undefined;
  readonly addresses: readonly { readonly address: IpPrefix; readonly network: IpPrefix }[];
}

function readLinks(json: unknown): Link[] {
  return items(json).flatMap((entry): Link[] => {
    const name = field(entry, "ifname");
    if (typeof name !== "string") return [];
    return [{ name, mac: readMac("address")(entry)[0], addresses: items(field(entry, "addr_info")).flatMap(readAddress) }];
  });
}

function readAddress(entry: unknown): Link["addresses"] {
  const local = field(entry, "local");
  const length = field(entry, "prefixlen");
  if (typeof local !== "string" || typeof length !== "number" || local.includes("/")) return [];
  const address = parseIpPrefix(local);
  const network = parseIpPrefix(`${local}/${length}`);
  return address && network ? [{ address, network }] : [];
}

/** netifd holds the prefixes that the ISP delegated in `unreachable` routes, so that unused parts of them go nowhere. */
function readDelegations(json: unknown): IpPrefix[] {
  return items(json).flatMap((route) => {
    const destination = field(route, "dst");
    const prefix = typeof destination === "string" ? parseIpPrefix(destination) : undefined;
    return prefix?.family === 6 && prefix.length >= shortestDelegation && isGlobal(prefix) ? [prefix] : [];
  });
}

/** Whether the world may see it: private IPv4 counts, since a WAN may lie behind another router. */
function isGlobal(prefix: IpPrefix): boolean {
  return !["linkLocal", "uniqueLocal", "loopback", "multicast", "unspecified", "broadcast"].includes(addressScope(prefix));
}

function isLinkLocal(prefix: IpPrefix): boolean {
  return addressScope(prefix) === "linkLocal";
}

function distinct(prefixes: readonly IpPrefix[]): IpPrefix[] {
  return [...new Map(prefixes.map((prefix) => [`${prefix.family} ${prefix.bits} ${prefix.length}`, prefix])).values()];
}
