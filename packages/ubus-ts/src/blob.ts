/** Bytes that are not what libubox calls a blob (libubox, blob.h). */
export class BlobError extends Error {}

/** An attribute: a number that says what it is, and its bytes. */
export interface BlobAttribute {
  /** 0-127 */
  readonly id: number;
  /** Whether a blobmsg name comes first in its data. */
  readonly extended: boolean;
  readonly data: Buffer;
}

const headerLength = 4;
const greatestLength = 0xff_ffff;

/** `u32 = extended << 31 | id << 24 | length`; the length counts these 4 bytes but not the padding to a multiple of 4. */
export function writeBlob(id: number, data: Uint8Array, extended = false): Buffer {
  const length = headerLength + data.length;
  if (length > greatestLength) throw new BlobError(`an attribute holds at most ${greatestLength} bytes`);
  const blob = Buffer.alloc(padded(length));
  blob.writeUInt32BE(((extended ? 0x8000_0000 : 0) | (id << 24) | length) >>> 0);
  blob.set(data, headerLength);
  return blob;
}

/** The attributes that follow each other in `bytes`, all of them; what they hold is not copied. */
export function* readBlobs(bytes: Buffer): Generator<BlobAttribute> {
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < headerLength) throw new BlobError("an attribute is cut off in its header");
    const header = bytes.readUInt32BE(at);
    const length = header & greatestLength;
    if (length < headerLength || length > bytes.length - at) throw new BlobError(`an attribute claims ${length} bytes where ${bytes.length - at} are left`);
    yield { id: (header >>> 24) & 0x7f, extended: header >>> 31 === 1, data: bytes.subarray(at + headerLength, at + length) };
    at += padded(length);
  }
}

/** Bytes that `length` bytes take up in a blob: each attribute is padded to four. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
