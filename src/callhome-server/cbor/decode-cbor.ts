import { addExtension, Decoder } from "cbor-x/decode-no-eval";
import { BodyError } from "./body-error.ts";
import { checkCbor } from "./check-cbor.ts";

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

// Nothing but maps, arrays and what stands in them; its own reading of tag 4 is rounded. The gate lets no other tag through.
addExtension({ tag: 4, decode: readDecimal });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: false, int64AsNumber: true });

/**
 * Decodes a body: maps become Map, text string, integers number (above 2^53 not exactly), tag 4 Decimal.
 * Throws BodyError on anything malformed, too large, too deep, with duplicate keys or other tags.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new BodyError("empty body");
  if (bytes.length > maxBodyBytes) throw new BodyError("body too large");
  const body = dotsTag.every((byte, index) => bytes[index] === byte) ? bytes.subarray(dotsTag.length) : bytes;
  const { entries } = checkCbor(body);
  try {
    const value: unknown = decoder.decode(body);
    // Of two equal keys cbor-x takes the last.
    if (entriesIn(value) < entries) throw new BodyError("a repeated map key");
    return value;
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new BodyError(error instanceof Error ? error.message.slice(0, 100) : "malformed CBOR");
  }
}

/** Of all maps in a value, keys included. */
function entriesIn(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + entriesIn(each), 0);
  if (!(value instanceof Map)) return 0;
  let sum = value.size;
  for (const [key, each] of value) sum += entriesIn(key) + entriesIn(each);
  return sum;
}

function readDecimal(content: unknown): Decimal {
  if (!Array.isArray(content) || content.length !== 2) throw new BodyError("malformed decimal");
  const [exponent, mantissa] = content as unknown[];
  if (!Number.isInteger(exponent) || !Number.isSafeInteger(mantissa)) throw new BodyError("malformed decimal");
  return new Decimal(scaled(mantissa as number, exponent as number));
}

function scaled(mantissa: number, exponent: number): number {
  if (Math.abs(exponent) > 18) throw new BodyError("malformed decimal");
  // Divided, since 10^-n is not exact: [-5, 10000] has to be 0.1.
  return exponent < 0 ? mantissa / 10 ** -exponent : mantissa * 10 ** exponent;
}
