import { BodyError } from "./body-error.ts";

/** The deepest DOTS message, the ports of a top talker in a mitigation request (RFC 9244), nests 11 levels. */
const maxDepth = 12;
const breakCode = 0xff;
/** Tag 4, decimal fraction (RFC 8949 §3.4.4), is the only one that an attribute has (RFC 9132 §6). */
const decimalTag = 4;

/** What the gate counted. */
export interface Checked {
  /** Entries of all maps together: a decoder whose maps hold fewer has met a key twice. */
  readonly entries: number;
}

/**
 * The gate before the decoder: passes one item that fills the body and consists of what DOTS attributes are made of, nothing else. Refused is
 * what is cut or reserved, has something behind it, nests too deep, a break out of place, strings in pieces, text that is not UTF-8, tags but
 * that of decimals, simple values but false, true, null and undefined, floating-point numbers: no attribute is one, and a decoder that takes
 * the byte order of the machine for little-endian reads a short one wrongly. Throws BodyError. Recursion is bounded by the depth.
 */
export function checkCbor(body: Uint8Array): Checked {
  let at = 0;
  let entries = 0;
  /** Passes the head of an item at `at`, and returns its argument; Infinity for an indefinite length (RFC 8949 §3). */
  const argument = (info: number): number => {
    at += 1;
    if (info === 31) return Infinity;
    if (info < 24) return info;
    const end = at + 2 ** (info - 24);
    if (info > 27 || end > body.length) throw new BodyError("malformed CBOR");
    let value = 0;
    while (at < end) value = value * 256 + (body[at++] ?? 0);
    return value;
  };
  const string = (isText: boolean, length: number): void => {
    if (length === Infinity) throw new BodyError("a string in pieces");
    if (length > body.length - at) throw new BodyError("malformed CBOR");
    at += length;
    if (isText && !isUtf8(body, at - length, at)) throw new BodyError("a text that is not UTF-8");
  };
  const items = (isMap: boolean, count: number, depth: number): void => {
    if (count === 0) return;
    if (depth === maxDepth) throw new BodyError("nested too deep");
    for (let left = count; left > 0; left--) {
      if (count === Infinity && body[at] === breakCode) {
        at += 1;
        return;
      }
      item(depth + 1);
      if (!isMap) continue;
      entries += 1;
      item(depth + 1);
    }
  };
  /** What stands at `at`, in so many containers. */
  const item = (depth: number): void => {
    const first = body[at];
    if (first === undefined) throw new BodyError("malformed CBOR");
    if (first === breakCode) throw new BodyError("misplaced break");
    const [major, value] = [first >> 5, argument(first & 0x1f)];
    switch (major) {
      case 2:
      case 3:
        string(major === 3, value);
        return;
      case 4:
      case 5:
        items(major === 5, value, depth);
        return;
      case 6:
        if (value !== decimalTag) throw new BodyError("a tag that no attribute has");
        items(false, 1, depth);
        return;
      case 7:
        if (first < 0xf4 || first > 0xf7) throw new BodyError("a value that no attribute has");
        return;
      default:
        if (value === Infinity) throw new BodyError("malformed CBOR");
    }
  };
  item(0);
  if (at < body.length) throw new BodyError("something behind the end");
  return { entries };
}

/** RFC 3629 §4: the shortest form, no surrogates, nothing above U+10FFFF. */
function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to;) {
    const first = bytes[at++] ?? 0;
    if (first < 0x80) continue;
    const [more, least, most] = first >= 0xc2 && first < 0xe0
      ? [1, 0x80, 0xbf]
      : first >= 0xe0 && first < 0xf0
      ? [2, first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf]
      : first >= 0xf0 && first < 0xf5
      ? [3, first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf]
      : [Infinity, 0, 0];
    if (at + more > to || (bytes[at] ?? 0) < least || (bytes[at] ?? 0) > most) return false;
    for (const end = at + more; at < end; at++) if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return false;
  }
  return true;
}
