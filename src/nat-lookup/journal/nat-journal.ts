import type { HomeAddresses } from "../../model/home.ts";
import { wallInstant, type WallInstant } from "../../model/time.ts";
import { createAddressPool } from "./address-pool.ts";
import { createIdentityLog, type IdentityLog } from "./identity-log.ts";
import { flag, flowColumns, type FlowColumns } from "./journal-columns.ts";
import { formatWords } from "../conntrack/read-address-bytes.ts";
import { place, type FlowLine } from "../conntrack/read-flow-line.ts";
import { wordSet } from "./word-prefixes.ts";

/** Chains are short unless a device sends flows that differ in nothing that is hashed: they are not walked further. */
const longestWalk = 256;

export interface NatJournal {
  /** Notes what conntrack said. A listing adds at most as many unknown flows as there is room for, or half a journal: more would push out what was seen. */
  record(line: FlowLine, now: WallInstant): void;
  /**
   * A listing of the whole table begins; the function is called at its end, at once if it was cut short. Flows that a whole listing
   * did not name have ended unseen.
   */
  beginListing(now: WallInstant): (isWhole: boolean) => void;
  /** Which addresses are ours tells who opened a flow. */
  setBorders(home: HomeAddresses): void;
  readonly identities: IdentityLog;
  readonly columns: FlowColumns;
  /** Whether a flow that was still alive has been pushed out, or left out of a listing, since the last listing that it took whole. */
  readonly hasForgotten: boolean;
  /** What its arrays take. */
  readonly bytesHeld: number;
}

/**
 * Remembers the flows of the home, also after they have ended: a ring of fixed size, the oldest make room. Each flow is kept as the
 * outside saw it, with the address of its device and who had that at the time.
 */
export function createNatJournal(capacity = 65_536): NatJournal {
  const pool = createAddressPool();
  const columns = flowColumns(capacity, pool);
  const identities = createIdentityLog(columns);
  let isOurs = wordSet([]);
  let hasForgotten = false;
  let listing: { mark: number; left: number } | undefined;
  let marks = 0;

  /**
   * Who opened the flow: the device, unless its first packet came from elsewhere to an address of ours, or was redirected without
   * being masqueraded. A spoofed source is not ours, but its target is not either.
   */
  const openedByTarget = (line: FlowLine): boolean => {
    const { family, addresses } = line;
    if (isOurs(family, addresses, place.originalSource)) return false;
    if (isOurs(family, addresses, place.originalTarget)) return true;
    return same(addresses, place.originalSource, place.replyTarget) && !same(addresses, place.originalTarget, place.replySource);
  };

  const refer = (line: FlowLine, at: number): number => (line.family === 4 ? line.addresses[at] ?? 0 : pool.take(line.addresses, at));

  const record = (line: FlowLine, now: WallInstant): void => {
    const byTarget = openedByTarget(line);
    const { ports, counters, protocol } = line;
    const icmp = protocol === 1 || protocol === 58;
    // The tuple that the outside saw: the reply's, turned round, of what a device opened; the original's of what came in.
    const source = refer(line, byTarget ? place.originalTarget : place.replyTarget);
    const target = refer(line, byTarget ? place.originalSource : place.replySource);
    const device = refer(line, byTarget ? place.replySource : place.originalSource);
    const half = byTarget ? 0 : 2;
    const sourcePort = (icmp ? ports[half] : ports[half + 1]) ?? 0;
    // The type of the packets to the target, which for a device's own echo is that of the original tuple.
    const targetPort = (icmp ? ports[byTarget ? 3 : 1] : ports[half]) ?? 0;
    const at = line.at === 0 ? now : wallInstant(line.at);
    const flags = (line.family === 6 ? flag.ipv6 : 0) | (byTarget ? flag.byTarget : 0);

    let slot = -1;
    let steps = 0;
    for (
      let known = columns.firstAlike(flags, protocol, target, source, targetPort, sourcePort);
      known >= 0 && steps < longestWalk;
      known = columns.nextAlike(known), steps += 1
    ) {
      if (columns.isSame(known, flags, protocol, target, source, targetPort, sourcePort)) {
        slot = known;
        break;
      }
    }
    const isKnown = slot >= 0 && columns.device[slot] === device && (columns.flags[slot] ?? 0) < flag.ended
      && (line.id === 0 || columns.id[slot] === 0 || columns.id[slot] === line.id);
    if (!isKnown) {
      if (slot >= 0 && (columns.flags[slot] ?? 0) < flag.ended) columns.end(slot, at); // its end was not heard of
      if (line.is === "listed" && listing) {
        if (listing.left === 0) {
          hasForgotten = true;
          return;
        }
        listing.left -= 1;
      }
      if (columns.nextIsAlive()) hasForgotten = true;
      const identity = identities.of(line.family, device, () => formatWords(line.family, line.addresses, byTarget ? place.replySource : place.originalSource),
        at);
      slot = columns.add({
        flags,
        protocol,
        target,
        source,
        targetPort,
        sourcePort,
        device,
        identity,
        id: line.id,
        firstSeen: line.is === "opened" ? at : null,
      }, at);
    }
    if (line.is !== "opened") {
      const own = byTarget ? 2 : 0;
      columns.count(slot, counters[own] ?? 0, counters[own + 1] ?? 0);
    }
    if (line.is === "ended") columns.end(slot, at);
    else if (listing) columns.mark[slot] = listing.mark;
  };

  return {
    record,
    beginListing(now) {
      marks = marks === 255 ? 1 : marks + 1;
      const mine = { mark: marks, left: Math.max(capacity >> 1, capacity - columns.size) };
      hasForgotten = false;
      listing = mine;
      const before = columns.added;
      return (isWhole) => {
        if (listing === mine) listing = undefined;
        hasForgotten ||= !isWhole;
        if (isWhole) columns.endUnmarked(mine.mark, before, now);
      };
    },
    setBorders(home) {
      isOurs = wordSet([...home.inside, ...home.router, ...home.outside]);
    },
    identities,
    columns,
    get hasForgotten() {
      return hasForgotten;
    },
    bytesHeld: columns.bytesHeld + pool.bytesHeld,
  };
}

/** Whether the addresses at two places are the same; for IPv4 the first of the four words tells. */
function same(words: Uint32Array, one: number, other: number): boolean {
  return words[one] === words[other] && words[one + 3] === words[other + 3];
}
