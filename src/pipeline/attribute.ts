import type { Device, MacAddress } from "../model/device.ts";
import type { ObservedSender } from "../model/enforcement.ts";
import type { Flow, LookupDepth } from "../model/flow.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";
import type { SteadyClock, WallClock } from "../model/time.ts";
import { findDevices, type Finding, type KnownHome } from "../nat-lookup/find-devices.ts";
import { createNameBook } from "../nat-lookup/identity/name-book.ts";
import { narrowToTalkers, type ReportedFlows } from "../nat-lookup/narrow-to-talkers.ts";
import { withWitness } from "../nat-lookup/witnessed-devices.ts";
import type { FlowTable, HomeDirectory, HomeNetwork, Log } from "../model/ports.ts";
import { shareLookups } from "./share-lookups.ts";
import { errorText } from "../text/error-text.ts";

export interface LookupPorts {
  readonly clock: WallClock;
  readonly steady: SteadyClock;
  readonly flows: FlowTable;
  readonly directory: HomeDirectory;
  readonly network: Pick<HomeNetwork, "addresses">;
  readonly log: Log;
}

export interface LookupManner {
  /** Senders that the kernel has recorded. */
  readonly witnessed?: readonly ObservedSender[];
  /** Default `quick`; the owner's own question is to be explained. */
  readonly depth?: LookupDepth;
  /** Nobody waits for the answer. */
  readonly isOnWatch?: boolean;
  /** The upstream that asks; none: the owner. */
  readonly upstream?: string;
}

export type Lookup = (asked: ReportedFlows, how?: LookupManner) => Promise<Finding>;

export interface HomeLookup {
  /** One at a time for each thing asked, few at the same time; rejects with TooManyLookups. */
  readonly lookup: Lookup;
  /** Whose these flows are, of those that were asked about. */
  devicesOf(asked: AttackFlows, flows: readonly Flow[]): Promise<readonly Device[]>;
  readonly homeNow: () => Promise<KnownNow>;
}

/** The home at this moment, but for its flows. */
export type KnownNow = Pick<KnownHome, "borders" | "neighbours" | "names" | "ownerNames" | "titleOf">;

/** A device that was named before, and how. */
export type NamedDevice = Pick<Device, "name"> & { readonly mac: MacAddress };

/**
 * Asks everybody who may know which devices the reported flows are, all at once, and joins what they say. `named`: devices of earlier
 * requests, whose names no other device gets unmarked.
 */
export function createLookup(ports: LookupPorts, ownerNames: () => ReadonlyMap<MacAddress, string>, named: readonly NamedDevice[] = []): HomeLookup {
  const { clock, steady, flows, directory, network, log } = ports;
  const book = createNameBook((mac) => directory.vendor?.(mac) ?? null);
  book.learn(named.flatMap(({ mac, name }) => (name === null ? [] : [[mac, name] as const])));
  /** Without them a device is known by its address only, which is better than not at all. */
  const neighboursOrNone = (): ReturnType<HomeDirectory["neighbours"]> =>
    directory.neighbours().catch((error: unknown) => {
      log("warn", `cannot read the neighbour table: ${errorText(error)}`);
      return [];
    });
  const homeNow = async (): Promise<KnownNow> => {
    const [borders, neighbours, names] = await Promise.all([network.addresses(), neighboursOrNone(), directory.names()]);
    book.learn(names);
    const owners = ownerNames();
    const titleOf = (mac: MacAddress, name: string): string | null => book.titleOf(mac, name, owners);
    return { borders, neighbours, names, ownerNames: owners, titleOf };
  };
  const lookup: Lookup = async (asked, { witnessed = [], depth = "quick" } = {}) => {
    const [known, seen] = await Promise.all([homeNow(), flows.matching(asked, depth)]);
    const vendorOf = directory.vendor?.bind(directory);
    const home = { ...known, now: clock.now(), ...(vendorOf ? { vendorOf } : {}) };
    const finding = withWitness(findDevices(asked, seen, home), witnessed, home);
    const devices = await Promise.all(
      finding.devices.map(async (device) => ({ ...device, port: device.mac === null ? null : await directory.port(device.mac) })),
    );
    return { ...finding, devices, why: [...finding.why, ...(depth === "explain" ? flows.remarks?.() ?? [] : [])] };
  };
  const shared = shareLookups(lookup, steady);
  return {
    // The top talkers are a part of what was reported: where nobody is seen among them, all of it is looked at.
    async lookup(asked, how) {
      const talkers = narrowToTalkers(asked);
      const found = talkers && await shared(talkers, how);
      return found && found.witnesses.length > 0 ? found : shared(asked, how);
    },
    homeNow,
    devicesOf: async (asked, ended) => findDevices(asked, ended, await homeNow()).devices,
  };
}
