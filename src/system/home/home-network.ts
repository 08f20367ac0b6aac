import type { MacAddress } from "../../model/device.ts";
import type { HomeAddresses, Infrastructure, Neighbour, SharedAddress, Wan } from "../../model/home.ts";
import { isGlobal, isLinkLocal, parseIpAddress, parseIpPrefix, type IpPrefix } from "../../model/ip-prefix.ts";
import type { HomeNetwork } from "../../model/ports.ts";
import type { HomeTables } from "./follow-home.ts";
import { chooseDevices, type HomeDevices, type NetifdDevices } from "./home-devices.ts";
import type { DefaultRoute, IpState, Link } from "./ip-output.ts";

export interface HomeNetworkOptions {
  readonly tables: Pick<HomeTables, "ip" | "neighbours">;
  /** Network devices as configured (`wan_device`, `lan_device`); a side that is empty is guessed at each question. */
  readonly configured: () => HomeDevices;
  /** `source_scope`: further prefixes that are ours. */
  readonly sourceScope: () => readonly IpPrefix[];
  /** Name servers in use. */
  readonly resolvers?: () => readonly IpPrefix[];
  /** What netifd has said, where there is one. */
  readonly netifd?: () => NetifdDevices | undefined;
  /** Addresses that other homes have too; MAP-T leaves them on no device. */
  readonly shared?: () => readonly SharedAddress[];
}

/** `devices`: those that count as WAN and LAN now. */
export interface OpenedHomeNetwork extends HomeNetwork {
  devices(): Promise<HomeDevices>;
}

/** The addresses and prefixes of this home, as the kernel has them now. */
export function openHomeNetwork(
  { tables, configured, sourceScope, resolvers = () => [], netifd = () => undefined, shared = () => [] }: HomeNetworkOptions,
): OpenedHomeNetwork {
  const devicesOf = (ip: IpState): HomeDevices => chooseDevices(ip, configured(), netifd());
  return {
    devices: async () => devicesOf(await tables.ip()),
    async addresses() {
      const ip = await tables.ip();
      const devices = devicesOf(ip);
      const lan = ip.links.filter(({ name }) => devices.lan.includes(name));
      const wans = ip.links.filter(({ name }) => devices.wan.includes(name)).map((link) => describeWan(link, ip));
      return {
        outside: distinct([...sourceScope(), ...wans.flatMap(({ prefixes }) => prefixes), ...lan.flatMap(globalNetworks6), ...ip.delegations,
          ...shared().map(({ address }) => address)]),
        shared: shared(),
        router: distinct(ip.links.flatMap(({ addresses }) => addresses).map(({ address }) => address)),
        inside: distinct(lan.flatMap(({ addresses }) => addresses).map(({ network }) => network).filter((network) => !isLinkLocal(network))),
        wans,
        resolvers: resolvers(),
      } satisfies HomeAddresses;
    },
    async infrastructure() {
      const [ip, neighbours] = await Promise.all([tables.ip(), tables.neighbours().catch(() => [])]);
      return {
        macs: [...new Set([...ip.links.flatMap(({ mac }) => mac ?? []), ...ip.defaultRoutes.flatMap((route) => macsOf(route, neighbours))])],
        prefixes: distinct([
          ...ip.links.flatMap(({ addresses }) => addresses).map(({ address }) => address),
          // Any number of networks have the same link-local addresses.
          ...ip.defaultRoutes.flatMap(gatewayOf).filter((address) => !isLinkLocal(address)),
        ]),
      } satisfies Infrastructure;
    },
  };
}

function describeWan(link: Link, { defaultRoutes }: IpState): Wan {
  const routes = defaultRoutes.filter(({ device }) => device === link.name);
  return {
    device: link.name,
    prefixes: distinct([...link.addresses.map(({ address }) => address).filter(isGlobal), ...globalNetworks6(link),
      ...routes.flatMap(({ from }) => parseIpPrefix(from ?? "") ?? [])]),
    gateways: distinct(routes.flatMap(gatewayOf)),
  };
}

function globalNetworks6({ addresses }: Link): IpPrefix[] {
  return addresses.map(({ network }) => network).filter((network) => network.family === 6 && isGlobal(network));
}

function gatewayOf({ gateway }: DefaultRoute): IpPrefix[] {
  const address = gateway === null ? undefined : parseIpAddress(gateway);
  return address ? [address] : [];
}

/** On the gateway's own network only: a host that claims its address elsewhere is another one. */
function macsOf({ gateway, device }: DefaultRoute, neighbours: readonly Neighbour[]): MacAddress[] {
  return neighbours.filter((entry) => entry.address === gateway && entry.device === device).map(({ mac }) => mac);
}

function distinct(prefixes: readonly IpPrefix[]): IpPrefix[] {
  return [...new Map(prefixes.map((prefix) => [`${prefix.family} ${prefix.bits} ${prefix.length}`, prefix])).values()];
}
