import { sinceEpoch, wallInstant, type WallInstant } from "../../model/time.ts";
import type { AddressPool } from "./address-pool.ts";

/** Bits of a flow's flags. `ended` is the highest, so that `flags < ended` is a living flow. */
export const flag = { ipv6: 1, byTarget: 2, ended: 128 } as const;

export interface NewFlow {
  readonly flags: number;
  readonly protocol: number;
  /** IPv4 addresses as they are, IPv6 addresses by their number in the pool. */
  readonly target: number;
  readonly source: number;
  readonly device: number;
  readonly targetPort: number;
  readonly sourcePort: number;
  readonly identity: number;
  readonly id: number;
  /** 0 = it was there before. */
  readonly firstSeen: WallInstant | null;
}

export type FlowColumns = ReturnType<typeof flowColumns>;

/** Tenths of a second, which last for 13 years in 32 bits. */
const tick = 100;
/** A link that leads nowhere. */
const noFlow = 0;
/** Twelve columns of four bytes, three of two, three of one. */
const bytesOfFlow = 12 * 4 + 3 * 2 + 3;

/**
 * A ring of flows in typed arrays, with two indexes: by the whole tuple, for the line that says how a flow ended, and by protocol,
 * target address and outside port, for look-ups. A flow is known by its turn, which only grows; an index links turns, newest first, and
 * a link to a turn that has been pushed out is seen to be void, so that nothing need be unlinked: each step costs the same,
 * however many flows look alike.
 */
export function flowColumns(capacity: number, pool: AddressPool) {
  if ((capacity & (capacity - 1)) !== 0) throw new RangeError("the capacity must be a power of two");
  const wrap = capacity - 1;
  const memory = new ArrayBuffer(capacity * bytesOfFlow);
  let taken = 0;
  const column = <Column>(Type: new(buffer: ArrayBuffer, offset: number, length: number) => Column, width: 1 | 2 | 4): Column => {
    const offset = taken;
    taken += capacity * width;
    return new Type(memory, offset, capacity);
  };
  // The widest first, so that each lies where its width wants it.
  const [id, device, source, target, firstSeen, lastSeen, packets, alikeNext, portNext, alikeHeads, portHeads] = Array.from({ length: 11 },
    () => column(Uint32Array, 4)) as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ];
  const bytes = column(Float32Array, 4);
  const [sourcePort, targetPort, identity] = [column(Uint16Array, 2), column(Uint16Array, 2), column(Uint16Array, 2)];
  const [protocol, flags, mark] = [column(Uint8Array, 1), column(Uint8Array, 1), column(Uint8Array, 1)];
  /** The turn of the newest flow, which lies in slot `turns & wrap`; begins so that a link of 0 is void. */
  let turns = capacity;
  let size = 0;
  let epoch = 0;

  /** How many flows are newer than the one of a turn, of which a link holds the lower 32 bits. */
  const ageOf = (link: number): number => (turns - link) >>> 0;
  const slotOf = (link: number): number => (ageOf(link) < size ? link & wrap : -1);
  const alikeBucket = (proto: number, to: number, from: number, toPort: number, fromPort: number): number =>
    scatter(Math.imul(to, 0x9e3779b1) ^ Math.imul(from, 0x85ebca6b) ^ (toPort << 16 | fromPort) ^ (proto << 24)) & wrap;
  const portBucket = (proto: number, to: number, fromPort: number): number =>
    scatter(Math.imul(to, 0x9e3779b1) ^ Math.imul(fromPort, 0xc2b2ae35) ^ (proto << 24)) & wrap;
  const follow = (links: Uint32Array, slot: number): number => {
    const link = links[slot] ?? noFlow;
    // A link leads to an older flow; one that does not belongs to a flow that was pushed out.
    return ageOf(link) > ((turns - slot) & wrap) ? slotOf(link) : -1;
  };
  const toTick = (at: WallInstant): number => Math.max(1, Math.round((sinceEpoch(at) - epoch) / tick));

  return {
    id,
    device,
    source,
    target,
    sourcePort,
    targetPort,
    identity,
    protocol,
    flags,
    mark,
    packets,
    bytes,
    pool,
    get size() {
      return size;
    },
    /** The slot of the newest flow but `age`. */
    slotAt: (age: number): number => (turns - age) & wrap,
    /** How many flows there have been, pushed out ones included. */
    get added() {
      return turns - capacity;
    },
    firstSeen: (slot: number): WallInstant | null => (firstSeen[slot] === 0 ? null : wallInstant(epoch + (firstSeen[slot] ?? 0) * tick)),
    endedAt: (slot: number): WallInstant | null => ((flags[slot] ?? 0) < flag.ended ? null : wallInstant(epoch + (lastSeen[slot] ?? 0) * tick)),
    nextIsAlive: () => size === capacity && (flags[(turns + 1) & wrap] ?? 0) < flag.ended,
    firstAlike: (kind: number, proto: number, to: number, from: number, toPort: number, fromPort: number): number =>
      slotOf(alikeHeads[alikeBucket(proto ^ kind << 3, to, from, toPort, fromPort)] ?? noFlow),
    nextAlike: (slot: number): number => follow(alikeNext, slot),
    firstAtPort: (proto: number, to: number, fromPort: number): number => slotOf(portHeads[portBucket(proto, to, fromPort)] ?? noFlow),
    nextAtPort: (slot: number): number => follow(portNext, slot),
    isSame: (slot: number, kind: number, proto: number, to: number, from: number, toPort: number, fromPort: number): boolean =>
      target[slot] === to && sourcePort[slot] === fromPort && protocol[slot] === proto && targetPort[slot] === toPort && source[slot] === from
      && ((flags[slot] ?? 0) & ~flag.ended) === kind,
    add(flow: NewFlow, now: WallInstant): number {
      if (epoch === 0) epoch = sinceEpoch(now) - 86_400_000;
      turns += 1;
      size = Math.min(capacity, size + 1);
      const slot = turns & wrap;
      id[slot] = flow.id;
      device[slot] = flow.device;
      source[slot] = flow.source;
      target[slot] = flow.target;
      sourcePort[slot] = flow.sourcePort;
      targetPort[slot] = flow.targetPort;
      identity[slot] = flow.identity;
      protocol[slot] = flow.protocol;
      flags[slot] = flow.flags;
      mark[slot] = 0;
      firstSeen[slot] = flow.firstSeen === null ? 0 : toTick(flow.firstSeen);
      lastSeen[slot] = 0;
      packets[slot] = 0;
      bytes[slot] = 0;
      const alike = alikeBucket(flow.protocol ^ flow.flags << 3, flow.target, flow.source, flow.targetPort, flow.sourcePort);
      alikeNext[slot] = alikeHeads[alike] ?? noFlow;
      alikeHeads[alike] = turns;
      const port = portBucket(flow.protocol, flow.target, flow.sourcePort);
      portNext[slot] = portHeads[port] ?? noFlow;
      portHeads[port] = turns;
      return slot;
    },
    /** What went from the device to the target so far. */
    count(slot: number, sent: number, octets: number): void {
      packets[slot] = Math.min(0xffff_ffff, sent);
      bytes[slot] = octets;
    },
    end(slot: number, at: WallInstant): void {
      flags[slot] = (flags[slot] ?? 0) | flag.ended;
      lastSeen[slot] = toTick(at);
    },
    /** Ends the living flows that do not carry the mark, but for those that were added behind the first `upTo`. */
    endUnmarked(unless: number, upTo: number, at: WallInstant): void {
      for (let age = this.added - upTo; age < size; age += 1) {
        const slot = (turns - age) & wrap;
        if ((flags[slot] ?? 0) < flag.ended && mark[slot] !== unless) this.end(slot, at);
      }
    },
    bytesHeld: memory.byteLength,
  };
}

function scatter(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
