import { addressScope, isGlobal } from "../../model/ip-prefix.ts";
import type { IpState, Link } from "./ip-output.ts";

/** The network devices on either side of the router. */
export interface HomeDevices {
  readonly wan: readonly string[];
  readonly lan: readonly string[];
}

/** What netifd says of its interfaces. */
export interface NetifdDevices extends HomeDevices {
  /** Tunnels that lead to the internet: MAP-E, DS-Lite, 464XLAT and their like. */
  readonly tunnels: readonly string[];
  /** Whether that was said lately. */
  readonly isFresh: boolean;
}

/**
 * The devices that count as WAN and LAN: as configured where such devices are there and lead where they should, else as netifd says, else as
 * the kernel's routes and bridges let one guess. A tunnel of netifd's is a WAN device beside those that are configured.
 */
export function chooseDevices(ip: IpState, configured: HomeDevices, netifd?: NetifdDevices): HomeDevices {
  const found = findDevices(ip, netifd);
  const tunnels = netifd?.tunnels ?? [];
  const wan = new Set(configured.wan.length === 0 ? found.wan : [...configured.wan, ...tunnels, ...leadsOutside(ip, configured) ? [] : found.wan]);
  const lan = configured.lan.some((name) => linkOf(ip, name)) ? configured.lan : found.lan;
  return { wan: [...wan], lan: lan.filter((name) => configured.lan.includes(name) || !wan.has(name)) };
}

/** What is wrong with the configured devices, and what is done about it; for `status` and the log. */
export function deviceWarnings(ip: IpState, configured: HomeDevices, netifd?: NetifdDevices): string[] {
  const found = findDevices(ip, netifd);
  const chosen = chooseDevices(ip, configured, netifd);
  const instead = (side: "wan" | "lan"): string => {
    const others = chosen[side].filter((name) => !configured[side].includes(name));
    if (others.length > 0) return `${others.join(" and ")} ${others.length === 1 ? "is" : "are"} used instead`;
    return configured[side].some((name) => linkOf(ip, name)) ? "the others are used" : `no other ${side.toUpperCase()} device was found`;
  };
  const missing = (["wan", "lan"] as const).flatMap((side) =>
    configured[side].filter((name) => !linkOf(ip, name))
      .map((name) => `${side}_device '${name}' does not exist: ${instead(side)}; correct it in the configuration`)
  );
  const present = configured.wan.filter((name) => linkOf(ip, name));
  if (present.length === 0 || leadsOutside(ip, configured) || found.wan.every((name) => present.includes(name))) return missing;
  return [...missing, `wan_device '${present.join("', '")}' does not lead to the internet: ${instead("wan")}; correct it in the configuration`];
}

/** Whether one of the configured WAN devices has an address and a default route, or no other device has one either. */
function leadsOutside({ links, defaultRoutes }: IpState, { wan }: HomeDevices): boolean {
  const usable = links.filter(({ name, addresses }) => wan.includes(name) && addresses.some(({ address }) => isGlobal(address)));
  return usable.length > 0 && (defaultRoutes.length === 0 || defaultRoutes.some(({ device }) => usable.some(({ name }) => name === device)));
}

function findDevices(ip: IpState, netifd?: NetifdDevices): HomeDevices {
  // What netifd said some time ago may be over: routes count as well.
  if (netifd?.isFresh === true && netifd.wan.length > 0 && netifd.lan.length > 0) return netifd;
  const guessed = guessDevices(ip);
  const inside = new Set(netifd?.lan ?? []);
  const wan = new Set([...netifd?.wan ?? [], ...guessed.wan.filter((name) => !inside.has(name))]);
  return { wan: [...wan], lan: [...new Set([...inside, ...guessed.lan])].filter((name) => !wan.has(name)) };
}

/**
 * The WAN and LAN devices of a router that nobody described: WAN is where a default route leads, LAN is `br-lan`, every other bridge, and
 * every VLAN on a bridge. A bridge with private addresses alone that has a default route beside another device's is a LAN with a gateway
 * configured by mistake.
 */
export function guessDevices({ links, defaultRoutes }: IpState): HomeDevices {
  const isBridge = (link: Link | undefined): boolean => link?.kind === "bridge";
  const outward = [...new Set(defaultRoutes.map(({ device }) => device))];
  const inward = links.filter((link) => isBridge(link) || (link.kind === "vlan" && isBridge(links.find(({ name }) => name === link.below)))).map(({ name }) =>
    name
  );
  const isMistaken = (name: string): boolean => inward.includes(name) && isPrivate(links.find((link) => link.name === name));
  const wan = outward.every(isMistaken) ? outward : outward.filter((name) => !isMistaken(name));
  return { wan, lan: inward.filter((name) => !wan.includes(name)) };
}

function isPrivate(link: Link | undefined): boolean {
  const scopes = (link?.addresses ?? []).filter(({ address }) => address.family === 4).map(({ address }) => addressScope(address));
  return scopes.length > 0 && scopes.every((scope) => scope === "private");
}

function linkOf({ links }: IpState, name: string): Link | undefined {
  return links.find((link) => link.name === name);
}
