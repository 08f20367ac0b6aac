import type { HomeDirectory, Log } from "../model/ports.ts";
import { openDhcpConfig } from "../system/files/dhcp-config.ts";
import { openFlowJournal } from "../system/flows/flow-journal.ts";
import { openFlowMemory, type FlowMemory } from "../system/flows/flow-sources.ts";
import { openConntrack } from "../system/flows/flow-table.ts";
import { followHome, type HomeTables } from "../system/home/follow-home.ts";
import { openHomeDirectory } from "../system/home/home-directory.ts";
import { openHomeNetwork, type OpenedHomeNetwork } from "../system/home/home-network.ts";
import { readResolvers } from "../system/home/read-resolvers.ts";
import type { UbusDirectory } from "../system/home/ubus-directory.ts";
import { watchDevices } from "../system/home/watch-devices.ts";
import { checkTools } from "../system/process/check-tools.ts";
import type { RunCommand } from "../system/process/run-command.ts";
import type { LoadedConfig } from "./loaded-config.ts";
import type { Router } from "./router.ts";
import type { Part } from "./run-parts.ts";

/** What this router knows of the home: its addresses, devices and flows. */
export interface Home extends Part<LoadedConfig> {
  readonly tables: HomeTables;
  readonly network: OpenedHomeNetwork;
  readonly directory: HomeDirectory;
  readonly flows: FlowMemory;
  warnings(): readonly string[];
}

export interface HomeDeps {
  readonly first: LoadedConfig;
  readonly router: Pick<Router, "clock" | "steadyClock" | "follow" | "conntrack" | "solicitNeighbour" | "vendorOf">;
  readonly run: RunCommand;
  readonly hints: UbusDirectory;
  readonly log: Log;
}

/** Follows the kernel's tables from now on, as far as `run` lets it. */
export function openHome({ first, router, run, hints, log }: HomeDeps): Home {
  const { clock, steadyClock, follow, vendorOf } = router;
  let { config } = first;
  const tables = followHome({ run, follow, clock: steadyClock, log });
  const sides = { configured: () => ({ wan: config.wanDevices, lan: config.lanDevices }), netifd: () => hints.devices() };
  const network = openHomeNetwork({ tables, ...sides, sourceScope: () => config.sourceScope, shared: () => hints.shared(), resolvers: () => readResolvers() });
  const devices = watchDevices({ tables, ...sides, clock: steadyClock, log });
  const { leaseFiles } = first.config;
  const directory = openHomeDirectory({ tables, log, hints, vendorOf, ...(leaseFiles.length > 0 ? { leaseFiles } : { dhcp: openDhcpConfig(log) }) });
  const journal = openFlowJournal({
    follow,
    clock: steadyClock,
    wallTime: () => clock.now(),
    log,
    directory,
    network,
    settings: router.conntrack,
    solicit: (address) => {
      router.solicitNeighbour(address);
    },
  });
  const flows = openFlowMemory({ table: openConntrack({ run, log }), journal, log });
  const tools = checkTools({ run, clock: steadyClock, log });
  return {
    tables,
    network,
    directory,
    flows,
    warnings: () => [tools, tables, devices, journal, flows].flatMap((each) => each.warnings()),
    reload(next) {
      ({ config } = next);
    },
    stop() {
      for (const each of [tables, devices, journal, tools]) each.stop();
    },
  };
}
