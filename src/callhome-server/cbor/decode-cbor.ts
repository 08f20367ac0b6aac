import { decode, Tokenizer, type DecodeOptions } from "cborg";

/** A body that is not the CBOR it should be; the text goes to the upstream as a diagnostic payload. */
export class BodyError extends Error {}

/** The deepest DOTS message (session configuration) nests 5 levels, a decimal in it one more. */
const maxDepth = 8;
/** Larger than any message that a datagram, or 16 blocks of one, could hold. */
export const maxBodyBytes = 16_384;

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
  const options: DecodeOptions = {
    useMaps: true,
    rejectDuplicateMapKeys: true,
    allowNaN: false,
    allowInfinity: false,
    tags: { 4: (content) => readDecimal(content()) },
  };
  try {
    return decode(bytes, { ...options, tokenizer: new BoundedTokenizer(bytes, options) });
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new BodyError(error instanceof Error ? error.message.slice(0, 100) : "malformed CBOR");
  }
}

/** cborg's tokenizer, which refuses to open more than `maxDepth` containers, and so keeps its recursion bounded. */
class BoundedTokenizer extends Tokenizer {
  /** Items that each open container still waits for. */
  readonly #open: number[] = [];

  override next(): ReturnType<Tokenizer["next"]> {
    const token = super.next();
    const items = itemsOf(token.type.name, token.value);
    if (items > 0) this.#open.push(items);
    else this.#complete(token.type.name === "break");
    if (this.#open.length > maxDepth) throw new BodyError("nested too deep");
    return token;
  }

  /** An item has ended, and with it each container whose last item it was. */
  #complete(isBreak: boolean): void {
    if (isBreak) this.#open.pop();
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) {
      if (last > 1) {
        this.#open.push(last - 1);
        return;
      }
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
  return new Decimal(mantissa * 10 ** exponent);
}
