import { Buffer } from "./buffer.ts";

/** Renegotiation does not exist here, so there is nothing to switch off. */
export const constants = { SSL_OP_NO_RENEGOTIATION: 0 } as const;

export function randomFillSync<T extends Uint8Array>(into: T): T {
  native.random(into);
  return into;
}

export const randomBytes = (count: number): Buffer => randomFillSync(Buffer.alloc(count));

/** Version 4. */
export function randomUUID(): string {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6] ?? 0) & 0x0f | 0x40;
  bytes[8] = (bytes[8] ?? 0) & 0x3f | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

class Digest {
  readonly #algorithm: string;
  readonly #key: Uint8Array | undefined;
  readonly #parts: Uint8Array[] = [];

  constructor(algorithm: string, key?: Uint8Array) {
    this.#algorithm = algorithm;
    this.#key = key;
  }

  update(part: string | Uint8Array): this {
    this.#parts.push(typeof part === "string" ? Buffer.from(part) : Buffer.from(part));
    return this;
  }

  digest(encoding: string): string;
  digest(): Buffer;
  digest(encoding?: string): string | Buffer {
    const bytes = Buffer.from(native.digest(this.#algorithm, Buffer.concat(this.#parts), this.#key));
    return encoding === undefined ? bytes : bytes.toString(encoding);
  }
}

export const createHash = (algorithm: string): Digest => new Digest(algorithm);
export const createHmac = (algorithm: string, key: string | Uint8Array): Digest => new Digest(algorithm, typeof key === "string" ? Buffer.from(key) : key);

/** mbedTLS tells PEM by the NUL at its end. */
const withEnd = (pem: string): Uint8Array => Buffer.from(`${pem}\0`, "latin1");

export class X509Certificate {
  readonly validFrom: string;
  readonly validTo: string;
  readonly #pem: Uint8Array;

  constructor(pem: string) {
    this.#pem = withEnd(pem);
    const dates = native.certificate(this.#pem);
    if (!dates) throw new Error("the certificate cannot be read");
    [this.validFrom, this.validTo] = [new Date(dates[0]).toISOString(), new Date(dates[1]).toISOString()];
  }

  checkPrivateKey(key: PrivateKey): boolean {
    return native.isPair(this.#pem, key.pem);
  }
}

class PrivateKey {
  readonly pem: Uint8Array;
  readonly asymmetricKeyType: "rsa" | "ec";

  constructor(pem: string) {
    this.pem = withEnd(pem);
    const kind = native.keyKind(this.pem);
    if (!kind) throw new Error("the key cannot be read");
    this.asymmetricKeyType = kind;
  }
}

export const createPrivateKey = (pem: string): PrivateKey => new PrivateKey(pem);
