/** As much of Node's Buffer as the program asks for. What is missing is a TypeError at its first use. */
type Encoding = "utf8" | "utf-8" | "latin1" | "binary" | "ascii" | "hex" | "base64" | "base64url";

const digits = "0123456789abcdef";
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function encode(text: string, encoding: string): Uint8Array<ArrayBuffer> {
  switch (encoding as Encoding) {
    case "utf8":
    case "utf-8":
      return native.encodeUtf8(text);
    case "latin1":
    case "binary":
    case "ascii":
      return Uint8Array.from(text, (character) => character.charCodeAt(0));
    case "hex": {
      const pairs = /^(?:[0-9a-f]{2})*/i.exec(text)?.[0].match(/../g) ?? [];
      return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
    }
    case "base64":
    case "base64url":
      return decodeBase64(text);
  }
  throw new TypeError(`Unknown encoding: ${encoding}`);
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let bits = 0, held = 0;
  for (const character of text) {
    if (character === "=") break;
    const value = character === "-" || character === "+" ? 62 : character === "_" || character === "/" ? 63 : alphabet.indexOf(character);
    if (value < 0) continue;
    held = (held << 6 | value) & 0xffff;
    bits += 6;
    if (bits >= 8) bytes.push(held >> (bits -= 8) & 0xff);
  }
  return Uint8Array.from(bytes);
}

function encodeBase64(bytes: Uint8Array, isForUrls: boolean): string {
  const letters = alphabet + (isForUrls ? "-_" : "+/");
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3);
    const left = bytes.length - at;
    text += letters.charAt(a >> 2) + letters.charAt((a & 3) << 4 | b >> 4);
    if (left > 1) text += letters.charAt((b & 15) << 2 | c >> 6);
    else if (!isForUrls) text += "=";
    if (left > 2) text += letters.charAt(c & 63);
    else if (!isForUrls) text += "=";
  }
  return text;
}

type Source = string | ArrayBufferLike | ArrayLike<number> | Iterable<number>;
const asBytes = (value: Uint8Array | string, encoding: string): Uint8Array => (typeof value === "string" ? encode(value, encoding) : value);

class NodeBuffer extends Uint8Array {
  static override from(source: Source, second?: unknown, third?: unknown): NodeBuffer {
    if (typeof source === "string") {
      const bytes = encode(source, typeof second === "string" ? second : "utf8");
      return new NodeBuffer(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    if (source instanceof ArrayBuffer) return new NodeBuffer(source, second as number | undefined, third as number | undefined);
    return new NodeBuffer(source as ArrayLike<number>);
  }

  static alloc(size: number, fill: number | string = 0): NodeBuffer {
    const buffer = new NodeBuffer(size);
    return fill === 0 ? buffer : buffer.fill(fill);
  }

  static allocUnsafe(size: number): NodeBuffer {
    return new NodeBuffer(size);
  }
  static isBuffer(value: unknown): boolean {
    return value instanceof NodeBuffer;
  }
  static byteLength(text: string | Uint8Array, encoding = "utf8"): number {
    return asBytes(text, encoding).length;
  }
  static compare(a: Uint8Array, b: Uint8Array): number {
    return compare(a, b);
  }

  static concat(list: readonly Uint8Array[], length = list.reduce((sum, each) => sum + each.length, 0)): NodeBuffer {
    const whole = new NodeBuffer(length);
    let at = 0;
    for (const each of list) {
      const fitting = each.subarray(0, length - at);
      whole.set(fitting, at);
      at += fitting.length;
    }
    return whole;
  }

  override toString(encoding = "utf8", start = 0, end = this.length): string {
    const from = Math.min(Math.max(0, start), this.length);
    const length = Math.max(0, Math.min(end, this.length) - from);
    switch (encoding as Encoding) {
      case "utf8":
      case "utf-8":
        return native.decodeUtf8(this, from, length, false) ?? "";
      case "latin1":
      case "binary":
      case "ascii":
        return native.decodeLatin1(this, from, length);
      case "hex": {
        let text = "";
        for (let at = from; at < from + length; at++) text += digits.charAt((this[at] ?? 0) >> 4) + digits.charAt((this[at] ?? 0) & 15);
        return text;
      }
      case "base64":
        return encodeBase64(this.subarray(from, from + length), false);
      case "base64url":
        return encodeBase64(this.subarray(from, from + length), true);
    }
    throw new TypeError(`Unknown encoding: ${encoding}`);
  }

  toJSON(): unknown {
    return { type: "Buffer", data: [...this] };
  }
  equals(other: Uint8Array): boolean {
    return compare(this, other) === 0;
  }
  compare(other: Uint8Array): number {
    return compare(this, other);
  }
  // Node's slice is a view.
  override slice(start?: number, end?: number): NodeBuffer {
    return this.subarray(start, end);
  }
  override subarray(start?: number, end?: number): NodeBuffer {
    return super.subarray(start, end) as unknown as NodeBuffer;
  } // by Symbol.species

  override fill(value: number | string, start?: number, end?: number): this {
    if (typeof value === "number") return super.fill(value, start, end);
    const bytes = encode(value, "utf8");
    for (let at = start ?? 0, n = 0; at < (end ?? this.length); at++, n++) this[at] = bytes[n % bytes.length] ?? 0;
    return this;
  }

  copy(target: Uint8Array, at = 0, start = 0, end = this.length): number {
    const part = this.subarray(start, Math.min(end, start + target.length - at));
    target.set(part, at);
    return part.length;
  }

  write(text: string, offset = 0, encoding = "utf8"): number {
    const bytes = encode(text, encoding).subarray(0, this.length - offset);
    this.set(bytes, offset);
    return bytes.length;
  }

  override indexOf(value: number | string | Uint8Array, from = 0): number {
    if (typeof value === "number") return super.indexOf(value, from);
    const sought = asBytes(value, "utf8");
    for (let at = from; at + sought.length <= this.length; at++) {
      let n = 0;
      while (n < sought.length && this[at + n] === sought[n]) n++;
      if (n === sought.length) return at;
    }
    return -1;
  }

  override includes(value: number | string | Uint8Array, from = 0): boolean {
    return this.indexOf(value, from) >= 0;
  }

  // Numbers of up to 6 bytes.
  readUIntBE(offset: number, size: number): number {
    let value = 0;
    for (let at = 0; at < size; at++) value = value * 256 + this.#at(offset + at);
    return value;
  }
  readUIntLE(offset: number, size: number): number {
    let value = 0;
    for (let at = size - 1; at >= 0; at--) value = value * 256 + this.#at(offset + at);
    return value;
  }
  readUInt8(offset = 0): number {
    return this.#at(offset);
  }
  readUInt16BE(offset = 0): number {
    return this.readUIntBE(offset, 2);
  }
  readUInt16LE(offset = 0): number {
    return this.readUIntLE(offset, 2);
  }
  readUInt32BE(offset = 0): number {
    return this.readUIntBE(offset, 4);
  }
  readUInt32LE(offset = 0): number {
    return this.readUIntLE(offset, 4);
  }
  readInt8(offset = 0): number {
    return this.readUInt8(offset) << 24 >> 24;
  }
  readInt16BE(offset = 0): number {
    return this.readUInt16BE(offset) << 16 >> 16;
  }
  readInt32BE(offset = 0): number {
    return this.readUInt32BE(offset) | 0;
  }
  readBigInt64BE(offset = 0): bigint {
    return this.#view(offset, 8).getBigInt64(0);
  }
  readBigUInt64BE(offset = 0): bigint {
    return this.#view(offset, 8).getBigUint64(0);
  }

  writeUIntBE(value: number, offset: number, size: number): number {
    this.#at(offset);
    this.#at(offset + size - 1);
    for (let at = size - 1, left = value; at >= 0; at--, left = Math.floor(left / 256)) this[offset + at] = left % 256;
    return offset + size;
  }
  writeUInt8(value: number, offset = 0): number {
    return this.writeUIntBE(value, offset, 1);
  }
  writeUInt16BE(value: number, offset = 0): number {
    return this.writeUIntBE(value, offset, 2);
  }
  writeUInt32BE(value: number, offset = 0): number {
    return this.writeUIntBE(value, offset, 4);
  }
  writeInt32BE(value: number, offset = 0): number {
    return this.writeUIntBE(value >>> 0, offset, 4);
  }
  writeBigInt64BE(value: bigint, offset = 0): number {
    this.#view(offset, 8).setBigInt64(0, value);
    return offset + 8;
  }

  #view(offset: number, size: number): DataView {
    this.#at(offset);
    this.#at(offset + size - 1);
    return new DataView(this.buffer, this.byteOffset + offset, size);
  }

  #at(offset: number): number {
    const byte = this[offset];
    if (byte === undefined) throw Object.assign(new RangeError(`The value of "offset" is out of range: ${String(offset)}`), { code: "ERR_OUT_OF_RANGE" });
    return byte;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

export { NodeBuffer as Buffer };
