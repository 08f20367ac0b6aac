import type { IpPrefix } from "../../model/ip-prefix.ts";

/** Whether an address, as words, belongs. */
export type WordSet = (family: 4 | 6, words: Uint32Array, at: number) => boolean;

/** The addresses that lie in one of the prefixes, for addresses as 32-bit words. */
export function wordSet(prefixes: readonly IpPrefix[]): WordSet {
  const narrow = prefixes.filter(({ family }) => family === 4).map((prefix) => ({ bits: Number(prefix.bits) | 0, mask: maskOf(prefix.length) }));
  const wide = prefixes.filter(({ family }) => family === 6).map((prefix) => ({
    bits: wordsOf(prefix),
    masks: [0, 32, 64, 96].map((from) => maskOf(Math.min(32, Math.max(0, prefix.length - from)))),
  }));
  return (family, words, at) => {
    if (family === 4) {
      const word = words[at] ?? 0;
      for (const { bits, mask } of narrow) if (((word ^ bits) & mask) === 0) return true;
      return false;
    }
    for (const { bits, masks } of wide) {
      let word = 0;
      while (word < 4 && (((words[at + word] ?? 0) ^ (bits[word] ?? 0)) & (masks[word] ?? 0)) === 0) word += 1;
      if (word === 4) return true;
    }
    return false;
  };
}

/** The first address of a prefix as words: one for IPv4, four for IPv6. */
export function wordsOf({ family, bits }: IpPrefix): Uint32Array {
  if (family === 4) return Uint32Array.of(Number(bits));
  return Uint32Array.from([96n, 64n, 32n, 0n], (shift) => Number((bits >> shift) & 0xffff_ffffn));
}

function maskOf(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length);
}
