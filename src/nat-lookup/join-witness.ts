import { parseMac, type Device, type Evidence, type MacAddress } from "../model/device.ts";
import type { ObservedSender } from "../model/enforcement.ts";
import { earliest, latest, type WallInstant } from "../model/time.ts";
import type { KnownHome } from "./find-devices.ts";
import { neighbourBook, type NeighbourBook } from "./identity/neighbour-book.ts";
import { witnessedDevices } from "./witnessed-devices.ts";

export interface Joined {
  readonly devices: readonly Device[];
  /** Named by their addresses, and let go: their addresses were on the packets of others. */
  readonly cleared: readonly Device[];
}

/**
 * Joins what connection tracking has found with what the packets say: MAC address and inside address of each sender, as the kernel
 * recorded them.
 * - A device whose MAC address was seen is it: `exact`.
 * - A device whose address only others were seen to use is let go, and they take its place, exact, with the device they posed as.
 * - Where both were seen, both stay, and the one with the address is no more certain than before: its packets may be innocent.
 * - Devices that nothing told apart give way to those that were seen.
 * Senders that have nothing to do with the devices, and use addresses of their own, are not the reported ones.
 */
export function joinWitness(devices: readonly Device[], witnessed: readonly ObservedSender[],
  home: Pick<KnownHome, "neighbours" | "names" | "ownerNames" | "titleOf" | "borders">): Joined {
  const seen = witnessed.flatMap((each) => ({ ...each, mac: parseMac(each.mac) ?? each.mac }));
  const book = neighbourBook(home.neighbours);
  const isKnown = (mac: MacAddress): boolean => devices.some((device) => device.mac === mac);
  const posing = new Map<MacAddress, { entries: ObservedSender[]; as: Device[] }>();
  const noteSender = (entry: ObservedSender, as: readonly Device[]): void => {
    const sender = posing.get(entry.mac) ?? { entries: [], as: [] };
    posing.set(entry.mac, sender);
    sender.entries.push(entry);
    for (const device of as) if (!sender.as.includes(device)) sender.as.push(device);
  };
  for (const entry of seen) {
    const owners = devices.filter((device) => device.certainty !== "exact" && device.mac !== entry.mac && device.addresses.includes(entry.address));
    if (owners.length > 0 || (!isKnown(entry.mac) && isForeign(entry, book))) noteSender(entry, owners);
  }

  const isCleared = (device: Device): boolean => !seen.some(({ mac }) => mac === device.mac) && [...posing.values()].some(({ as }) => as.includes(device));
  const stay = devices.filter((device) => !isCleared(device)).map((device): Device => {
    const as = device.mac === null ? undefined : posing.get(device.mac)?.as[0];
    const isOwn = seen.some(({ mac }) => mac === device.mac) && ![...posing.values()].some((sender) => sender.as.includes(device));
    return isOwn ? { ...device, certainty: "exact", ...(as ? { insteadOf: namedBefore(as, seen) } : {}) } : device;
  });
  const come = witnessedDevices([...posing].filter(([mac]) => !isKnown(mac)).flatMap(([, { entries }]) => entries), home).map((device): Device => {
    const as = posing.get(device.mac ?? "")?.as ?? [];
    const [first] = as;
    return {
      ...device,
      ...(first ? { insteadOf: namedBefore(first, seen) } : {}),
      ...(posing.size === 1 && first ? { evidence: sumOf(as.map(({ evidence }) => evidence)) } : {}),
    };
  });
  const all = [...come, ...stay];
  const isSettled = all.some(({ certainty }) => certainty === "exact");
  return { devices: isSettled ? all.filter(({ certainty }) => certainty !== "ambiguous") : all, cleared: devices.filter(isCleared) };
}

/** Sent from an address that another device has. */
function isForeign({ mac, address }: ObservedSender, book: NeighbourBook): boolean {
  return (book.macOf(address) ?? mac) !== mac;
}

function namedBefore({ mac, name, addresses }: Device, seen: readonly ObservedSender[]): NonNullable<Device["insteadOf"]> {
  const carried = seen.find((entry) => entry.mac !== mac && addresses.includes(entry.address))?.address;
  return { mac, name, address: carried ?? addresses[0] ?? "" };
}

/** The flows of a forged address are those of the sender. */
function sumOf(evidences: readonly Evidence[]): Evidence {
  const sum = (of: (evidence: Evidence) => number): number => evidences.reduce((all, each) => all + of(each), 0);
  const times = (of: (evidence: Evidence) => WallInstant | null): WallInstant[] => evidences.flatMap((each) => of(each) ?? []);
  const [first, ...otherFirsts] = times(({ firstSeen }) => firstSeen);
  const [last, ...otherLasts] = times(({ lastSeen }) => lastSeen);
  return {
    flows: sum(({ flows }) => flows),
    packets: sum(({ packets }) => packets),
    bytes: sum(({ bytes }) => bytes),
    firstSeen: first === undefined ? null : earliest(first, ...otherFirsts),
    lastSeen: last === undefined ? null : latest(last, ...otherLasts),
  };
}
