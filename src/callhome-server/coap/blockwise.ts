import { between, later, milliseconds, type SteadyClock, type SteadyInstant } from "../../model/time.ts";
import type { Block } from "./block.ts";
import { method } from "./message.ts";
import { diagnosticResponse, isErrorCode, type CoapRequest, type CoapResponse } from "./request.ts";

/** Block-wise transfer of bodies that do not fit into a message (RFC 7959; RFC 9132 §4.4.2). */
export interface Blockwise {
  /** Answers a request or a block of one; `serve` sees whole requests only. */
  answer(request: CoapRequest, serve: (request: CoapRequest) => Promise<CoapResponse | undefined>): Promise<CoapResponse | undefined>;
  /**
   * The first block of a notification that is too long; the peer fetches the rest (RFC 7959 §3.4). `asked`: the Block2 option of the
   * observing GET, whose size holds for the notifications too (§2.6).
   */
  split(resource: string, response: CoapResponse, asked?: Block): CoapResponse;
}

/** What is kept for the peer to come back for: bodies that it sends in parts, and those that it fetches in parts. */
const mostKept = 4;
const keptFor = milliseconds(60_000);
const largestBody = 16_384;

interface Upload {
  readonly parts: Uint8Array[];
  length: number;
  until: SteadyInstant;
}
interface Download {
  readonly response: CoapResponse;
  readonly etag: Uint8Array;
  readonly until: SteadyInstant;
  /** Where the block that was sent last begins, and the one behind it. */
  last: number;
  next: number;
}
/** A state of a resource is fetched in blocks because it was asked for, or because a notification began with it. */
type Begun = "asked" | "notified";

/** `largestPayload`: bytes of body that a single message can carry. */
export function createBlockwise(clock: SteadyClock, largestPayload: () => number): Blockwise {
  const uploads = new Map<string, Upload>();
  /** By how they began, and the resource: a notification does not take the state away that the peer is just fetching. */
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
    const upload = block.number === 0 ? { parts: [], length: 0, until: clock.now() } : known;
    // RFC 7959 §2.9.2: the parts must come in order, each full but the last.
    const misfit = upload === undefined || (block.number > 0 && upload.until < clock.now()) || upload.length !== block.number * block.size
      || isMisfit(request.payload.length, block);
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
    upload.until = later(clock.now(), keptFor);
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

  /** The block that begins at byte `start`, of the size that is asked for, or smaller where the peer's messages are. */
  const slice = (download: Download, start: number, asked: Pick<Block, "size" | "bert">): CoapResponse => {
    const { response, etag } = download;
    const payload = response.payload ?? new Uint8Array(0);
    if (start >= payload.length) return diagnosticResponse("4.00", "there is no such block");
    const limit = largestPayload();
    let { size } = asked;
    while (size > 16 && size > limit) size /= 2;
    const bert = asked.bert && size === asked.size;
    const end = start + (bert ? Math.floor(limit / size) * size : size);
    download.last = start;
    download.next = end;
    // RFC 9132 §4.4.2: a changing resource needs an ETag, so that blocks of different states are not mixed.
    const { observe, ...rest } = response; // RFC 7959 §3.4: in a notification's first block only
    const block2: Block = { number: start / size, more: end < payload.length, size, ...(bert ? { bert } : {}) };
    const block: CoapResponse = { ...rest, payload: payload.subarray(start, end), block2, etag, size2: payload.length };
    return start === 0 && observe !== undefined ? { ...block, observe } : block;
  };

  const begin = (begun: Begun, resource: string, response: CoapResponse): Download => {
    version = (version + 1) % 0x1_0000;
    const download = { response, etag: Uint8Array.of(version >> 8, version & 0xff), until: later(clock.now(), keptFor), last: 0, next: 0 };
    keep(downloads, `${begun} ${resource}`, download);
    return download;
  };

  /** Without `asked`, a body is cut only where it must be (RFC 8323 §6). */
  const split = (begun: Begun, resource: string, response: CoapResponse, asked?: Pick<Block, "size" | "bert">): CoapResponse => {
    const length = response.payload?.length ?? 0;
    const limit = largestPayload();
    if (length <= (asked && !asked.bert ? Math.min(limit, asked.size) : limit)) return response;
    return slice(begin(begun, resource, response), 0, asked ?? { size: 1024 });
  };

  /** The state that the peer is fetching: of two, the one that its block comes next of, or again. */
  const fetched = (resource: string, start: number): Download | undefined => {
    const kept = (["asked", "notified"] as const).flatMap((begun) => downloads.get(`${begun} ${resource}`) ?? []).filter(({ until }) => until >= clock.now());
    return kept.find(({ next }) => next === start) ?? kept.find(({ last }) => last === start) ?? kept.sort((a, b) => between(b.until, a.until))[0];
  };

  return {
    async answer(request, serve) {
      const { block1, block2 } = request;
      if (block2 && block2.number > 0) {
        const resource = resourceOf(request);
        const start = block2.number * block2.size;
        const download = fetched(resource, start);
        if (download) return slice(download, start, block2);
        if (request.code !== method.get) return diagnosticResponse("4.08", "begin with the first block");
        // RFC 7959 §2.4: a GET may ask for any block, of the state that is now. It observes nothing (§3.4).
        const response = await serve({ ...request, observe: undefined });
        return response && !isErrorCode(response.code) ? slice(begin("asked", resource, response), start, block2) : response;
      }
      const whole = block1 && request.code !== method.get ? collect(request, block1) : request;
      if (!("path" in whole)) return whole;
      const response = await serve(whole);
      if (!response) return undefined;
      const answered = split("asked", resourceOf(request), response, block2);
      return block1 ? { ...answered, block1 } : answered;
    },
    split: (resource, response, asked) => split("notified", resource, response, asked),
  };
}

/** RFC 7959 §2.2, RFC 8323 §6: a block is full, or several are, but for the last. */
function isMisfit(length: number, { more, size, bert }: Block): boolean {
  if (bert) return more && (length === 0 || length % size !== 0);
  return length > size || (more && length !== size);
}

/** What a block belongs to: the same method on the same resource. */
function resourceOf({ code, path, query }: CoapRequest): string {
  return downloadKey(code, path, query);
}

/** The key under which the rest of a notification is fetched, by a GET of the resource. */
export function downloadKey(code: string, path: readonly string[], query: readonly string[]): string {
  return JSON.stringify([code, path, query]);
}
