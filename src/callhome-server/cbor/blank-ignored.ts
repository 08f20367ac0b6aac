import { BodyError } from "./body-error.ts";
import { maxBodyBytes } from "./decode-cbor.ts";

/** An item of which more is to come: array, map, tag, or a string in pieces. */
interface Open {
  readonly is: "items" | "map" | "pieces";
  /** Items still to come; Infinity until a break. */
  left: number;
  /** In a map: whether the next item is a value, and whether that is to be ignored. */
  atValue: boolean;
  ignored: boolean;
  /** The major type that each piece of a string in pieces has to have. */
  readonly major: number;
}

const simpleNull = 0xf6;

/**
 * Replaces the values of map keys that are `ignored` by null, so that no more has to be understood of them than where they end (RFC 8949
 * appendix C): whatever well-formed CBOR they are, however deep. One pass without recursion; cost and memory are bounded by the bytes.
 * Throws BodyError if such a value is not well-formed; anything else that is malformed is left to the decoder.
 */
export function blankIgnored(bytes: Uint8Array, ignored: (key: number) => boolean): Uint8Array {
  if (bytes.length > maxBodyBytes) return bytes; // the decoder refuses it
  const open: Open[] = [];
  const cuts: { readonly from: number; readonly to: number }[] = [];
  /** Where the value that is being passed over begins, and how many items were open then. */
  let cut: { readonly from: number; readonly depth: number } | undefined;
  let at = 0;
  do {
    const top = open.at(-1);
    if (top?.atValue && top.ignored && !cut) cut = { from: at, depth: open.length };
    const head = readHead(bytes, at);
    if (!head || !fits(head, top, at + head.length, bytes.length)) {
      if (cut) throw new BodyError("malformed CBOR in an attribute that is ignored");
      break;
    }
    at += head.length + (head.opens === undefined ? head.content : 0);
    if (head.isBreak) open.pop();
    else if (top?.is === "map" && !top.atValue) top.ignored = head.major === 0 && ignored(head.value);
    if (head.opens && head.opens.left > 0) open.push(head.opens);
    else complete(open);
    if (cut && (open.length < cut.depth || (open.length === cut.depth && !open.at(-1)?.atValue))) {
      cuts.push({ from: cut.from, to: at });
      cut = undefined;
    }
  } while (open.length > 0 && at < bytes.length);
  if (cut) throw new BodyError("an attribute that is ignored is cut");
  return without(bytes, cuts);
}

interface Head {
  readonly major: number;
  readonly value: number;
  /** Bytes of the head itself, and of the string behind it. */
  readonly length: number;
  readonly content: number;
  readonly isBreak: boolean;
  readonly opens?: Open;
}

/** The head of an item at `at`; undefined if it is cut or reserved (RFC 8949 §3). */
function readHead(bytes: Uint8Array, at: number): Head | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const major = first >> 5;
  const info = first & 0x1f;
  if (info === 31) return readIndefinite(major);
  if (info > 27) return undefined;
  const extra = info < 24 ? 0 : 2 ** (info - 24);
  if (at + 1 + extra > bytes.length) return undefined;
  const value = extra === 0 ? info : bytes.subarray(at + 1, at + 1 + extra).reduce((sum, byte) => sum * 256 + byte, 0);
  if (major === 7 && info === 24 && value < 32) return undefined;
  const head = { major, value, length: 1 + extra, content: 0, isBreak: false };
  const items: Omit<Open, "is" | "left"> = { atValue: false, ignored: false, major };
  switch (major) {
    case 2:
    case 3:
      return { ...head, content: value };
    case 4:
      return { ...head, opens: { ...items, is: "items", left: value } };
    case 5:
      return { ...head, opens: { ...items, is: "map", left: value * 2 } };
    case 6:
      return { ...head, opens: { ...items, is: "items", left: 1 } };
    default:
      return head;
  }
}

function readIndefinite(major: number): Head | undefined {
  const head = { major, value: 0, length: 1, content: 0, isBreak: major === 7 };
  const items: Omit<Open, "is"> = { left: Infinity, atValue: false, ignored: false, major };
  switch (major) {
    case 2:
    case 3:
      return { ...head, opens: { ...items, is: "pieces" } };
    case 4:
      return { ...head, opens: { ...items, is: "items" } };
    case 5:
      return { ...head, opens: { ...items, is: "map" } };
    case 7:
      return head;
    default:
      return undefined;
  }
}

/** Whether the item may stand there, and is all there. */
function fits({ major, isBreak, opens, content }: Head, top: Open | undefined, behind: number, length: number): boolean {
  if (behind + content > length) return false;
  if (isBreak) return top?.left === Infinity && !top.atValue;
  return top?.is !== "pieces" || (major === top.major && !opens);
}

/** An item has ended, and with it each one whose last item it was. */
function complete(open: Open[]): void {
  for (let top = open.at(-1); top; top = open.at(-1)) {
    top.left -= 1;
    if (top.is === "map") top.atValue = !top.atValue;
    if (top.left > 0) return;
    open.pop();
  }
}

function without(bytes: Uint8Array, cuts: readonly { readonly from: number; readonly to: number }[]): Uint8Array {
  if (cuts.length === 0) return bytes;
  const kept = new Uint8Array(cuts.reduce((length, { from, to }) => length - (to - from) + 1, bytes.length));
  let at = 0;
  let read = 0;
  for (const { from, to } of cuts) {
    kept.set(bytes.subarray(read, from), at);
    at += from - read;
    kept[at++] = simpleNull;
    read = to;
  }
  kept.set(bytes.subarray(read), at);
  return kept;
}
