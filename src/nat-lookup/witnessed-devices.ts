import { parseMac } from "../model/device.ts";
import type { Device, MacAddress } from "../model/device.ts";
import type { ObservedSender } from "../model/enforcement.ts";
import { parseIpAddress, prefixContains } from "../model/ip-prefix.ts";
import { shownName, type Finding, type KnownHome } from "./find-devices.ts";
import { neighbourBook } from "./identity/neighbour-book.ts";

/**
 * A finding for a request that nobody was named for, with what the packets themselves said: at the last hook before the wire the
 * kernel recorded the sender's MAC address of packets that matched the report. That is exact, whatever source address they bore; what
 * conntrack makes likely or ambiguous gives way to it.
 */
export function withWitness(finding: Finding, witnessed: readonly ObservedSender[], home: KnownHome): Finding {
  const seen = witnessedDevices(witnessed, home);
  if (seen.length === 0) return finding;
  const why = seen.flatMap((
    { mac, evidence },
  ) => [`the kernel saw ${mac ?? ""} send ${evidence.packets} of the reported packets`, ...explainSpoofing(mac, witnessed, home)]);
  return { ...finding, devices: seen, witnesses: ["kernel", ...finding.witnesses], why: [...why, ...finding.why] };
}

/** The senders, one device a MAC address, most packets first. */
export function witnessedDevices(witnessed: readonly ObservedSender[],
  home: Pick<KnownHome, "neighbours" | "names" | "ownerNames" | "titleOf" | "borders">): Device[] {
  const book = neighbourBook(home.neighbours);
  const macs = [...new Set(witnessed.flatMap(({ mac }) => parseMac(mac) ?? []))];
  return macs.map((mac): Device => {
    const own = witnessed.filter((each) => parseMac(each.mac) === mac);
    // An address of another device, that this one has forged, is none to act on.
    const isOwn = (address: string): boolean => isOfTheHome(address, home) && (book.macOf(address) ?? mac) === mac;
    const addresses = new Set([...own.map(({ address }) => address).filter(isOwn), ...book.addressesOf(mac)]);
    return {
      mac,
      name: shownName(mac, home),
      port: null,
      certainty: "exact",
      addresses: [...addresses].filter((address) => !address.startsWith("fe80:")).slice(0, 16),
      evidence: {
        flows: own.length,
        firstSeen: null,
        lastSeen: null,
        packets: own.reduce((sum, each) => sum + each.packets, 0),
        bytes: own.reduce((sum, each) => sum + each.bytes, 0),
      },
    };
  }).sort((a, b) => b.evidence.packets - a.evidence.packets);
}

/** A spoofed address belongs to nobody here, or to another device. */
function explainSpoofing(mac: MacAddress | null, witnessed: readonly ObservedSender[], home: KnownHome): string[] {
  const book = neighbourBook(home.neighbours);
  const foreign = witnessed.filter((each) => parseMac(each.mac) === mac && (!isOfTheHome(each.address, home) || (book.macOf(each.address) ?? mac) !== mac));
  return foreign.length === 0 ? [] : [`it sent from ${foreign.slice(0, 4).map(({ address }) => address).join(", ")}, which is not its own`];
}

function isOfTheHome(text: string, { borders, neighbours }: Pick<KnownHome, "borders" | "neighbours">): boolean {
  const address = parseIpAddress(text);
  return address !== undefined && (borders.inside.some((prefix) => prefixContains(prefix, address)) || neighbours.some((each) => each.address === text));
}
