/**
 * IPv6 addresses by a number of 32 bits, so that a flow keeps four bytes of each instead of sixteen. Of fixed size: an address that
 * has not been used for longest makes room (second chance, as pages of memory do), and a number that was given for it is known to
 * be void from then on.
 */
export interface AddressPool {
  /** The number of the address that lies in `words` at `at`; the same each time, until it is forgotten. */
  take(words: Uint32Array, at: number): number;
  /** As `take`, but an address that is not there stays so: -1. */
  find(words: Uint32Array, at: number): number;
  /** Copies the four words of an address; false if it is forgotten. */
  read(reference: number, into: Uint32Array, at: number): boolean;
  readonly bytesHeld: number;
}

const slotBits = 13;
const capacity = 1 << slotBits;
const none = 0xffff;

/** Addresses of either family by small numbers, so that a flow needs two bytes for each. Bounded: the address used longest ago goes first. */
export function createAddressPool(): AddressPool {
  const words = new Uint32Array(capacity * 4);
  /** How often the slot was reused: the upper bits of its number. */
  const turns = new Uint32Array(capacity);
  const used = new Uint8Array(capacity);
  const heads = new Uint16Array(capacity).fill(none);
  const next = new Uint16Array(capacity).fill(none);
  let hand = 0;
  let filled = 0;

  const bucketOf = (from: Uint32Array, at: number): number => {
    let hash = from[at] ?? 0;
    for (let word = 1; word < 4; word += 1) hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) + (from[at + word] ?? 0);
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
    return (hash ^ (hash >>> 13)) & (capacity - 1);
  };
  const holds = (slot: number, from: Uint32Array, at: number): boolean =>
    words[slot * 4 + 3] === from[at + 3] && words[slot * 4] === from[at]
    && words[slot * 4 + 1] === from[at + 1] && words[slot * 4 + 2] === from[at + 2];
  const numberOf = (slot: number): number => (((turns[slot] ?? 0) << slotBits) | slot) >>> 0;

  const find = (from: Uint32Array, at: number): number => {
    for (let slot = heads[bucketOf(from, at)] ?? none; slot !== none; slot = next[slot] ?? none) {
      if (holds(slot, from, at)) {
        used[slot] = 1;
        return numberOf(slot);
      }
    }
    return -1;
  };

  const unlink = (slot: number): void => {
    const bucket = bucketOf(words, slot * 4);
    let at = heads[bucket] ?? none;
    if (at === slot) heads[bucket] = next[slot] ?? none;
    else {
      for (; at !== none; at = next[at] ?? none) {
        if (next[at] !== slot) continue;
        next[at] = next[slot] ?? none;
        break;
      }
    }
    turns[slot] = (turns[slot] ?? 0) + 1;
  };

  const freeSlot = (): number => {
    if (filled < capacity) return filled++;
    while (used[hand] === 1) {
      used[hand] = 0;
      hand = (hand + 1) & (capacity - 1);
    }
    const slot = hand;
    hand = (hand + 1) & (capacity - 1);
    unlink(slot);
    return slot;
  };

  return {
    find,
    take(from, at) {
      const known = find(from, at);
      if (known >= 0) return known;
      const slot = freeSlot();
      for (let word = 0; word < 4; word += 1) words[slot * 4 + word] = from[at + word] ?? 0;
      const bucket = bucketOf(from, at);
      next[slot] = heads[bucket] ?? none;
      heads[bucket] = slot;
      // Not yet in use: an address that is seen once goes before those that are seen again.
      used[slot] = 0;
      return numberOf(slot);
    },
    read(reference, into, at) {
      const slot = reference & (capacity - 1);
      if (numberOf(slot) !== reference >>> 0) return false;
      for (let word = 0; word < 4; word += 1) into[at + word] = words[slot * 4 + word] ?? 0;
      return true;
    },
    bytesHeld: words.byteLength + turns.byteLength + used.byteLength + heads.byteLength + next.byteLength,
  };
}
