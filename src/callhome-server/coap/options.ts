/** CoAP option numbers that a DOTS agent meets (RFC 7252 §5.10, RFC 7641, RFC 7959, RFC 8768, RFC 9177). */
export const optionNumber = {
  ifMatch: 1,
  uriHost: 3,
  etag: 4,
  ifNoneMatch: 5,
  observe: 6,
  uriPort: 7,
  uriPath: 11,
  contentFormat: 12,
  maxAge: 14,
  uriQuery: 15,
  hopLimit: 16,
  accept: 17,
  qBlock1: 19,
  block2: 23,
  block1: 27,
  size2: 28,
  qBlock2: 31,
  proxyUri: 35,
  proxyScheme: 39,
  size1: 60,
} as const;

export interface CoapOption {
  readonly number: number;
  readonly value: Uint8Array;
}

/** RFC 7252 §5.4.6: an odd number is a critical option. */
export function isCritical(number: number): boolean {
  return (number & 1) === 1;
}

/** The option's value as an unsigned integer (RFC 7252 §3.2); undefined if it is longer than 4 bytes. */
export function readUint(value: Uint8Array): number | undefined {
  return value.length > 4 ? undefined : value.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** The shortest big-endian form, empty for 0 (RFC 7252 §3.2). */
export function writeUint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

/** An option with a whole number in as few bytes as it needs (RFC 7252 §3.2). */
export function uintOption(number: number, value: number): CoapOption {
  return { number, value: writeUint(value) };
}

/** An option with text in UTF-8 (RFC 7252 §3.2). */
export function textOption(number: number, text: string): CoapOption {
  return { number, value: new TextEncoder().encode(text) };
}

/** More options than any DOTS message needs, few enough that a hostile message costs little. */
const maxOptions = 64;

/**
 * Reads options and payload (RFC 7252 §3.1), which stand alike in datagrams and streams.
 * Returns undefined on a format error: truncated option, reserved nibble, payload marker without payload.
 */
export function readOptionsAndPayload(bytes: Uint8Array): { options: CoapOption[]; payload: Uint8Array } | undefined {
  const options: CoapOption[] = [];
  let at = 0;
  let number = 0;
  const extended = (nibble: number): number | undefined => {
    if (nibble < 13) return nibble;
    const size = nibble === 13 ? 1 : nibble === 14 ? 2 : undefined;
    if (size === undefined || at + size > bytes.length) return undefined;
    const value = readUint(bytes.subarray(at, at + size)) ?? 0;
    at += size;
    return value + (size === 1 ? 13 : 269);
  };
  while (at < bytes.length) {
    const head = bytes[at++] ?? 0;
    if (head === 0xff) return at < bytes.length ? { options, payload: bytes.subarray(at) } : undefined;
    const delta = extended(head >> 4);
    const length = delta === undefined ? undefined : extended(head & 0x0f);
    if (delta === undefined || length === undefined || at + length > bytes.length || options.length >= maxOptions) return undefined;
    number += delta;
    if (number > 0xffff) return undefined;
    options.push({ number, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return { options, payload: new Uint8Array(0) };
}

/** Writes options, in the order of their numbers, and the payload behind its marker. */
export function writeOptionsAndPayload(options: readonly CoapOption[], payload: Uint8Array): Uint8Array {
  const parts: number[] = [];
  let last = 0;
  for (const { number, value } of [...options].sort((a, b) => a.number - b.number)) {
    const delta = splitNibble(number - last);
    const length = splitNibble(value.length);
    parts.push((delta.nibble << 4) | length.nibble, ...delta.extra, ...length.extra, ...value);
    last = number;
  }
  if (payload.length === 0) return Uint8Array.from(parts);
  const bytes = new Uint8Array(parts.length + 1 + payload.length);
  bytes.set(parts);
  bytes[parts.length] = 0xff;
  bytes.set(payload, parts.length + 1);
  return bytes;
}

function splitNibble(value: number): { nibble: number; extra: number[] } {
  if (value < 13) return { nibble: value, extra: [] };
  if (value < 269) return { nibble: 13, extra: [value - 13] };
  return { nibble: 14, extra: [(value - 269) >> 8, (value - 269) & 0xff] };
}
