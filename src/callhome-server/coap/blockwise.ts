import type { Clock, Instant } from "../../model/time.ts";
import type { Block } from "./block.ts";
import { method } from "./message.ts";
import { diagnosticResponse, type CoapRequest, type CoapResponse } from "./request.ts";

/** Block-wise transfer of bodies that do not fit into a message (RFC 7959; RFC 9132 §4.4.2). */
export interface Blockwise {
  /** Answers a request or a block of one; `serve` sees whole requests only. */
  answer(request: CoapRequest, serve: (request: CoapRequest) => Promise<CoapResponse | undefined>): Promise<CoapResponse | undefined>;
  /** The first block of a notification that is too long; the peer fetches the rest (RFC 7959 §3.4). */
  split(resource: string, response: CoapResponse): CoapResponse;
}

/** What is kept for the peer to come back for: bodies that it sends in parts, and those that it fetches in parts. */
const mostKept = 4;
const keptFor = 60_000; // milliseconds
const largestBody = 16_384;

interface Upload { readonly parts: Uint8Array[]; length: number; until: Instant }
interface Download { readonly response: CoapResponse; readonly etag: Uint8Array; readonly until: Instant }

/** `largestPayload`: bytes of body that a single message can carry. */
export function createBlockwise(clock: Clock, largestPayload: () => number): Blockwise {
  const uploads = new Map<string, Upload>();
  const downloads = new Map<string, Download>();
  let version = 0;

  const keep = <T>(map: Map<string, T>, key: string, value: T): void => {
    map.delete(key);
    map.set(key, value);
    const [oldest] = map.keys();
    if (map.size > mostKept && oldest !== undefined) map.delete(oldest);
  };

  /** The whole body once its last block is there; until then what to answer. */
  const collect = (request: CoapRequest, block: Block): CoapRequest | CoapResponse => {
    const key = resourceOf(request);
    const known = uploads.get(key);
    const upload = block.number === 0 ? { parts: [], length: 0, until: 0 } : known;
    // RFC 7959 §2.9.2: the parts must come in order, each full but the last.
    const misfit = upload === undefined || (block.number > 0 && upload.until < clock.now()) || upload.length !== block.number * block.size
      || (block.more && request.payload.length !== block.size) || request.payload.length > block.size;
    if (misfit) {
      uploads.delete(key);
      return { ...diagnosticResponse("4.08", "a block is missing"), block1: block };
    }
    if (upload.length + request.payload.length > largestBody) {
      uploads.delete(key);
      return { ...diagnosticResponse("4.13", `at most ${String(largestBody)} bytes`), block1: block };
    }
    upload.parts.push(request.payload.slice());
    upload.length += request.payload.length;
    upload.until = clock.now() + keptFor;
    if (block.more) {
      keep(uploads, key, upload);
      return { code: "2.31", block1: block };
    }
    uploads.delete(key);
    const payload = new Uint8Array(upload.length);
    let at = 0;
    for (const part of upload.parts) {
      payload.set(part, at);
      at += part.length;
    }
    return { ...request, payload };
  };

  const slice = ({ response, etag }: Download, { number, size }: Pick<Block, "number" | "size">): CoapResponse => {
    const payload = response.payload ?? new Uint8Array(0);
    const start = number * size;
    if (start >= payload.length) return diagnosticResponse("4.00", "there is no such block");
    const more = start + size < payload.length;
    // RFC 9132 §4.4.2: a changing resource needs an ETag, so that blocks of different states are not mixed.
    const { observe, ...rest } = response; // RFC 7959 §3.4: in a notification's first block only
    const block: CoapResponse = { ...rest, payload: payload.subarray(start, start + size), block2: { number, more, size }, etag, size2: payload.length };
    return number === 0 && observe !== undefined ? { ...block, observe } : block;
  };

  /** `size`: of the blocks that the peer wants; without, a body is cut only where it must be (RFC 8323 §6). */
  const split = (resource: string, response: CoapResponse, size?: number): CoapResponse => {
    const length = response.payload?.length ?? 0;
    const limit = largestPayload();
    if (length <= Math.min(limit, size ?? limit)) return response;
    version = (version + 1) % 0x1_0000;
    const etag = Uint8Array.of(version >> 8, version & 0xff);
    const download: Download = { response, etag, until: clock.now() + keptFor };
    keep(downloads, resource, download);
    let fitting = size ?? 1024;
    while (fitting > 16 && fitting > limit) fitting /= 2;
    return slice(download, { number: 0, size: fitting });
  };

  return {
    async answer(request, serve) {
      const { block1, block2 } = request;
      if (block2 && block2.number > 0) {
        const download = downloads.get(resourceOf(request));
        return download && download.until >= clock.now() ? slice(download, block2) : diagnosticResponse("4.08", "begin with the first block");
      }
      const whole = block1 && request.code !== method.get ? collect(request, block1) : request;
      if (!("path" in whole)) return whole;
      const response = await serve(whole);
      if (!response) return undefined;
      const answered = split(resourceOf(request), response, block2?.size);
      return block1 ? { ...answered, block1 } : answered;
    },
    split: (resource, response) => split(resource, response),
  };
}

/** What a block belongs to: the same method on the same resource. */
function resourceOf({ code, path, query }: CoapRequest): string {
  return downloadKey(code, path, query);
}

/** The key under which the rest of a notification is fetched, by a GET of the resource. */
export function downloadKey(code: string, path: readonly string[], query: readonly string[]): string {
  return JSON.stringify([code, path, query]);
}
