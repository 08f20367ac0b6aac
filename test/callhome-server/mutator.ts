/** Mutates messages, the same way for the same seed. */
export interface Mutator {
  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number;
  /** One of the corpus, changed in none to eight places. */
  message(corpus: readonly Uint8Array[]): Uint8Array;
}

export function mutator(seed: number): Mutator {
  let state = seed >>> 0;
  // mulberry32
  const below = (limit: number): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  };
  const pick = (corpus: readonly Uint8Array[]): Uint8Array => corpus[below(corpus.length)] ?? new Uint8Array(0);
  /** Bytes that mean something somewhere: markers, bounds, CBOR heads. */
  const telling = [0x00, 0x0d, 0x0e, 0x0f, 0x17, 0x18, 0x1b, 0x40, 0x50, 0x7f, 0x80, 0x9f, 0xa0, 0xa1, 0xbf, 0xc4, 0xd0, 0xe0, 0xf0, 0xf6, 0xf7, 0xff];

  const change = (bytes: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array => {
    const at = below(bytes.length + 1);
    switch (below(8)) {
      case 0:
        return bytes.map((byte, index) => (index === at ? byte ^ (1 << below(8)) : byte));
      case 1:
        return bytes.map((byte, index) => (index === at ? telling[below(telling.length)] ?? 0 : byte));
      case 2:
        return bytes.slice(0, at);
      case 3:
        return joined(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + below(4))));
      case 4:
        return joined(bytes.subarray(0, at), Uint8Array.from({ length: 1 + below(4) }, () => below(256)), bytes.subarray(at));
      case 5:
        return joined(bytes.subarray(0, at), bytes.subarray(below(at + 1), at), bytes.subarray(at)); // a piece twice
      case 6:
        return joined(bytes.subarray(0, at), pick(corpus).subarray(4 + below(8))); // spliced with another
      default:
        return bytes.map((byte, index) => (index === 2 || index === 3 ? below(256) : byte)); // another message ID
    }
  };

  return {
    below,
    message(corpus) {
      let bytes: Uint8Array = Uint8Array.from(pick(corpus), (byte, index) => (index === 2 || index === 3 ? below(256) : byte));
      for (let left = below(9); left > 0; left--) bytes = change(bytes, corpus);
      return bytes.subarray(0, 16_384);
    },
  };
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
