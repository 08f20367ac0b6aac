import { decode, Tokenizer, type DecodeOptions } from "cborg";

/** A body that is not the CBOR it should be; the text goes to the upstream as a diagnostic payload. */
export class BodyError extends Error {}

/** The deepest DOTS message, the ports of a top talker in a mitigation request (RFC 9244), nests 11 levels. */
const maxDepth = 12;
/** Larger than any message that a datagram, or 16 blocks of one, could hold. */
export const maxBodyBytes = 16_384;

/** Tag 271 in front says that the rest is a DOTS object, which its Content-Format says already (RFC 9132 §10.5). */
const dotsTag = [0xd9, 0x01, 0x0f];

/** decimal64 as RFC 9132 §6 encodes it: tag 4, [exponent, mantissa]. Peers send other exponents than -2 too. */
export class Decimal {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/**
 * Decodes a body: maps become Map, text string, integers number or bigint, tag 4 Decimal.
 * Throws BodyError on anything malformed, too large, too deep, with duplicate keys or other tags.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new BodyError("empty body");
  if (bytes.length > maxBodyBytes) throw new BodyError("body too large");
  const body = dotsTag.every((byte, index) => bytes[index] === byte) ? bytes.subarray(dotsTag.length) : bytes;
  const options: DecodeOptions = {
    useMaps: true,
    rejectDuplicateMapKeys: true,
    allowBigInt: true, // in an attribute that we may ignore
    allowNaN: false,
    allowInfinity: false,
    tags: anyTag,
  };
  try {
    return decode(body, { ...options, tokenizer: new BoundedTokenizer(body, options) });
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new BodyError(error instanceof Error ? error.message.slice(0, 100) : "malformed CBOR");
  }
}

/** What a tag other than 4 makes of its content: nothing that any attribute takes, so that only one that we ignore may have it. */
const unknownTag = Symbol("a CBOR tag that is not known");
const anyTag = new Proxy<NonNullable<DecodeOptions["tags"]>>({}, {
  get: (_, tag) => (content: () => unknown): unknown => {
    const value = content();
    return tag === "4" ? readDecimal(value) : unknownTag;
  },
});

/** cborg's tokenizer, which refuses to open more than `maxDepth` containers, and so keeps its recursion bounded. */
class BoundedTokenizer extends Tokenizer {
  /** Of each open container: the items that it still waits for, and those that it has. */
  readonly #open: { left: number; has: number; readonly isMap: boolean }[] = [];

  override next(): ReturnType<Tokenizer["next"]> {
    const token = super.next();
    const { name } = token.type;
    const items = itemsOf(name, token.value);
    if (items > 0) this.#open.push({ left: items, has: 0, isMap: name === "map" });
    else this.#complete(name === "break");
    if (this.#open.length > maxDepth) throw new BodyError("nested too deep");
    return token;
  }

  /** An item has ended, and with it each container whose last item it was. */
  #complete(isBreak: boolean): void {
    if (isBreak) {
      const ended = this.#open.pop();
      // cborg takes a break for a map's value, and goes on in a map that is closed for us.
      if (ended?.left !== Infinity || (ended.isMap && ended.has % 2 === 1)) throw new BodyError("misplaced break");
    }
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      last.left -= 1;
      last.has += 1;
      if (last.left > 0) return;
      this.#open.pop();
    }
  }
}

function itemsOf(type: string, value: unknown): number {
  if (type === "array") return Number(value);
  if (type === "map") return Number(value) * 2;
  return type === "tag" ? 1 : 0;
}

function readDecimal(content: unknown): Decimal {
  if (!Array.isArray(content) || content.length !== 2) throw new BodyError("malformed decimal");
  const [exponent, mantissa] = content as unknown[];
  if (typeof exponent !== "number" || typeof mantissa !== "number" || Math.abs(exponent) > 18) throw new BodyError("malformed decimal");
  // Divided, since 10^-n is not exact: [-5, 10000] has to be 0.1.
  return new Decimal(exponent < 0 ? mantissa / 10 ** -exponent : mantissa * 10 ** exponent);
}
