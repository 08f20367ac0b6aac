import { addressScope, parseIpPrefix } from "../model/ip-prefix.ts";
import type { IpPrefix } from "../model/ip-prefix.ts";
import type { HomeAddresses } from "../model/home.ts";
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

interface Link {
  readonly name: string;
  readonly addresses: readonly { readonly address: IpPrefix; readonly network: IpPrefix }[];
}

function readLinks(json: unknown): Link[] {
  return items(json).flatMap((entry): Link[] => {
    const name = field(entry, "ifname");
    if (typeof name !== "string") return [];
    return [{ name, addresses: items(field(entry, "addr_info")).flatMap(readAddress) }];
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
