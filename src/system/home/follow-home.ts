import type { MacAddress } from "../../model/device.ts";
import type { Neighbour } from "../../model/home.ts";
import { formatIpPrefix } from "../../model/ip-prefix.ts";
import type { Log } from "../../model/ports.ts";
import { errorText } from "../../text/error-text.ts";
import { readBridgePorts } from "./bridge-ports.ts";
import type { FollowCommand } from "../process/follow-command.ts";
import { followMonitor } from "./follow-monitor.ts";
import { createFollowedTable } from "./followed-table.ts";
import { readIpState, readNeighbours, type IpState } from "./ip-output.ts";
import type { HomeEvent } from "./monitor-line.ts";
import type { RunCommand } from "../process/run-command.ts";
import { createTableReading } from "./table-reading.ts";
import type { SteadyClock } from "../../model/time.ts";

/** What the kernel knows of this home, in memory. Each rejects with a CommandFailure while its table could not be read even once. */
export interface HomeTables {
  ip(): Promise<IpState>;
  neighbours(): Promise<readonly Neighbour[]>;
  /** The bridge port that each MAC address was last seen on. */
  ports(): Promise<ReadonlyMap<MacAddress, string>>;
  /** Calls back whenever an address, a device or a default route has come or gone. */
  onChange(listener: () => void): void;
  /** For `status`. */
  warnings(): readonly string[];
  stop(): void;
}

export interface HomeTablesOptions {
  readonly run: RunCommand;
  readonly follow: FollowCommand;
  readonly clock: SteadyClock;
  readonly log: Log;
  /** Milliseconds by a clock that measures work. */
  readonly stopwatch?: () => number;
}

/** More neighbours than the kernel keeps by default (gc_thresh3: 1024 a family), and more devices than a home has. */
const mostNeighbours = 4_096;
const mostPorts = 4_096;

/**
 * Holds what `ip` and `bridge` show, and follows the kernel's announcements of changes. Neighbours and ports are changed in place; devices,
 * addresses and routes are read again, in the background. Where nothing can be followed the tables are read when they are needed,
 * once a second at most.
 */
export function followHome({ run, follow, clock, log, stopwatch }: HomeTablesOptions): HomeTables {
  const listeners: (() => void)[] = [];
  const isFollowed = (): boolean => monitor.isFollowing();
  let before: string | undefined;

  const ip = createTableReading<IpState>({
    read: () => readIpState(run),
    clock,
    isFollowed,
    changed(now) {
      const after = textOf(now);
      if (before !== undefined && after !== before) { for (const listener of listeners) listener(); }
      before = after;
    },
  });
  const neighbours = createFollowedTable<Neighbour>({
    read: async () => (await readNeighbours(run)).map((each) => [keyOf(each), each]),
    most: mostNeighbours,
    clock,
    isFollowed,
  });
  const ports = createFollowedTable<string>({
    read: () => readBridgePorts(run),
    most: mostPorts,
    clock,
    isFollowed,
  });

  const masterOf = (device: string): string | null => ip.held()?.links.find(({ name }) => name === device)?.master ?? null;
  const filtersVlans = (bridge: string | null): boolean => ip.held()?.links.find(({ name }) => name === bridge)?.filtersVlans ?? false;
  const takePort = ({ mac, device, isGone }: HomeEvent & { is: "port" }): void => {
    const bridge = masterOf(device);
    // A bridge that filters knows a device once for each of its VLANs; which of them it has forgotten, `ip monitor` does not say.
    if (isGone && filtersVlans(bridge)) ports.readAgain();
    else if (isGone) ports.remove(mac, device);
    else if (bridge !== null) ports.set(mac, device);
  };
  const take = (event: HomeEvent): void => {
    switch (event.is) {
      case "links":
        ip.readAgain();
        break;
      case "neighbour":
        if (event.mac === null) neighbours.remove(keyOf(event));
        else neighbours.set(keyOf(event), { address: event.address, mac: event.mac, device: event.device });
        break;
      case "port":
        takePort(event);
        break;
    }
  };
  const monitor = followMonitor({
    follow,
    clock,
    log,
    take,
    ...(stopwatch ? { stopwatch } : {}),
    missed() {
      for (const table of [ip, neighbours, ports]) table.readAgain();
    },
  });
  // The first reading waits, as all tools do, until the first dial has left.
  ip.get().catch((error: unknown) => {
    log("debug", `could not read the home's addresses: ${errorText(error)}`);
  }).finally(() => {
    monitor.begin();
  });

  return {
    ip: () => ip.get(),
    neighbours: async () => [...(await neighbours.get()).values()],
    ports: () => ports.get(),
    onChange(listener) {
      listeners.push(listener);
    },
    warnings: () => monitor.warnings(),
    stop() {
      for (const each of [ip, neighbours, ports, monitor]) each.stop();
    },
  };
}

function keyOf({ device, address }: { readonly device: string; readonly address: string }): string {
  return `${device} ${address}`;
}

function textOf({ links, defaultRoutes, delegations }: IpState): string {
  return JSON.stringify([links.map(({ name, addresses }) => [name, ...addresses.map(({ network, address }) => [formatIpPrefix(address), network.length])]),
    defaultRoutes, delegations.map(formatIpPrefix)]);
}
