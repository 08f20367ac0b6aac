import { readIpv4Bytes, readIpv6Bytes } from "./read-address-bytes.ts";

/** Where each address of a flow starts in `FlowLine.addresses`; an IPv4 address takes the first of its four words. */
export const place = { originalSource: 0, originalTarget: 4, replySource: 8, replyTarget: 12 } as const;

/** A line of `conntrack -E` or `-L` in numbers. One object is filled again and again: at 20,000 lines a second none may be made. */
export interface FlowLine {
  is: "opened" | "ended" | "listed";
  /** Milliseconds since 1970 as `-o timestamp` printed them; 0 = not printed. */
  at: number;
  family: 4 | 6;
  protocol: number;
  readonly addresses: Uint32Array;
  /** Source and target port of the original, then of the reply; for ICMP identifier and type. */
  readonly ports: Uint16Array;
  /** Packets and bytes of the original, then of the reply. */
  readonly counters: Float64Array;
  /** conntrack's own number for the entry; 0 = not printed. */
  id: number;
}

/** A line to read into, again and again: reading allocates nothing. */
export function emptyFlowLine(): FlowLine {
  return {
    is: "listed",
    at: 0,
    family: 4,
    protocol: 0,
    addresses: new Uint32Array(16),
    ports: new Uint16Array(4),
    counters: new Float64Array(4),
    id: 0,
  };
}

const longestLine = 2048;
const byte = { tab: 9, space: 32, zero: 48, nine: 57, equals: 61, open: 91, dot: 46, colon: 58 } as const;
const [d, e, i, k, o, p, r, s, y] = [100, 101, 105, 107, 111, 112, 114, 115, 121]; // ASCII
const [D, N] = [68, 78];

/** What of a tuple has been read. */
const seen = { source: 1, target: 2, sourcePort: 4, targetPort: 8, type: 16, identifier: 32, packets: 64, bytes: 128 } as const;

/**
 * Reads the line that lies in `bytes` from `start` to `end` into `line`; false if it is not a whole entry. The same as
 * parseConntrack, which is for few lines and for people to read, at a tenth of its time: no string is made. Only `key=` tokens are
 * read, in whatever order and company they come; unknown ones, `[OFFLOAD]`, marks, zones and labels are stepped over.
 */
export function readFlowLine(bytes: Uint8Array, start: number, end: number, line: FlowLine): boolean {
  if (end - start > longestLine) return false;
  line.is = "listed";
  line.at = 0;
  line.id = 0;
  line.ports.fill(0);
  line.counters.fill(0);
  let protocol = -1;
  let words = 0;
  let half = -1;
  let got = 0;
  let family = 0;

  for (let at = start; at < end; at += 1) {
    const first = bytes[at];
    if (first === byte.space || first === byte.tab) continue;
    let equals = -1;
    let stop = at;
    for (; stop < end; stop += 1) {
      const code = bytes[stop];
      if (code === byte.space || code === byte.tab) break;
      if (code === byte.equals && equals < 0) equals = stop;
    }
    if (first === byte.open) {
      readBracket(bytes, at, stop, line);
    } else if (equals < 0) {
      // `udp 17 30`, or with `-o extended` `ipv4 2 udp 17 30`: the number is the second word.
      if (half < 0) {
        if (words === 0 && isFamilyName(bytes, at, stop)) words = -2;
        else if (words === 1) protocol = readNumber(bytes, at, stop, 255);
        words += 1;
      }
    } else {
      const second = bytes[at + 1];
      const value = equals + 1;
      const length = equals - at;
      if (length === 3 && first === s && second === r) {
        if (half === 1 || (half === 0 && (got & seen.target) === 0)) return false;
        half += 1;
        got = 0;
        const found = readAddress(bytes, value, stop, line.addresses, half === 0 ? place.originalSource : place.replySource);
        if (found === 0 || (half === 1 && found !== family)) return false;
        family = found;
        got |= seen.source;
      } else if (half < 0) {
        words += 1; // not of a tuple: then no protocol either, if it stands in its place
        if (words === 2) return false;
      } else if (length === 3 && first === d && second === 115) {
        if ((got & seen.target) === 0) {
          if (readAddress(bytes, value, stop, line.addresses, half === 0 ? place.originalTarget : place.replyTarget) !== family) return false;
          got |= seen.target;
        }
      } else if (length === 5 && second === p && (first === s || first === d) && bytes[at + 2] === o) {
        const bit = first === s ? seen.sourcePort : seen.targetPort;
        if ((got & bit) === 0) line.ports[half * 2 + (first === s ? 0 : 1)] = Math.max(0, readNumber(bytes, value, stop, 0xffff));
        got |= bit;
      } else if (length === 7 && first === p && bytes[at + 3] === k) {
        if ((got & seen.packets) === 0) line.counters[half * 2] = Math.max(0, readNumber(bytes, value, stop, Number.MAX_SAFE_INTEGER));
        got |= seen.packets;
      } else if (length === 5 && first === 98 && second === y) {
        if ((got & seen.bytes) === 0) line.counters[half * 2 + 1] = Math.max(0, readNumber(bytes, value, stop, Number.MAX_SAFE_INTEGER));
        got |= seen.bytes;
      } else if (length === 4 && first === 116 && second === y && bytes[at + 3] === e) {
        if ((got & seen.type) === 0) line.ports[half * 2 + 1] = Math.max(0, readNumber(bytes, value, stop, 0xff));
        got |= seen.type;
      } else if (length === 2 && first === i && second === d) {
        // The identifier of ICMP stands in its tuple; that of the entry, which `-o id` asks for, at the end.
        if ((got & seen.type) !== 0 && (got & seen.identifier) === 0) line.ports[half * 2] = Math.max(0, readNumber(bytes, value, stop, 0xffff));
        else line.id = Math.max(0, readNumber(bytes, value, stop, 0xffff_ffff));
        got |= seen.identifier;
      }
    }
    at = stop;
  }
  line.protocol = protocol;
  line.family = family === 6 ? 6 : 4;
  return protocol >= 0 && half === 1 && (got & seen.target) !== 0;
}

/** `ipv4` or `ipv6`. */
function isFamilyName(bytes: Uint8Array, at: number, stop: number): boolean {
  return stop - at === 4 && bytes[at] === i && bytes[at + 1] === p && bytes[at + 2] === 118 && (bytes[at + 3] === 52 || bytes[at + 3] === 54);
}

/** `[1795301997.154061]`, `[NEW]`, `[DESTROY]`; all others say nothing that is needed. */
function readBracket(bytes: Uint8Array, start: number, stop: number, line: FlowLine): void {
  const letter = bytes[start + 1] ?? 0;
  if (letter === N && bytes[start + 2] === 69) line.is = "opened";
  else if (letter === D && bytes[start + 2] === 69) line.is = "ended";
  else if (letter >= byte.zero && letter <= byte.nine && line.at === 0) {
    let dot = start + 1;
    while (dot < stop && bytes[dot] !== byte.dot) dot += 1;
    const seconds = readNumber(bytes, start + 1, dot, 0xffff_ffff);
    const millis = dot + 4 <= stop ? readNumber(bytes, dot + 1, dot + 4, 999) : 0;
    if (seconds > 0) line.at = seconds * 1000 + Math.max(0, millis);
  }
}

/** The family that it is of; 0 = not an address. */
function readAddress(bytes: Uint8Array, start: number, stop: number, into: Uint32Array, at: number): 4 | 6 | 0 {
  for (let look = start; look < stop && look < start + 5; look += 1) {
    if (bytes[look] === byte.colon) return readIpv6Bytes(bytes, start, stop, into, at) ? 6 : 0;
  }
  return readIpv4Bytes(bytes, start, stop, into, at) ? 4 : 0;
}

/** A decimal number; -1 if it is not one, or larger. */
function readNumber(bytes: Uint8Array, start: number, stop: number, largest: number): number {
  if (stop <= start || stop - start > 20) return -1;
  let value = 0;
  for (let at = start; at < stop; at += 1) {
    const code = bytes[at] ?? 0;
    if (code < byte.zero || code > byte.nine) return -1;
    value = value * 10 + code - byte.zero;
  }
  return value <= largest ? value : -1;
}
