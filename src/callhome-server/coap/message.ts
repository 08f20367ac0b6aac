import { readOptionsAndPayload, writeOptionsAndPayload, type CoapOption } from "./options.ts";

/** A code as the specifications write it: class, dot, two digits, e.g. `2.05`. `0.00` is the empty message. */
export type CoapCode = `${number}.${number}`;

export const method = { get: "0.01", post: "0.02", put: "0.03", delete: "0.04" } as const satisfies Record<string, CoapCode>;

/** What a CoAP message says, whatever carries it. */
export interface CoapContent {
  readonly code: CoapCode;
  readonly token: Uint8Array;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

export type MessageType = "CON" | "NON" | "ACK" | "RST";

/** A message over UDP (RFC 7252 §3). */
export interface CoapDatagram extends CoapContent {
  readonly type: MessageType;
  readonly messageId: number;
}

/** What could be read of a datagram that is not a CoAP message: enough to reject it (RFC 7252 §4.2, §4.3). */
export interface MalformedDatagram {
  readonly is: "malformed";
  readonly type?: MessageType;
  readonly messageId?: number;
}

const types: readonly MessageType[] = ["CON", "NON", "ACK", "RST"];
export const nothing: Uint8Array = new Uint8Array(0);

/** The code's byte: 3 bits of class, 5 of detail. */
export function codeToByte(code: CoapCode): number {
  const [codeClass = "0", detail = "0"] = code.split(".");
  return (Number(codeClass) << 5) | Number(detail);
}

/** The code of a message as it is written, `2.05` (RFC 7252 §3). */
export function codeFromByte(byte: number): CoapCode {
  return `${byte >> 5}.${String(byte & 0x1f).padStart(2, "0")}` as CoapCode;
}

/** Whether the code is a method (RFC 7252 §12.1.1); 0.00 is an empty message. */
export function isRequest(code: CoapCode): boolean {
  return code.startsWith("0.") && code !== "0.00";
}

/** Whether the code is of class 2, 4 or 5 (RFC 7252 §12.1.2). */
export function isResponse(code: CoapCode): boolean {
  return /^[245]\./.test(code);
}

/** A key for maps of tokens. */
export function tokenKey(token: Uint8Array): string {
  return Array.from(token, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads one datagram. A version other than 1 is to be ignored in silence (RFC 7252 §3): malformed, without type. */
export function decodeDatagram(bytes: Uint8Array): CoapDatagram | MalformedDatagram {
  const [head, codeByte, high, low] = bytes;
  if (head === undefined || codeByte === undefined || high === undefined || low === undefined || head >> 6 !== 1) return { is: "malformed" };
  const type = types[(head >> 4) & 0x03] ?? "RST";
  const messageId = (high << 8) | low;
  const tokenLength = head & 0x0f;
  const malformed = { is: "malformed", type, messageId } as const;
  const code = codeFromByte(codeByte);
  if (code === "0.00") {
    return bytes.length === 4 && tokenLength === 0 ? { type, messageId, code, token: nothing, options: [], payload: nothing } : malformed;
  }
  if (tokenLength > 8 || 4 + tokenLength > bytes.length) return malformed;
  const rest = readOptionsAndPayload(bytes.subarray(4 + tokenLength));
  return rest ? { type, messageId, code, token: bytes.subarray(4, 4 + tokenLength), ...rest } : malformed;
}

/** The bytes of a message over UDP (RFC 7252 §3). */
export function encodeDatagram(message: CoapDatagram): Uint8Array {
  const rest = writeOptionsAndPayload(message.options, message.payload);
  const bytes = new Uint8Array(4 + message.token.length + rest.length);
  bytes[0] = 0x40 | (types.indexOf(message.type) << 4) | message.token.length;
  bytes[1] = codeToByte(message.code);
  bytes[2] = message.messageId >> 8;
  bytes[3] = message.messageId & 0xff;
  bytes.set(message.token, 4);
  bytes.set(rest, 4 + message.token.length);
  return bytes;
}

/** The same message under another ID (RFC 7252 §3: bytes 2 and 3). */
export function withMessageId(datagram: Uint8Array, messageId: number): Uint8Array {
  const copy = datagram.slice();
  copy[2] = messageId >> 8;
  copy[3] = messageId & 0xff;
  return copy;
}
