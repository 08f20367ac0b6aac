import { parseMac, type MacAddress } from "../../model/device.ts";
import type { Neighbour } from "../../model/home.ts";
import { isGlobal, parseIpAddress, parseIpPrefix, type IpPrefix } from "../../model/ip-prefix.ts";
import { field, items } from "../process/json-fields.ts";
import { CommandFailure, runForJson, type RunCommand } from "../process/run-command.ts";

/** What `ip -j` prints, read leniently: what is odd is passed over. */

export interface Link {
  readonly name: string;
  readonly mac: MacAddress | null;
  /** As the kernel calls it (`bridge`, `vlan`); null for a network card. */
  readonly kind: string | null;
  /** The bridge that it is a port of. */
  readonly master: string | null;
  /** The device that it lies on: of a VLAN, that which carries it. */
  readonly below: string | null;
  /** A bridge that keeps VLANs apart. */
  readonly filtersVlans: boolean;
  readonly addresses: readonly { readonly address: IpPrefix; readonly network: IpPrefix }[];
}

export interface DefaultRoute {
  readonly device: string;
  /** Null: straight into the device. */
  readonly gateway: string | null;
  /** It is for packets from this prefix: one that the ISP has delegated over this device. Null: for any, or IPv4. */
  readonly from: string | null;
}

/** The router's devices with their addresses, and where they lead. */
export interface IpState {
  readonly links: readonly Link[];
  readonly defaultRoutes: readonly DefaultRoute[];
  /** IPv6 prefixes that the ISP has delegated. */
  readonly delegations: readonly IpPrefix[];
}

/** A delegated prefix shorter than this would be an ISP's, not a home's. */
const shortestDelegation = 32;
/** Neighbour states (ip-neighbour(8)) in which the MAC address is not, or no longer, that of the address. */
export const uselessStates: readonly unknown[] = ["FAILED", "INCOMPLETE", "NOARP", "NONE"];

/** Costs four processes, 2 to 8 ms each, at the same time. Rejects with a CommandFailure if `ip` cannot be run. */
export async function readIpState(run: RunCommand): Promise<IpState> {
  const ip = (...args: readonly string[]): Promise<unknown> => runForJson(run, "ip", args);
  const [links, routes4, routes6, unreachable] = await Promise.all([
    ip("-d", "addr"),
    ip("-4", "route", "show", "default").catch(noneOfFamily),
    ip("-6", "route", "show", "default").catch(noneOfFamily),
    ip("-6", "route", "show", "type", "unreachable").catch(noneOfFamily),
  ]);
  return {
    links: readLinks(links),
    defaultRoutes: [...items(routes4), ...items(routes6)].flatMap(readDefaultRoute),
    delegations: readDelegations(unreachable),
  };
}

/** A kernel without the family: `ip` says so by its status. That it could not be run is another thing. */
function noneOfFamily(error: unknown): readonly unknown[] {
  if (error instanceof CommandFailure && error.reason === "status") return [];
  throw error;
}

/** Rejects with a CommandFailure. */
export async function readNeighbours(run: RunCommand): Promise<readonly Neighbour[]> {
  return items(await runForJson(run, "ip", ["neigh"])).flatMap((entry): Neighbour[] => {
    const [address, device, lladdr] = [field(entry, "dst"), field(entry, "dev"), field(entry, "lladdr")];
    const mac = typeof lladdr === "string" ? parseMac(lladdr) : undefined;
    if (typeof address !== "string" || typeof device !== "string" || mac === undefined || !parseIpAddress(address)) return [];
    return items(field(entry, "state")).some((state) => uselessStates.includes(state)) ? [] : [{ address, mac, device }];
  });
}

function readLinks(json: unknown): Link[] {
  return items(json).flatMap((entry): Link[] => {
    const name = text(entry, "ifname");
    if (name === null) return [];
    const mac = parseMac(text(entry, "address") ?? "");
    const info = field(entry, "linkinfo");
    return [{
      name,
      mac: mac === undefined || mac === "00:00:00:00:00:00" ? null : mac,
      kind: text(info, "info_kind"),
      master: text(entry, "master"),
      below: text(entry, "link"),
      filtersVlans: field(field(info, "info_data"), "vlan_filtering") === 1,
      addresses: items(field(entry, "addr_info")).flatMap(readAddress),
    }];
  });
}

function readAddress(entry: unknown): Link["addresses"] {
  const [local, length] = [text(entry, "local"), field(entry, "prefixlen")];
  if (local === null || typeof length !== "number" || local.includes("/")) return [];
  const [address, network] = [parseIpPrefix(local), parseIpPrefix(`${local}/${length}`)];
  return address && network ? [{ address, network }] : [];
}

/** One over several WANs lists them as next hops; the gateway of the other family is a `via`. */
function readDefaultRoute(route: unknown): DefaultRoute[] {
  const source = text(route, "from");
  const from = ownPrefix6(source) ? source : null;
  return [route, ...items(field(route, "nexthops"))].flatMap((hop): DefaultRoute[] => {
    const device = text(hop, "dev");
    return device === null ? [] : [{ device, gateway: text(hop, "gateway") ?? text(field(hop, "via"), "host"), from }];
  });
}

/** netifd holds the prefixes that the ISP delegated in `unreachable` routes, so that unused parts of them go nowhere. */
function readDelegations(json: unknown): IpPrefix[] {
  return items(json).flatMap((route) => ownPrefix6(text(route, "dst")) ?? []);
}

function ownPrefix6(written: string | null): IpPrefix | null {
  const prefix = parseIpPrefix(written ?? "");
  return prefix?.family === 6 && prefix.length >= shortestDelegation && isGlobal(prefix) ? prefix : null;
}

function text(json: unknown, name: string): string | null {
  const value = field(json, name);
  return typeof value === "string" ? value : null;
}
