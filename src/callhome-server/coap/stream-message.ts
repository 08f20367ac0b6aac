import { codeFromByte, codeToByte, type CoapContent } from "./message.ts";
import { readOptionsAndPayload, writeOptionsAndPayload } from "./options.ts";

/** Signalling codes of CoAP over reliable transports (RFC 8323 §5). */
export const signal = { csm: "7.01", ping: "7.02", pong: "7.03", release: "7.04", abort: "7.05" } as const;

/** Options of signalling messages; each code numbers its own (RFC 8323 §5.2). */
export const signalOption = { maxMessageSize: 2, blockWiseTransfer: 4, custody: 2 } as const;

/** How the lengths of RFC 8323 figure 7 are written: nibble, bytes that extend it, what they are counted from. */
const lengthForms = [
  { nibble: 13, bytes: 1, from: 13 },
  { nibble: 14, bytes: 2, from: 269 },
  { nibble: 15, bytes: 4, from: 65_805 },
] as const;

/** A whole message at the head of `bytes`, and how many bytes it took. */
export interface StreamMessage {
  readonly content: CoapContent;
  readonly length: number;
}

/**
 * Reads one message of CoAP over TCP (RFC 8323 §3.2): undefined = more bytes are needed; a text = why this is no message, or
 * one longer than `largest` bytes, after which nothing on the connection can be trusted.
 */
export function readStreamMessage(bytes: Uint8Array, largest: number): StreamMessage | undefined | { readonly broken: string } {
  const [head] = bytes;
  if (head === undefined) return undefined;
  const tokenLength = head & 0x0f;
  if (tokenLength > 8) return { broken: "token longer than 8 bytes" };
  const form = lengthForms.find(({ nibble }) => nibble === head >> 4);
  const extended = form?.bytes ?? 0;
  if (bytes.length < 1 + extended) return undefined;
  const written = bytes.subarray(1, 1 + extended).reduce((sum, byte) => sum * 256 + byte, 0);
  const bodyLength = form ? form.from + written : head >> 4;
  const start = 1 + extended + 1 + tokenLength;
  const length = start + bodyLength;
  if (length > largest) return { broken: `message longer than ${String(largest)} bytes` };
  if (bytes.length < length) return undefined;
  const rest = readOptionsAndPayload(bytes.subarray(start, length));
  if (!rest) return { broken: "malformed options" };
  return { content: { code: codeFromByte(bytes[1 + extended] ?? 0), token: bytes.slice(start - tokenLength, start), ...rest }, length };
}

/** The bytes of a message over TCP (RFC 8323 §3.2). */
export function writeStreamMessage({ code, token, options, payload }: CoapContent): Uint8Array {
  const rest = writeOptionsAndPayload(options, payload);
  const form = [...lengthForms].reverse().find(({ from }) => rest.length >= from);
  const extended = form ? rest.length - form.from : 0;
  const head = [((form?.nibble ?? rest.length) << 4) | token.length];
  for (let shift = (form?.bytes ?? 0) - 1; shift >= 0; shift--) head.push(Math.floor(extended / 256 ** shift) % 256);
  const bytes = new Uint8Array(head.length + 1 + token.length + rest.length);
  bytes.set([...head, codeToByte(code), ...token]);
  bytes.set(rest, head.length + 1 + token.length);
  return bytes;
}
