import assert from "node:assert/strict";
import { encode } from "cborg";
import { decodeCbor } from "../../src/callhome-server/cbor/decode-cbor.ts";
import { decodeDatagram, encodeDatagram, nothing, type CoapCode, type CoapDatagram, type MessageType } from "../../src/callhome-server/coap/message.ts";
import { optionNumber, readUint, textOption, uintOption, type CoapOption } from "../../src/callhome-server/coap/options.ts";

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

export function hex(of: Uint8Array): string {
  return Buffer.from(of).toString("hex");
}

export function text(of: Uint8Array): string {
  return Buffer.from(of).toString("utf8");
}

/** CBOR of a value in which objects stand for maps with integer keys. */
export function cbor(value: unknown): Uint8Array {
  return encode(mapped(value));
}

function mapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mapped);
  if (typeof value !== "object" || value === null || value.constructor !== Object) return value;
  return new Map(Object.entries(value).map(([key, each]) => [Number(key), mapped(each)]));
}

/** CBOR as values in which objects stand for maps, to compare with. */
export function plain(of: Uint8Array): unknown {
  const unmapped = (value: unknown): unknown => {
    if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [key, unmapped(each)]));
    return Array.isArray(value) ? value.map(unmapped) : value;
  };
  return unmapped(decodeCbor(of));
}

/** The body of a mitigation request with one scope. */
export function mitigation(scope: object): Uint8Array {
  return cbor({ 1: { 2: [scope] } });
}

/** The least that a request needs: the keys of source-prefix, target-prefix, lifetime. */
export const leastScope = { 6: ["198.51.100.9/32"], 14: 3600, 32768: ["203.0.113.7/32"] };

export interface Words {
  readonly type?: MessageType;
  readonly id?: number;
  readonly token?: string;
  readonly options?: readonly CoapOption[];
  readonly query?: readonly string[];
  readonly observe?: number;
  readonly ifMatch?: boolean;
  readonly format?: number;
  readonly payload?: Uint8Array;
}

let lastId = 0x1000;

/** A request as an upstream sends it, NON and with an ID of its own unless the words say otherwise. */
export function request(code: CoapCode, path: string, words: Words = {}): Uint8Array {
  const {
    type = "NON",
    token = "0102030405060708",
    options = [],
    query = [],
    observe,
    ifMatch = false,
    format = words.payload ? 271 : undefined,
    payload = nothing,
  } = words;
  lastId = (lastId + 1) & 0xffff;
  return encodeDatagram({
    type,
    messageId: words.id ?? lastId,
    code,
    token: bytes(token),
    payload,
    options: [
      ...(ifMatch ? [{ number: optionNumber.ifMatch, value: nothing }] : []),
      ...(observe === undefined ? [] : [uintOption(optionNumber.observe, observe)]),
      ...path.split("/").filter((segment) => segment !== "").map((segment) => textOption(optionNumber.uriPath, segment)),
      ...(format === undefined ? [] : [uintOption(optionNumber.contentFormat, format)]),
      ...query.map((each) => textOption(optionNumber.uriQuery, each)),
      ...options,
    ],
  });
}

export function decoded(datagram: Uint8Array | undefined): CoapDatagram {
  assert.ok(datagram, "nothing was sent");
  const message = decodeDatagram(datagram);
  assert.ok(!("is" in message), `malformed: ${hex(datagram)}`);
  return message;
}

export function optionOf(message: { readonly options: readonly CoapOption[] }, number: number): number | undefined {
  const option = message.options.find((each) => each.number === number);
  return option && readUint(option.value);
}
