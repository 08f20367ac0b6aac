import { BlobError, padded, readBlobs, writeBlob } from "./blob.ts";

/** What a message is (ubus, ubusmsg.h). */
export const messageType = {
  hello: 0,
  status: 1,
  data: 2,
  lookup: 4,
  invoke: 5,
  addObject: 6,
  removeObject: 7,
  subscribe: 8,
  unsubscribe: 9,
  notify: 10,
} as const;

/** How a request ended (ubus, ubusmsg.h). */
export const ubusStatus = {
  ok: 0,
  invalidCommand: 1,
  invalidArgument: 2,
  methodNotFound: 3,
  notFound: 4,
  noData: 5,
  permissionDenied: 6,
  timeout: 7,
  notSupported: 8,
  unknownError: 9,
  connectionFailed: 10,
  noMemory: 11,
  parseError: 12,
  systemError: 13,
} as const;

/** How the value of each attribute is written: a number, a text, a flag, or nested bytes that its reader decodes. */
const attributes = {
  status: [1, "number"],
  objectPath: [2, "text"],
  objectId: [3, "number"],
  method: [4, "text"],
  objectType: [5, "number"],
  signature: [6, "nested"],
  data: [7, "nested"],
  target: [8, "number"],
  active: [9, "flag"],
  noReply: [10, "flag"],
  user: [12, "text"],
  group: [13, "text"],
} as const satisfies Readonly<Record<string, readonly [number, keyof Kinds]>>;

interface Kinds {
  readonly number: number;
  readonly text: string;
  readonly flag: boolean;
  readonly nested: Buffer;
}

export type MessageAttributes = { readonly [Name in keyof typeof attributes]?: Kinds[(typeof attributes)[Name][1]] };

export interface UbusMessage {
  readonly type: number;
  /** Chosen by who asks, repeated by who answers. */
  readonly seq: number;
  /** In a request the object that it is for; in an answer the object that it is from. */
  readonly peer: number;
  readonly attributes: MessageAttributes;
}

/** The largest message, without its header (UBUS_MAX_MSGLEN). */
export const largestMessage = 1_048_576;
const headerLength = 8;

/** Version, type, sequence number and peer, then one blob that holds the attributes. Throws BlobError if it is too large. */
export function encodeMessage({ type, seq, peer, attributes: given }: UbusMessage): Buffer {
  const parts: Buffer[] = [];
  for (const [name, [id]] of Object.entries(attributes)) {
    const value = given[name as keyof typeof attributes];
    if (value !== undefined) parts.push(writeBlob(id, toBytes(value)));
  }
  const body = writeBlob(0, Buffer.concat(parts));
  if (body.length > largestMessage) throw new BlobError(`a message holds at most ${largestMessage} bytes`);
  const header = Buffer.alloc(headerLength);
  header.writeUInt8(type, 1);
  header.writeUInt16BE(seq, 2);
  header.writeUInt32BE(peer, 4);
  return Buffer.concat([header, body]);
}

/**
 * Cuts a stream of bytes into messages. The returned function throws BlobError where the stream can no longer be followed: a
 * version other than 0, or a length that is no length; it holds at most one message. What a message's attributes
 * hold may be malformed (ubusd hands on what others wrote): such a message comes with the attributes that could be read.
 */
export function createMessageReader(receive: (message: UbusMessage) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let held = 0;
  let needed = headerLength + 4;
  return (chunk) => {
    chunks.push(chunk);
    held += chunk.length;
    if (held < needed) return;
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      needed = headerLength + 4;
      if (bytes.length < needed) break;
      if (bytes[0] !== 0) throw new BlobError(`version ${bytes[0] ?? 0} of the protocol is not known`);
      const length = bytes.readUInt32BE(headerLength) & 0xff_ffff;
      if (length < 4 || padded(length) > largestMessage) throw new BlobError(`a message claims ${length} bytes`);
      needed = headerLength + length;
      if (bytes.length < needed) break;
      receive({
        type: bytes.readUInt8(1),
        seq: bytes.readUInt16BE(2),
        peer: bytes.readUInt32BE(4),
        attributes: readAttributes(bytes.subarray(headerLength + 4, needed)),
      });
      bytes = bytes.subarray(needed);
    }
    chunks = bytes.length > 0 ? [bytes] : [];
    held = bytes.length;
  };
}

function readAttributes(bytes: Buffer): MessageAttributes {
  const read: Partial<Record<keyof typeof attributes, Kinds[keyof Kinds]>> = {};
  try {
    for (const { id, data } of readBlobs(bytes)) {
      const known = Object.entries(attributes).find(([, [number]]) => number === id);
      const value = known && fromBytes(known[1][1], data);
      if (value !== undefined) read[known?.[0] as keyof typeof attributes] = value;
    }
  } catch (error) {
    if (!(error instanceof BlobError)) throw error;
  }
  return read as MessageAttributes; // each was read by its own kind
}

function toBytes(value: Kinds[keyof Kinds]): Buffer {
  if (typeof value === "string") return Buffer.from(`${value}\0`);
  if (typeof value === "boolean") return Buffer.of(value ? 1 : 0);
  if (typeof value !== "number") return value;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function fromBytes(kind: keyof Kinds, data: Buffer): Kinds[keyof Kinds] | undefined {
  switch (kind) {
    case "number":
      return data.length === 4 ? data.readUInt32BE() : undefined;
    case "text":
      return data.at(-1) === 0 ? data.toString("utf8", 0, data.indexOf(0)) : undefined;
    case "flag":
      return data.length === 1 ? data[0] !== 0 : undefined;
    case "nested":
      return data;
  }
}
