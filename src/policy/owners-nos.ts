import type { Device } from "../model/device.ts";
import { prefixContains, prefixesOverlap } from "../model/ip-prefix.ts";
import type { Mitigation } from "../model/mitigation.ts";
import { mergeRanges, rangesOverlap } from "../model/number-range.ts";
import type { OwnersNo } from "../model/owners-no.ts";
import { between, later, latest, wallInstant, type Milliseconds, type WallInstant } from "../model/time.ts";
import { noHoldsUntil } from "./refused-by-owner.ts";

type Target = OwnersNo["target"];

/** What is kept is bounded, but never by forgetting a no: a device that has more of them is left alone altogether. */
const never = wallInstant(Number.MAX_SAFE_INTEGER);
const most = { ofDevice: 32, prefixes: 4_096, ports: 16, protocols: 16, addresses: 8, all: 512 };

/** What the owner says with a no to this mitigation: one for each of its devices; while none is known, one about any device. */
export function nosTo(mitigation: Mitigation, now: WallInstant): OwnersNo[] {
  const { prefixes, ports, protocols } = mitigation.request.target;
  const merged = mergeRanges(ports);
  const target: Target = {
    prefixes,
    ports: merged.length <= most.ports ? merged : [],
    protocols: protocols.length <= most.protocols ? protocols : [],
  };
  const devices = mitigation.devices.length > 0 ? mitigation.devices : [{ mac: null, addresses: [] }];
  return devices.map(({ mac, addresses }) => ({
    mac,
    addresses: addresses.slice(0, most.addresses),
    target,
    saidAt: now,
    until: noHoldsUntil(mitigation, now),
  }));
}

/** With what the owner has just said. What is over goes, and what a longer or wider no says as well. */
export function withNos(known: readonly OwnersNo[], said: readonly OwnersNo[], now: WallInstant): readonly OwnersNo[] {
  let nos: readonly OwnersNo[] = known.filter((no) => holds(no, now));
  for (const no of said) {
    if (nos.some((each) => saysAsMuch(each, no))) continue;
    nos = bounded([...nos.filter((each) => !saysAsMuch(no, each)), no], no);
  }
  return nos;
}

/** Without what the owner said about these devices and this target: they take it back, or allow it after all. */
export function withoutNosTo(known: readonly OwnersNo[], { devices, request }: Mitigation): OwnersNo[] {
  return known.filter((no) =>
    !targetsOverlap(no.target, request.target) || !(devices.length === 0 ? isAboutAnybody(no) : devices.some((device) => isAbout(no, device)))
  );
}

/** What the owner's nos say about a target. */
export interface SaidOfTarget {
  /** Whether this device is to be left alone when it sends there. */
  readonly isRefused: (device: Device) => boolean;
  /** Whether any device is: then nothing is dropped there before it is known who sends it. */
  readonly any: boolean;
}

/**
 * A common address, port and protocol are enough: a no to port 443 of a host also turns down a request about all of the host, or
 * its network, since that would stop what the owner wants to go on.
 */
export function saidOfTarget(nos: readonly OwnersNo[], target: Target, now: WallInstant): SaidOfTarget {
  const here = nos.filter((no) => holds(no, now) && targetsOverlap(no.target, target));
  return { isRefused: (device) => here.some((no) => isAbout(no, device)), any: here.length > 0 };
}

export const nothingSaid: SaidOfTarget = { isRefused: () => false, any: false };

/** The same by a wall clock that was put forward by so much: what remains of each stays, unless it was said by a clock that was right. */
export function shiftNos(nos: readonly OwnersNo[], by: Milliseconds, before: WallInstant): OwnersNo[] {
  return nos.map((no) => (no.saidAt > before ? no : { ...no, saidAt: later(no.saidAt, by), until: no.until === null ? null : later(no.until, by) }));
}

/** Whether the no is still in force. */
export function holds({ until }: OwnersNo, now: WallInstant): boolean {
  return until === null || until > now;
}

/** By the MAC address; where one of them has none, by an address. */
function isAbout(no: OwnersNo, { mac, addresses }: Pick<Device, "mac" | "addresses">): boolean {
  if (isAboutAnybody(no)) return true;
  return no.mac !== null && mac !== null ? no.mac === mac : addresses.some((address) => no.addresses.includes(address));
}

function isAboutAnybody({ mac, addresses }: OwnersNo): boolean {
  return mac === null && addresses.length === 0;
}

function targetsOverlap(a: Target, b: Target): boolean {
  const meet = <T>(some: readonly T[], others: readonly T[], overlap: (one: T, other: T) => boolean): boolean =>
    some.length === 0 || others.length === 0 || some.some((one) => others.some((other) => overlap(one, other)));
  return meet(a.prefixes, b.prefixes, prefixesOverlap) && meet(a.ports, b.ports, rangesOverlap)
    && meet(a.protocols, b.protocols, (one, other) => one === other);
}

function saysAsMuch(no: OwnersNo, other: OwnersNo): boolean {
  const each = <T>(outer: readonly T[], inner: readonly T[], covers: (one: T, other: T) => boolean): boolean =>
    outer.length === 0 || (inner.length > 0 && inner.every((one) => outer.some((wider) => covers(wider, one))));
  return isSameDevice(no, other) && (no.until === null || (other.until !== null && other.until <= no.until))
    && each(no.target.prefixes, other.target.prefixes, prefixContains)
    && each(no.target.ports, other.target.ports, (outer, inner) => outer.lower <= inner.lower && inner.upper <= outer.upper)
    && each(no.target.protocols, other.target.protocols, (outer, inner) => outer === inner);
}

function isSameDevice(a: OwnersNo, b: OwnersNo): boolean {
  return a.mac === b.mac && (a.mac !== null || (isAboutAnybody(a) && isAboutAnybody(b)) || a.addresses.some((address) => b.addresses.includes(address)));
}

/** `said` has just been. Of more devices than one home has, the no that ends first goes. */
function bounded(nos: readonly OwnersNo[], said: OwnersNo): readonly OwnersNo[] {
  const ofDevice = nos.filter((no) => isSameDevice(no, said));
  const prefixes = nos.reduce((sum, { target }) => sum + target.prefixes.length, 0);
  if (ofDevice.length > most.ofDevice || (prefixes > most.prefixes && ofDevice.length > 0)) {
    const until = ofDevice.reduce<WallInstant | null>((last, no) => (last === null || no.until === null ? null : latest(last, no.until)), said.until);
    const everywhere: OwnersNo = { ...said, target: { prefixes: [], ports: [], protocols: [] }, until };
    return [...nos.filter((no) => !ofDevice.includes(no)), everywhere];
  }
  if (nos.length <= most.all) return nos;
  const [first] = [...nos].sort((a, b) => between(b.until ?? never, a.until ?? never));
  return nos.filter((no) => no !== first);
}
