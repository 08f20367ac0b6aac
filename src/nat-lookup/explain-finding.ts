import { formatIpPrefix } from "../model/ip-prefix.ts";
import type { Device } from "../model/device.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";
import { between, type WallInstant } from "../model/time.ts";
import type { DeviceMatch, FlowMatch } from "./match/match-flows.ts";
import type { NeighbourBook } from "./identity/neighbour-book.ts";
import { lastSeen } from "./match/suspects.ts";
import type { Suspect } from "./match/suspects.ts";
import { isRandomised } from "./identity/vendor-of.ts";
import type { Distinction, Endpoint, WireView } from "./match/wire-view.ts";

const howItTakesPart: Record<DeviceMatch["is"], string> = {
  opened: "opened from behind NAT",
  "port-forward": "answered through a port-forward, opened by the target",
  routed: "without NAT",
};

const whatToldApart: Record<Distinction, string> = {
  "source-port": "the source ports agree",
  "icmp-id": "the ICMP identifier agrees",
  "icmp-type": "the ICMP type agrees",
  "source-address": "the source address is its own",
};

const whyNot: Record<Exclude<FlowMatch["is"], DeviceMatch["is"]>, string> = {
  "router-itself": "the router itself: no device of the home",
  hairpin: "between hosts of the home, turned round at the router (hairpin), never left by the WAN",
  "other-protocol": "to the target, but not with the reported protocol",
  "other-target-port": "to the target, but not to the reported target ports",
  "other-source-port": "to the target, but did not use the reported source ports",
  "other-icmp-type": "to the target, but not with the reported ICMP types",
};

/** For each device: its flows, one of them as an example, its MAC address, and what its certainty rests on. */
export function explainDevices(
  named: readonly { readonly suspect: Suspect; readonly device: Device }[],
  book: NeighbourBook,
  found: number,
  vendorOf: ((mac: string) => string | null) | undefined,
): string[] {
  const why = named.flatMap((
    { suspect, device },
  ) => [...explainFlows(suspect), explainIdentity(suspect, book), ...explainMaker(suspect, vendorOf), explainCertainty(suspect, device)]);
  if (found > named.length) why.push(`${found - named.length} more devices with fewer packets are left out`);
  return why;
}

/** Why flows that came near were not counted. */
export function explainOthers(others: readonly FlowMatch[]): string[] {
  const why: string[] = [];
  for (const [is, words] of Object.entries(whyNot)) {
    const alike = others.filter((match) => match.is === is);
    const [example] = alike;
    if (!example) continue;
    const devices = new Set(alike.map((match) => match.view.deviceAddress)).size;
    const from = is === "router-itself" ? "" : ` of ${plural(devices, "host")}`;
    why.push(`${nameWitnesses(alike)}: ${plural(alike.length, "flow")}${from} ${words} (such as ${formatView(example.view)})`);
  }
  return why;
}

/** What was looked for in vain. */
export function explainNothing(asked: AttackFlows, candidates: number): string[] {
  const source = asked.source.prefixes.map(formatIpPrefix).join(", ");
  const target = asked.target.prefixes.map(formatIpPrefix).join(", ");
  const why = [`no flow of a device of the home from ${source || "anywhere"} to ${target || "anywhere"} as reported, among ${plural(candidates, "candidate")}`];
  // The kernel keeps an entry for echo, timestamp, information and address mask; router and error messages have none.
  if (asked.source.icmpTypes.length > 0) why.push("connection tracking has entries for ICMP queries such as echo only, not for error messages");
  return why;
}

function explainFlows(suspect: Suspect): string[] {
  return (["opened", "port-forward", "routed"] as const).flatMap((is) => {
    const alike = suspect.matches.filter((match) => match.is === is);
    const [example] = alike;
    if (!example) return [];
    const ended = alike.filter((match) => match.sighting?.endedAt != null).length;
    const over = ended === 0 ? "" : ended === alike.length ? ", all ended since" : `, ${ended} of them ended since`;
    const flows = alike.length === 1 && ended === 1 ? "1 flow, ended since," : `${plural(alike.length, "flow")}${over === "" ? "" : `${over},`}`;
    return [
      `${nameWitnesses(alike)}: ${flows} of ${[...suspect.addresses].slice(0, 4).join(", ")} ${howItTakesPart[is]} (such as ${formatView(example.view)})`,
    ];
  });
}

function explainMaker({ mac }: Suspect, vendorOf: ((mac: string) => string | null) | undefined): string[] {
  if (mac === null) return [];
  if (isRandomised(mac)) return [`${mac} is a MAC address that the device made up for this network, which tells nothing of its maker and may change`];
  const vendor = vendorOf?.(mac) ?? null;
  return vendor === null ? [] : [`${mac} is a MAC address of ${vendor}`];
}

/** Devices whose flows were over long before those of the ones that are named. */
export function explainStale(stale: readonly Suspect[], now: WallInstant): string[] {
  return stale.slice(0, 8).map((suspect) => {
    const minutes = Math.round(between(lastSeen(suspect, now), now) / 60_000);
    return `journal: not ${suspect.mac ?? [...suspect.addresses].join(", ")}, whose flows like these ended ${
      plural(minutes, "minute")
    } ago, while others go on`;
  });
}

function explainIdentity(suspect: Suspect, book: NeighbourBook): string {
  const [address = ""] = suspect.addresses;
  if (suspect.mac !== null && suspect.matches.some(({ sighting }) => sighting?.mac === suspect.mac)) {
    const now = book.macOf(address);
    const since = now === suspect.mac ? "" : now === null ? "; nobody is known to have it now" : `; by now the address is that of ${now}`;
    return `journal: ${[...suspect.addresses].slice(0, 4).join(", ")} was ${suspect.mac} at the time of the flows${since}`;
  }
  if (suspect.mac === null) {
    return book.claimants(address) > 1
      ? `neighbour table: ${book.claimants(address)} MAC addresses answer for ${address}: it is not known which device it is`
      : `neighbours and leases: no entry for ${address}: its MAC address is not known`;
  }
  const shared = book.addressesOf(suspect.mac).filter((other) => other.includes(".")).length;
  const repeater = shared > 1 ? `; it answers for ${shared} IPv4 addresses, so it may be a repeater or a router with devices behind it` : "";
  return `neighbours and leases: ${[...suspect.addresses].slice(0, 4).join(", ")} is ${suspect.mac}${repeater}`;
}

function explainCertainty(suspect: Suspect, device: Device): string {
  const distinctions = [...new Set(suspect.matches.flatMap((match) => match.toldApartBy))].map((by) => whatToldApart[by]);
  const told = distinctions.length > 0 ? distinctions.join(", ") : "the request gives nothing that tells devices apart";
  if (device.certainty === "ambiguous") return `ambiguous: ${told}, and several devices match`;
  if (distinctions.length === 0) return `likely: ${told}, but no other device matches`;
  return suspect.mac === null
    ? `likely: ${told}, but its MAC address is not known`
    : `likely: ${told}; that it is this device is certain once its MAC address is seen on such packets`;
}

/** `192.168.1.23, outside 203.0.113.7:14406 to 198.51.100.9:443, protocol 17`. */
function formatView(view: WireView): string {
  const inside = view.deviceAddress === view.source.address ? "" : `${view.deviceAddress}, outside `;
  return `${inside}${formatEndpoint(view.source)} to ${formatEndpoint(view.target)}, protocol ${view.protocol}`;
}

function formatEndpoint({ address, port }: Endpoint): string {
  if (port === undefined) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Who says so: the journal, the table, or both. */
function nameWitnesses(matches: readonly FlowMatch[]): string {
  const sightings = matches.map(({ sighting }) => sighting);
  const inJournal = sightings.some((sighting) => sighting !== null);
  const inTable = sightings.some((sighting) => sighting?.isListed ?? true);
  return inJournal ? (inTable ? "journal and connection table" : "journal") : "connection table";
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
