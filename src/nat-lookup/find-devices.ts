import { parseIpAddress } from "../model/ip-prefix.ts";
import type { Certainty, Device, MacAddress } from "../model/device.ts";
import type { Flow } from "../model/flow.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";
import { between, latest, milliseconds, wallInstant, type WallInstant } from "../model/time.ts";
import { cleanName } from "./identity/clean-name.ts";
import { explainDevices, explainNothing, explainOthers, explainStale } from "./explain-finding.ts";
import { flowMatcher } from "./match/match-flows.ts";
import type { DeviceMatch, FlowMatch, HomeBorders } from "./match/match-flows.ts";
import { neighbourBook } from "./identity/neighbour-book.ts";
import type { KnownNeighbour, NeighbourBook } from "./identity/neighbour-book.ts";
import { ownerOfSource } from "./owner-of-source.ts";
import { certaintyOf, firstSeen, gatherSuspects, isToldApart, lastSeen } from "./match/suspects.ts";
import type { Suspect } from "./match/suspects.ts";

/** More devices than a home has; further ones are only counted. */
const mostDevices = 64;
/** A device's further addresses are for its owner and for ending its flows: a few are enough. */
const mostAddresses = 16;
/** Flows that ended so much earlier than another device's are not those of an attack that goes on: the outside port was another's then. */
const staleAfter = milliseconds(120_000);

/** The devices of the home at the moment of the question. */
export interface KnownHome {
  readonly borders: HomeBorders;
  readonly neighbours: readonly KnownNeighbour[];
  /** Names by MAC address, from leases. Hostile text. */
  readonly names: ReadonlyMap<MacAddress, string>;
  /** Names by MAC address as the owner gave them: they win. */
  readonly ownerNames: ReadonlyMap<MacAddress, string>;
  /** How a name that a device gave itself is shown; without it, as it is. */
  readonly titleOf?: (mac: MacAddress, name: string) => string | null;
  /** Who made a device, for its owner to recognise it by. */
  readonly vendorOf?: (mac: MacAddress) => string | null;
  /** The moment of the question; without it, it is not said when a device was last seen. */
  readonly now?: WallInstant;
}

/** Who can name a device: the packets themselves, as the kernel records them; the flow journal; the table of flows that live. */
export type Witness = "kernel" | "journal" | "table";

export interface Finding {
  /** Most packets towards the target first. `port` is null: the caller fills it in from the bridge. */
  readonly devices: readonly Device[];
  /** Whether the router itself has flows that match: there is no device to blame for those. */
  readonly routerItself: boolean;
  /** Who named the devices. */
  readonly witnesses: readonly Witness[];
  /**
   * In plain words: what matched, in which table, and why not the others. It names addresses inside the home: for its owner
   * only, never for an upstream.
   */
  readonly why: readonly string[];
}

/**
 * Answers: the upstream saw this source and target; which devices of the home were it? A device is a MAC address where one is
 * known, whatever addresses it has in IPv4 and IPv6, or else a single address.
 *
 * Certainty: `likely`, something reported singles the device out (source ports, ICMP identifier, an address that is its own), or it
 * alone matches; `ambiguous`, several match and nothing reported tells them apart. Never `exact`: that takes its MAC address, seen on
 * the packets themselves (join-witness).
 */
export function findDevices(asked: AttackFlows, flows: readonly Flow[], home: KnownHome): Finding {
  const match = flowMatcher(asked, home.borders);
  const book = neighbourBook(home.neighbours);
  const matches: DeviceMatch[] = [];
  const others: FlowMatch[] = [];
  for (const flow of flows) {
    const found = match(flow);
    if (!found) continue;
    if (found.is === "opened" || found.is === "port-forward" || found.is === "routed") matches.push(found);
    else others.push(found);
  }

  const everyone = gatherSuspects(matches, book);
  const { fresh: suspects, stale } = setStaleApart(everyone, home.now ?? null);
  const rivals = suspects.filter((suspect) => !suspect.matches.every(isToldApart)).length;
  const ranked = suspects
    .map((suspect) => ({ suspect, device: describe(suspect, certaintyOf(suspect, rivals), home, book) }))
    .sort((a, b) => b.device.evidence.packets - a.device.evidence.packets || b.device.evidence.flows - a.device.evidence.flows);
  const named = ranked.slice(0, mostDevices);
  const routerItself = others.some((other) => other.is === "router-itself");

  if (named.length > 0) {
    const why = [...explainDevices(named, book, ranked.length, home.vendorOf), ...explainStale(stale, home.now ?? wallInstant(0)), ...explainOthers(others)];
    return { devices: named.map(({ device }) => device), routerItself, witnesses: witnessesOf(named.map(({ suspect }) => suspect)), why };
  }
  const owner = ownerOfSource(asked, home.borders, book);
  const devices = owner.suspects.map((suspect) => describe(suspect, "likely", home, book));
  return { devices, routerItself, witnesses: [], why: [...explainNothing(asked, flows.length), ...explainOthers(others), ...owner.why] };
}

function describe(suspect: Suspect, certainty: Certainty, home: KnownHome, book: NeighbourBook): Device {
  const { mac, matches } = suspect;
  const nameThen = matches.find(({ sighting }) => sighting?.name != null)?.sighting?.name;
  return {
    mac,
    name: mac === null ? null : shownName(mac, home, nameThen ?? undefined),
    addresses: ownAddresses(mac, [...suspect.addresses], book),
    port: null,
    certainty,
    evidence: {
      flows: matches.length,
      packets: matches.reduce((sum, found) => sum + found.view.packets, 0),
      bytes: matches.reduce((sum, found) => sum + found.view.bytes, 0),
      // The table knows neither when a flow began nor when it last had a packet.
      firstSeen: firstSeen(suspect),
      lastSeen: home.now === undefined || matches.length === 0 ? null : lastSeen(suspect, home.now),
    },
  };
}

/** The owner's name of a device, as it is; else what it calls itself, or called itself then. */
export function shownName(mac: MacAddress, { ownerNames, names, titleOf }: Pick<KnownHome, "ownerNames" | "names" | "titleOf">, nameThen?: string):
  | string
  | null {
  const given = ownerNames.get(mac);
  if (given !== undefined) return cleanName(given);
  const own = names.get(mac) ?? nameThen;
  return own === undefined ? null : titleOf ? titleOf(mac, own) : cleanName(own);
}

/** Addresses that a device was seen with, and those that it has now; one that has gone to another device since is no longer one to act on. */
export function ownAddresses(mac: MacAddress | null, seen: readonly string[], book: NeighbourBook): readonly string[] {
  const own = seen.filter((address) => mac === null || (book.macOf(address) ?? mac) === mac);
  const addresses = new Set([...own, ...(mac === null ? [] : book.addressesOf(mac))]);
  return [...addresses].filter((address) => !isLinkLocal(address)).slice(0, mostAddresses);
}

/** Those whose part in it was over long before that of another. */
function setStaleApart(suspects: readonly Suspect[], now: WallInstant | null): { fresh: readonly Suspect[]; stale: readonly Suspect[] } {
  if (now === null) return { fresh: suspects, stale: [] };
  const last = latest(wallInstant(0), ...suspects.map((suspect) => lastSeen(suspect, now)));
  const isStale = (suspect: Suspect): boolean => between(lastSeen(suspect, now), last) > staleAfter;
  return { fresh: suspects.filter((suspect) => !isStale(suspect)), stale: suspects.filter(isStale) };
}

function witnessesOf(suspects: readonly Suspect[]): Witness[] {
  const sightings = suspects.flatMap(({ matches }) => matches.map(({ sighting }) => sighting));
  return [
    ...(sightings.some((sighting) => sighting !== null) ? ["journal" as const] : []),
    ...(sightings.some((sighting) => sighting?.isListed ?? true) ? ["table" as const] : []),
  ];
}

function isLinkLocal(address: string): boolean {
  const read = parseIpAddress(address);
  return read?.family === 6 && read.bits >> 118n === 0x3fan; // fe80::/10
}
