import { Decimal } from "./decode-cbor.ts";

/** Tag 4 and an array of two, whose first item is the exponent -2 (RFC 9132 §6). */
const hundredths = [0xc4, 0x82, 0x21];

/**
 * The CBOR of a message, the shortest there is and always the same (RFC 8949 §4.2.1): whole numbers up to 2^53, booleans, texts, arrays, maps whose
 * keys are whole numbers from 0, and Decimals, to two digits. Throws a TypeError on anything else.
 */
export function encodeCbor(value: unknown): Uint8Array {
  const bytes: number[] = [];
  append(bytes, value);
  return Uint8Array.from(bytes);
}

function append(bytes: number[], value: unknown): void {
  if (typeof value === "number" && Number.isSafeInteger(value)) appendHead(bytes, value < 0 ? 1 : 0, value < 0 ? -1 - value : value);
  else if (typeof value === "boolean") bytes.push(value ? 0xf5 : 0xf4);
  else if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    appendHead(bytes, 3, text.length);
    for (const byte of text) bytes.push(byte);
  } else if (Array.isArray(value)) {
    appendHead(bytes, 4, value.length);
    for (const each of value) append(bytes, each);
  } else if (value instanceof Map) {
    appendHead(bytes, 5, value.size);
    for (const [key, each] of [...value as Map<number, unknown>].sort(([a], [b]) => a - b)) {
      append(bytes, key);
      append(bytes, each);
    }
  } else if (value instanceof Decimal) {
    bytes.push(...hundredths);
    append(bytes, Math.round(value.value * 100));
  } else throw new TypeError(`no CBOR for ${typeof value}`);
}

function appendHead(bytes: number[], major: number, argument: number): void {
  const width = argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  bytes.push((major << 5) | (width === 0 ? argument : 24 + Math.log2(width)));
  for (let left = width - 1; left >= 0; left--) bytes.push(Math.floor(argument / 256 ** left) % 256);
}
