import type { Flow, FlowTuple } from "../../model/flow.ts";
import { isSingleAddress, type IpPrefix } from "../../model/ip-prefix.ts";
import { ipProtocol, portProtocols } from "../../model/ip-protocol.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";
import { rangeHolds } from "../../model/number-range.ts";
import { earlier, milliseconds, type Milliseconds, type WallInstant } from "../../model/time.ts";
import { flag, type FlowColumns } from "./journal-columns.ts";
import type { NatJournal } from "./nat-journal.ts";
import { formatWords } from "../conntrack/read-address-bytes.ts";
import { wordSet, wordsOf } from "./word-prefixes.ts";

export interface SearchOptions {
  readonly now: WallInstant;
  /** Flows that ended longer ago are passed over. An upstream needs minutes to report; what is older was another use of the port. */
  readonly mostAge?: Milliseconds;
  /** Flows to the target that differ in what was reported, to explain why they were not it. Default none. */
  readonly nearMisses?: number;
}

export interface Search {
  readonly flows: readonly Flow[];
  /** How many of them there are, held or not, nearMisses apart. */
  readonly count: number;
}

const defaultAge = milliseconds(15 * 60_000);
/** Look-ups by the index that cost less than walking the whole journal. */
const mostProbes = 8192;
/** As in the search of the table: further flows of a device are only counted, into the last of them. */
const mostOfADevice = 1024;
const mostHeld = 4096;

/**
 * The flows that may be the reported ones, living or ended. By the index where target addresses and outside ports are given, in
 * some 10 µs for 100 ports however many flows there are; else by walking the arrays, 0.1-0.3 ms when full.
 */
export function searchJournal({ columns, identities }: Pick<NatJournal, "columns" | "identities">, asked: AttackFlows, options: SearchOptions): Search {
  const oldest = earlier(options.now, options.mostAge ?? defaultAge);
  const scratch = new Uint32Array(4);
  const isMeant = numericMatcher(columns, asked, scratch);
  const hits = new Map<number, { slots: number[]; packets: number; bytes: number }>();
  const near: number[] = [];
  let held = 0;
  let count = 0;

  const visit = (slot: number): void => {
    if ((columns.flags[slot] ?? 0) >= flag.ended && (columns.endedAt(slot) ?? 0) < oldest) return;
    const verdict = isMeant(slot);
    if (verdict === "near" && near.length < (options.nearMisses ?? 0)) near.push(slot);
    if (verdict !== "fits") return;
    count += 1;
    const key = (columns.device[slot] ?? 0) * 0x1_0000 + (columns.identity[slot] ?? 0);
    let own = hits.get(key);
    if (!own) hits.set(key, own = { slots: [], packets: 0, bytes: 0 });
    if (own.slots.length < mostOfADevice && held < mostHeld) {
      own.slots.push(slot);
      held += 1;
    } else {
      own.packets += columns.packets[slot] ?? 0;
      own.bytes += columns.bytes[slot] ?? 0;
    }
  };

  const probes = options.nearMisses ? undefined : planProbes(columns, asked);
  if (probes) {
    for (const { protocol, target, port } of probes) {
      for (let slot = columns.firstAtPort(protocol, target, port); slot >= 0; slot = columns.nextAtPort(slot)) {
        // Others may share the bucket.
        if (columns.target[slot] === target && columns.sourcePort[slot] === port && columns.protocol[slot] === protocol) visit(slot);
      }
    }
  } else {
    for (let age = 0; age < columns.size; age += 1) visit(columns.slotAt(age));
  }

  const make = flowMaker({ columns, identities });
  const flows = [...hits.values()].flatMap(({ slots, packets, bytes }) =>
    slots.flatMap((slot, at) => make(slot, at === slots.length - 1 ? { packets, bytes } : undefined) ?? [])
  );
  // One device cannot have followed another.
  return { flows: [...(hits.size > 1 ? latestOfEach(flows) : flows), ...near.flatMap((slot) => make(slot) ?? [])], count };
}

interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

interface Probe {
  readonly protocol: number;
  readonly target: number;
  readonly port: number;
}

/** The places of the index that can hold what is asked for; undefined if they are not known, or too many. */
function planProbes(columns: FlowColumns, { source, target }: AttackFlows): Probe[] | undefined {
  if (source.ports.length === 0 || source.icmpTypes.length > 0 || !target.prefixes.every(isSingleAddress) || target.prefixes.length === 0) return undefined;
  const protocols = target.protocols.length > 0 ? target.protocols : portProtocols;
  // Protocols without ports are not found by a port.
  if (!protocols.every((protocol) => portProtocols.includes(protocol) || isIcmp(protocol))) return undefined;
  const ports = source.ports.reduce((sum, { lower, upper }) => sum + upper - lower + 1, 0);
  if (ports * protocols.length * target.prefixes.length > mostProbes) return undefined;
  const targets = target.prefixes.map((prefix) => numberOf(columns, prefix)).filter((number) => number >= 0);
  const seen = new Set<number>();
  for (const { lower, upper } of source.ports) for (let port = lower; port <= upper; port += 1) seen.add(port);
  return targets.flatMap((number) => protocols.flatMap((protocol) => [...seen].map((port) => ({ protocol, target: number, port }))));
}

function numberOf(columns: FlowColumns, prefix: IpPrefix): number {
  const words = wordsOf(prefix);
  return prefix.family === 4 ? words[0] ?? 0 : columns.pool.find(words, 0);
}

/**
 * Compares in numbers, before a flow is made text: every flow that the request may mean fits. What exactly it means is for
 * wireMatcher to say, of those few that are left.
 */
function numericMatcher(columns: FlowColumns, { source, target }: AttackFlows, scratch: Uint32Array): (slot: number) => "fits" | "near" | undefined {
  const isTarget = target.prefixes.length === 0 ? () => true : wordSet(target.prefixes);
  const isSource = source.prefixes.length === 0 ? () => true : wordSet(source.prefixes);
  const load = (family: 4 | 6, number: number): boolean => {
    if (family === 6) return columns.pool.read(number, scratch, 0);
    scratch[0] = number;
    return true;
  };
  return (slot) => {
    const family = ((columns.flags[slot] ?? 0) & flag.ipv6) !== 0 ? 6 : 4;
    if (!load(family, columns.target[slot] ?? 0) || !isTarget(family, scratch, 0)) return undefined;
    if (!load(family, columns.source[slot] ?? 0) || !isSource(family, scratch, 0)) return undefined;
    const protocol = columns.protocol[slot] ?? 0;
    if (target.protocols.length > 0 && !target.protocols.includes(protocol)) return "near";
    if (isIcmp(protocol)) {
      if (source.icmpTypes.length > 0) return within(source.icmpTypes, columns.targetPort[slot] ?? 0) ? "fits" : "near";
      return within(source.ports, columns.sourcePort[slot] ?? 0) ? "fits" : "near";
    }
    if (!portProtocols.includes(protocol)) return "fits";
    return within(target.ports, columns.targetPort[slot] ?? 0) && within(source.ports, columns.sourcePort[slot] ?? 0) ? "fits" : "near";
  };
}

function within(ranges: AttackFlows["source"]["ports"], value: number): boolean {
  return ranges.length === 0 || ranges.some((range) => rangeHolds(range, value));
}

function isIcmp(protocol: number): boolean {
  return protocol === ipProtocol.icmp || protocol === ipProtocol.icmpv6;
}

/**
 * Makes entries as conntrack would have printed them, as far as the outside is concerned: what the device called the target, and its
 * own port, are not kept. Undefined if an address has been forgotten.
 */
function flowMaker({ columns, identities }: Pick<NatJournal, "columns" | "identities">): (slot: number, more?: Counters) => Flow | undefined {
  const words = new Uint32Array(4);
  const texts = new Map<number, string | undefined>();
  /** Flows that are asked for share most of their addresses. */
  const textOf = (family: 4 | 6, number: number): string | undefined => {
    const key = family === 6 ? number + 2 ** 32 : number;
    const known = texts.get(key);
    if (known !== undefined) return known;
    words[0] = number;
    const text = family === 4 || columns.pool.read(number, words, 0) ? formatWords(family, words, 0) : undefined;
    texts.set(key, text);
    return text;
  };
  return (slot, more) => {
    const flags = columns.flags[slot] ?? 0;
    const family = (flags & flag.ipv6) !== 0 ? 6 : 4;
    const device = textOf(family, columns.device[slot] ?? 0);
    const source = textOf(family, columns.source[slot] ?? 0);
    const target = textOf(family, columns.target[slot] ?? 0);
    if (device === undefined || source === undefined || target === undefined) return undefined;
    const protocol = columns.protocol[slot] ?? 0;
    const [sport, dport] = [columns.targetPort[slot] ?? 0, columns.sourcePort[slot] ?? 0];
    const packets = (columns.packets[slot] ?? 0) + (more?.packets ?? 0);
    const bytes = (columns.bytes[slot] ?? 0) + (more?.bytes ?? 0);
    const identity = identities.get(columns.identity[slot] ?? 0);
    const byTarget = (flags & flag.byTarget) !== 0;
    const icmp = isIcmp(protocol);
    const inside: FlowTuple = icmp ? { src: device, dst: target, icmpType: sport } : { src: device, dst: target };
    // The wire's tuple, from the target's side: the reply of what the device opened, the original of what came in to it.
    const outside: FlowTuple = icmp
      ? { src: target, dst: source, icmpId: dport }
      : portProtocols.includes(protocol)
      ? { src: target, dst: source, sport, dport }
      : { src: target, dst: source };
    return {
      family,
      protocol,
      offloaded: false,
      original: byTarget ? outside : inside,
      reply: byTarget ? inside : outside,
      originalPackets: byTarget ? 0 : packets,
      originalBytes: byTarget ? 0 : bytes,
      replyPackets: byTarget ? packets : 0,
      replyBytes: byTarget ? bytes : 0,
      sighting: {
        opener: byTarget ? "target" : "device",
        isListed: false,
        firstSeen: columns.firstSeen(slot),
        endedAt: columns.endedAt(slot),
        mac: identity?.mac ?? null,
        name: identity?.name ?? null,
      },
    };
  };
}

/** What the outside saw of it. */
function tupleOf({ protocol, original, reply, sighting }: Flow): string {
  const { src, dst, sport = "", dport = "" } = sighting?.opener === "target" ? original : reply;
  return `${protocol} ${src} ${sport} ${dst} ${dport}`;
}

/** An outside tuple with ports that was used again names who used it last. */
function latestOfEach(flows: readonly Flow[]): Flow[] {
  const latest = new Map<string, Flow>();
  for (const flow of flows) {
    const key = tupleOf(flow);
    const other = latest.get(key);
    if (!other || (flow.sighting?.firstSeen ?? 0) > (other.sighting?.firstSeen ?? 0)) latest.set(key, flow);
  }
  const userOf = ({ original, reply, sighting }: Flow): string => `${original.src} ${reply.src} ${sighting?.mac ?? ""}`;
  return flows.filter((flow) => {
    const last = latest.get(tupleOf(flow));
    return !portProtocols.includes(flow.protocol) || last === undefined || userOf(last) === userOf(flow);
  });
}
