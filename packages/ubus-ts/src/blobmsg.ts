import { BlobError, padded, readBlobs, writeBlob, type BlobAttribute } from "./blob.ts";

/** What ubus carries, as JavaScript has it. Integers beyond 2^53 are bigints. */
export type UbusValue = null | boolean | number | bigint | string | readonly UbusValue[] | UbusTable;
export interface UbusTable {
  readonly [name: string]: UbusValue;
}

/** Types of a field (libubox, blobmsg.h), and of a parameter in a method's signature. */
export const blobmsgType = { unspecified: 0, array: 1, table: 2, string: 3, int64: 4, int32: 5, int16: 6, bool: 7, double: 8 } as const;
export type BlobmsgType = keyof typeof blobmsgType;

/** Levels of tables and arrays; deeper ones are refused, as decoding is recursive. */
const deepest = 32;
const longestName = 0xffff;

/** The fields of a table, one after the other, as a message's DATA attribute holds them. */
export function encodeTable(table: UbusTable): Buffer {
  return Buffer.concat(Object.entries(table).map(([name, value]) => encodeField(name, value, 1)));
}

/** Reads fields that follow each other. Throws BlobError where they are malformed. Of fields with one name the last counts. */
export function decodeTable(bytes: Buffer): UbusTable {
  return readTable(bytes, 1);
}

/** A field: its type, its name (empty in an array), its value. */
function encodeField(name: string, value: UbusValue, depth: number): Buffer {
  const [type, data] = encodeValue(value, depth);
  const nameBytes = Buffer.from(name);
  if (nameBytes.includes(0)) throw new BlobError("a name must not hold NUL");
  if (nameBytes.length > longestName) throw new BlobError(`a name has at most ${longestName} bytes`);
  const start = nameLength(nameBytes.length);
  const field = Buffer.alloc(start + data.length);
  field.writeUInt16BE(nameBytes.length);
  field.set(nameBytes, 2);
  field.set(data, start);
  return writeBlob(type, field, true);
}

function encodeValue(value: UbusValue, depth: number): readonly [number, Uint8Array] {
  if (depth > deepest) throw new BlobError(`more than ${deepest} levels`);
  switch (typeof value) {
    case "boolean":
      return [blobmsgType.bool, Buffer.of(value ? 1 : 0)];
    case "string": {
      if (value.includes("\0")) throw new BlobError("a text must not hold NUL");
      return [blobmsgType.string, Buffer.from(`${value}\0`)];
    }
    case "bigint": {
      if (BigInt.asIntN(64, value) !== value) throw new BlobError("an integer does not fit in 64 bits");
      return [blobmsgType.int64, eightBytes((bytes) => bytes.writeBigInt64BE(value))];
    }
    case "number":
      return encodeNumber(value);
    default:
      break;
  }
  if (value === null) return [blobmsgType.unspecified, Buffer.alloc(0)];
  return isList(value)
    ? [blobmsgType.array, Buffer.concat(value.map((each) => encodeField("", each, depth + 1)))]
    : [blobmsgType.table, Buffer.concat(Object.entries(value).map(([name, each]) => encodeField(name, each, depth + 1)))];
}

/** As `ubus call` makes of JSON: 32 bits where they suffice. */
function encodeNumber(value: number): readonly [number, Uint8Array] {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return [blobmsgType.double, eightBytes((bytes) => bytes.writeDoubleBE(value))];
  if ((value | 0) !== value) return [blobmsgType.int64, eightBytes((bytes) => bytes.writeBigInt64BE(BigInt(value)))];
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return [blobmsgType.int32, bytes];
}

function readTable(bytes: Buffer, depth: number): UbusTable {
  const fields: [string, UbusValue][] = [];
  for (const attribute of readBlobs(bytes)) {
    const { name, data } = splitName(attribute);
    fields.push([name, readValue(attribute.id, data, depth)]);
  }
  return Object.fromEntries(fields); // defines own properties: `__proto__` is a name like any other
}

function readValue(type: number, data: Buffer, depth: number): UbusValue {
  if (depth > deepest) throw new BlobError(`more than ${deepest} levels`);
  switch (type) {
    case blobmsgType.unspecified:
      return null;
    case blobmsgType.array:
      return [...readBlobs(data)].map((attribute) => readValue(attribute.id, splitName(attribute).data, depth + 1));
    case blobmsgType.table:
      return readTable(data, depth + 1);
    case blobmsgType.string: {
      if (data.at(-1) !== 0) throw new BlobError("a text is not ended by NUL");
      return data.toString("utf8", 0, data.indexOf(0));
    }
    case blobmsgType.int64:
      return narrow(sized(data, 8).readBigInt64BE());
    case blobmsgType.int32:
      return sized(data, 4).readInt32BE();
    case blobmsgType.int16:
      return sized(data, 2).readInt16BE();
    case blobmsgType.bool:
      return sized(data, 1)[0] !== 0;
    case blobmsgType.double:
      return sized(data, 8).readDoubleBE();
    default:
      throw new BlobError(`there is no type ${type}`);
  }
}

/** `u16 length, name, NUL`, padded to 4. An attribute without a name has its data at once. */
function splitName({ extended, data }: BlobAttribute): { readonly name: string; readonly data: Buffer } {
  if (!extended) return { name: "", data };
  if (data.length < 2) throw new BlobError("a field is cut off in its name");
  const length = data.readUInt16BE();
  const start = nameLength(length);
  if (start > data.length) throw new BlobError("a field is cut off in its name");
  if (data[2 + length] !== 0) throw new BlobError("a name is not ended by NUL");
  return { name: data.toString("utf8", 2, 2 + length), data: data.subarray(start) };
}

function nameLength(bytes: number): number {
  return padded(2 + bytes + 1);
}

function sized(data: Buffer, length: number): Buffer {
  if (data.length !== length) throw new BlobError(`a number has ${data.length} bytes instead of ${length}`);
  return data;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function eightBytes(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(8);
  write(bytes);
  return bytes;
}

function isList(value: readonly UbusValue[] | UbusTable): value is readonly UbusValue[] {
  return Array.isArray(value);
}
