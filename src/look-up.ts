import type { MacAddress } from "./model/device.ts";
import type { Witnessed } from "./model/enforcement.ts";
import type { AttackFlows } from "./model/mitigation-request.ts";
import type { Clock } from "./model/time.ts";
import { findDevices, type Finding, type KnownHome } from "./nat-lookup/find-devices.ts";
import { withWitness } from "./nat-lookup/witnessed-devices.ts";
import type { FlowTable, HomeDirectory, HomeNetwork, Log } from "./ports.ts";
import { errorText } from "./text/error-text.ts";

export interface LookupPorts {
  readonly clock: Clock;
  readonly flows: FlowTable;
  readonly directory: HomeDirectory;
  readonly network: Pick<HomeNetwork, "addresses">;
  readonly log: Log;
}

/** `witnessed`: senders that the kernel has recorded; `explain`: look further, so as to say why not the others. */
export type Lookup = (asked: AttackFlows, how?: { readonly witnessed?: readonly Witnessed[]; readonly explain?: boolean }) => Promise<Finding>;

/** The home at this moment, but for its flows. */
export type KnownNow = Pick<KnownHome, "borders" | "neighbours" | "names" | "ownerNames">;

/** Asks everybody who may know which devices the reported flows are, all at once, and joins what they say. */
export function createLookup(ports: LookupPorts, ownerNames: () => ReadonlyMap<MacAddress, string>): { readonly lookup: Lookup; readonly homeNow: () => Promise<KnownNow> } {
  const { clock, flows, directory, network, log } = ports;
  /** Without them a device is known by its address only, which is better than not at all. */
  const neighboursOrNone = (): ReturnType<HomeDirectory["neighbours"]> => directory.neighbours().catch((error: unknown) => {
    log("warn", `whose addresses are is not known: ${errorText(error)}`);
    return [];
  });
  const homeNow = async (): Promise<KnownNow> => {
    const [borders, neighbours, names] = await Promise.all([network.addresses(), neighboursOrNone(), directory.names()]);
    return { borders, neighbours, names, ownerNames: ownerNames() };
  };
  const lookup: Lookup = async (asked, { witnessed = [], explain = false } = {}) => {
    const [known, seen] = await Promise.all([homeNow(), flows.matching(asked, explain)]);
    const vendorOf = directory.vendor?.bind(directory);
    const home = { ...known, now: clock.now(), ...(vendorOf ? { vendorOf } : {}) };
    const finding = withWitness(findDevices(asked, seen, home), witnessed, home);
    const devices = await Promise.all(finding.devices.map(async (device) => ({ ...device, port: device.mac === null ? null : await directory.port(device.mac) })));
    return { ...finding, devices, why: [...finding.why, ...(explain ? flows.remarks?.() ?? [] : [])] };
  };
  return { lookup, homeNow };
}
