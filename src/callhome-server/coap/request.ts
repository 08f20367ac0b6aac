import { blockValue, readBlock, type Block } from "./block.ts";
import { codeToByte, nothing, type CoapCode, type CoapContent } from "./message.ts";
import { isCritical, optionNumber, readUint, textOption, uintOption, type CoapOption } from "./options.ts";

/** Content-Format of application/dots+cbor (RFC 9132 §10.3). */
export const dotsCbor = 271;

/** A request with its options read; what DOTS handlers work on. */
export interface CoapRequest {
  readonly code: CoapCode;
  readonly token: Uint8Array;
  readonly path: readonly string[];
  readonly query: readonly string[];
  /** 0 registers, 1 deregisters (RFC 7641 §2). */
  readonly observe: number | undefined;
  readonly contentFormat: number | undefined;
  readonly accept: number | undefined;
  /** `exists`: only if the resource does (an empty If-Match); `tag`: only if it has that tag (RFC 7252 §5.10.8.1). */
  readonly ifMatch: "exists" | "tag" | undefined;
  readonly block1: Block | undefined;
  readonly block2: Block | undefined;
  readonly payload: Uint8Array;
}

/** What a handler answers; undefined instead of it means silence. */
export interface CoapResponse {
  readonly code: CoapCode;
  readonly contentFormat?: number;
  readonly payload?: Uint8Array;
  readonly observe?: number;
  readonly maxAge?: number; // seconds
  readonly etag?: Uint8Array;
  readonly block1?: Block;
  readonly block2?: Block;
  /** Bytes of the whole body, where a block of it is sent (RFC 7959 §4). */
  readonly size2?: number;
}

/** Critical options that are understood. Q-Block1 and Q-Block2 are not: a client takes that for their absence (RFC 9177 §4.1). */
const understood: ReadonlySet<number> = new Set([
  optionNumber.ifMatch,
  optionNumber.uriHost,
  optionNumber.uriPort,
  optionNumber.uriPath,
  optionNumber.uriQuery,
  optionNumber.accept,
  optionNumber.block1,
  optionNumber.block2,
]);

const proxying: ReadonlySet<number> = new Set([optionNumber.proxyUri, optionNumber.proxyScheme]);

/**
 * Reads a request's options; a code and a diagnostic text where they cannot be processed (RFC 7252 §5.4.1). `overStream`: whether it came over
 * TCP, where blocks may come several at a time (RFC 8323 §6).
 */
export function readRequest(message: CoapContent, overStream = false): CoapRequest | { readonly refused: CoapResponse } {
  // RFC 7252 §5.10.2: "An endpoint … unable or unwilling to act as proxy … MUST cause the return of a 5.05".
  if (message.options.some(({ number }) => proxying.has(number))) return { refused: diagnosticResponse("5.05", "this is no proxy") };
  const unknown = message.options.find((option) => isCritical(option.number) && !understood.has(option.number));
  if (unknown) return { refused: diagnosticResponse("4.02", `unknown critical option ${String(unknown.number)}`) };
  const path = readTexts(message.options, optionNumber.uriPath);
  const query = readTexts(message.options, optionNumber.uriQuery);
  if (!path || !query) return { refused: diagnosticResponse("4.02", "Uri-Path and Uri-Query must be UTF-8 of at most 255 bytes") };
  // RFC 7252 §5.4.3, §5.4.5: a critical option of a wrong length, or once too often, is one that is not understood.
  const accepts = message.options.filter((option) => option.number === optionNumber.accept);
  if (accepts.length > 1 || accepts.some((option) => option.value.length > 2))
    return { refused: diagnosticResponse("4.02", "Accept must come once, with at most 2 bytes") };
  const [block1, block2] = [optionNumber.block1, optionNumber.block2].map((number) => message.options.find((option) => option.number === number));
  const blocks = { block1: block1 && readBlock(block1, overStream), block2: block2 && readBlock(block2, overStream) };
  if ((block1 && !blocks.block1) || (block2 && !blocks.block2)) return { refused: diagnosticResponse("4.02", "malformed block option") };
  return {
    code: message.code,
    token: message.token,
    path,
    query,
    observe: firstUint(message.options, optionNumber.observe),
    contentFormat: firstUint(message.options, optionNumber.contentFormat),
    accept: firstUint(message.options, optionNumber.accept),
    ifMatch: readIfMatch(message.options),
    ...blocks,
    payload: message.payload,
  };
}

/** The message that answers `request` with `response`. */
export function responseContent(token: Uint8Array, response: CoapResponse): CoapContent {
  const options: CoapOption[] = [];
  if (response.observe !== undefined) options.push(uintOption(optionNumber.observe, response.observe));
  if (response.contentFormat !== undefined) options.push(uintOption(optionNumber.contentFormat, response.contentFormat));
  if (response.maxAge !== undefined) options.push(uintOption(optionNumber.maxAge, response.maxAge));
  if (response.etag) options.push({ number: optionNumber.etag, value: response.etag });
  if (response.block1) options.push(uintOption(optionNumber.block1, blockValue(response.block1)));
  if (response.block2) options.push(uintOption(optionNumber.block2, blockValue(response.block2)));
  if (response.size2 !== undefined) options.push(uintOption(optionNumber.size2, response.size2));
  return { code: response.code, token, options, payload: response.payload ?? nothing };
}

/** The content of a request of our own. */
export function requestContent(code: CoapCode, token: Uint8Array, path: readonly string[], body: Uint8Array): CoapContent {
  const options = path.map((segment) => textOption(optionNumber.uriPath, segment));
  return { code, token, options: [...options, uintOption(optionNumber.contentFormat, dotsCbor)], payload: body };
}

/** An error with a diagnostic payload (RFC 7252 §5.5.2): UTF-8 text without Content-Format. */
export function diagnosticResponse(code: CoapCode, diagnostic: string): CoapResponse {
  return { code, payload: new TextEncoder().encode(diagnostic) };
}

/** Whether a response says that the request failed: class 4 or 5 (RFC 7252 §5.9). */
export function isErrorCode(code: CoapCode): boolean {
  return codeToByte(code) >= 0x80;
}

/** One of several that matches is enough. */
function readIfMatch(options: readonly CoapOption[]): CoapRequest["ifMatch"] {
  const conditions = options.filter((option) => option.number === optionNumber.ifMatch);
  if (conditions.length === 0) return undefined;
  return conditions.some((option) => option.value.length === 0) ? "exists" : "tag";
}

function firstUint(options: readonly CoapOption[], number: number): number | undefined {
  const option = options.find((each) => each.number === number);
  return option && readUint(option.value);
}

function readTexts(options: readonly CoapOption[], number: number): string[] | undefined {
  const texts: string[] = [];
  for (const option of options) {
    if (option.number !== number) continue;
    if (option.value.length > 255) return undefined;
    try {
      texts.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(option.value));
    } catch {
      return undefined;
    }
  }
  return texts;
}
