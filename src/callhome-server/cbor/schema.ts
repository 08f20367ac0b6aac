import { formatIpPrefix, parseIpPrefix, type IpPrefix } from "../../model/ip-prefix.ts";
import { blankIgnored } from "./blank-ignored.ts";
import { BodyError } from "./body-error.ts";
import { encodeCbor } from "./encode-cbor.ts";
import { Decimal, decodeCbor } from "./decode-cbor.ts";

/** A type of message, declared once: how to read it from CBOR values (throws BodyError) and how to write it. */
export interface Codec<T> {
  read(value: unknown, name: string): T;
  write(value: T): unknown;
  /** Keys of the maps in it; absent = there are none. */
  readonly keys?: ReadonlySet<number>;
}
export type TypeOf<C> = C extends Codec<infer T> ? T : never;

interface Field<T, Optional extends boolean> {
  readonly key: number;
  readonly codec: Codec<T>;
  readonly optional: Optional;
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a Field of every type fits here; Shape gives each its own back
type Fields = Record<string, Field<any, boolean>>;
type ValueOf<F> = F extends Field<infer T, boolean> ? T : never;
type Shape<F extends Fields> =
  & { readonly [K in keyof F as F[K]["optional"] extends true ? never : K]: ValueOf<F[K]> }
  & { readonly [K in keyof F as F[K]["optional"] extends true ? K : never]?: ValueOf<F[K]> | undefined };

/** A field that must be there; `key` is its CBOR key (RFC 9132 §6). */
export function required<T>(key: number, codec: Codec<T>): Field<T, false> {
  return { key, codec, optional: false };
}

/** A field that may be left out. */
export function optional<T>(key: number, codec: Codec<T>): Field<T, true> {
  return { key, codec, optional: true };
}

/** A map with integer keys (RFC 9132 §6). Unknown comprehension-required keys are errors, others are ignored. */
export function cborMap<F extends Fields>(fields: F): Codec<Shape<F>> {
  const entries = Object.entries(fields) as [string, Field<unknown, boolean>][];
  const known = new Set(entries.map(([, field]) => field.key));
  return {
    keys: new Set([...known, ...entries.flatMap(([, { codec }]) => [...codec.keys ?? []])]),
    read(value, name) {
      if (!(value instanceof Map)) throw new BodyError(`${name}: not a map`);
      for (const key of value.keys()) refuseUnknown(key, known, name);
      const result: Record<string, unknown> = {};
      for (const [fieldName, field] of entries) {
        const content: unknown = value.get(field.key);
        const rfcName = kebab(fieldName);
        if (value.has(field.key)) result[fieldName] = field.codec.read(content, rfcName);
        else if (!field.optional) throw new BodyError(`${rfcName} is missing`);
      }
      return result as Shape<F>;
    },
    write(value) {
      const map = new Map<number, unknown>();
      const values = value as Record<string, unknown>;
      for (const [name, field] of entries) {
        if (values[name] !== undefined) map.set(field.key, field.codec.write(values[name]));
      }
      return map;
    },
  };
}

/** An array of `least` to `most` items; an empty value renders a request invalid (RFC 9132 §4.4.1.1), so `least` is 1 by default. */
export function list<T>(item: Codec<T>, most = 64, least = 1): Codec<readonly T[]> {
  return {
    read(value, name) {
      if (!Array.isArray(value)) throw new BodyError(`${name}: not an array`);
      if (value.length < least || value.length > most) throw new BodyError(`${name}: ${String(least)} to ${String(most)} entries expected`);
      return value.map((each) => item.read(each, name));
    },
    write: (values) => values.map((each) => item.write(each)),
    ...(item.keys ? { keys: item.keys } : {}),
  };
}

/** A whole number within bounds, both included; anything else is a BodyError. */
export function integer(lowest: number, highest: number): Codec<number> {
  return {
    read(value, name) {
      if (typeof value !== "number" || !Number.isInteger(value) || value < lowest || value > highest) {
        throw new BodyError(`${name}: an integer from ${String(lowest)} to ${String(highest)} expected`);
      }
      return value;
    },
    write: (value) => value,
  };
}

/**
 * Visible characters only: no control character (C0, DEL, C1), none that is not shown or turns the direction of others (Cf: bidi
 * overrides, zero-width ones), no line separator, no half of a surrogate pair.
 */
export function isVisible(value: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(value);
}

/** Visible text of 1 to `longest` UTF-16 units, without control or invisible characters. */
export function text(longest: number): Codec<string> {
  return {
    read(value, name) {
      if (typeof value !== "string" || value.length === 0 || value.length > longest) {
        throw new BodyError(`${name}: text of 1 to ${String(longest)} characters expected`);
      }
      if (!isVisible(value)) throw new BodyError(`${name}: a control or invisible character`);
      return value;
    },
    write: (value) => value,
  };
}

/** A text for people to read, which decides nothing, in any language: what is longer is cut, never within a character. */
export function textUpTo(longest: number): Codec<string> {
  const whole = text(Infinity);
  return { ...whole, read: (value, name) => whole.read(value, name).slice(0, longest).replace(/[\ud800-\udbff]$/, "") };
}

/** inet:domain-name, inet:uri (RFC 6991): printable ASCII without a space; other names are written as A-labels, others in a URI with %. */
export function asciiText(longest: number): Codec<string> {
  const visible = text(longest);
  return {
    ...visible,
    read(value, name) {
      const ascii = visible.read(value, name);
      if (!/^[\x21-\x7e]+$/.test(ascii)) throw new BodyError(`${name}: printable ASCII without spaces expected (RFC 6991)`);
      return ascii;
    },
  };
}

/** A text for people to read, which decides nothing: what is longer is cut. */
export function asciiUpTo(longest: number): Codec<string> {
  const whole = asciiText(Infinity);
  return { ...whole, read: (value, name) => whole.read(value, name).slice(0, longest) };
}

export const boolean: Codec<boolean> = {
  read(value, name) {
    if (typeof value !== "boolean") throw new BodyError(`${name}: true or false expected`);
    return value;
  },
  write: (value) => value,
};

/** inet:ip-prefix; a bare address is taken as a prefix of full length. */
export const ipPrefix: Codec<IpPrefix> = {
  read(value, name) {
    const prefix = typeof value === "string" ? parseIpPrefix(value) : undefined;
    if (!prefix) throw new BodyError(`${name}: not an IP prefix in CIDR notation`);
    return prefix;
  },
  write: formatIpPrefix,
};

/** decimal64 with two fraction digits: tag 4 [-2, n] (RFC 9132 §6). Any exponent is read. */
export const decimal: Codec<number> = {
  read(value, name) {
    if (value instanceof Decimal) return value.value;
    if (typeof value === "number" && Number.isInteger(value)) return value;
    throw new BodyError(`${name}: a decimal expected`);
  },
  write: (value) => new Decimal(value),
};

/** Reads a whole body of the declared type; throws BodyError. */
export function readBody<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const ignored = (key: number): boolean => isComprehensionOptional(key) && !codec.keys?.has(key);
  return codec.read(decodeCbor(blankIgnored(bytes, ignored)), "body");
}

/** The bytes of a value that the codec describes. */
export function writeBody<T>(codec: Codec<T>, value: T): Uint8Array {
  return encodeCbor(codec.write(value));
}

/** RFC 9132 §10.6.1.1: which keys an agent that does not know them may ignore. */
function isComprehensionOptional(key: number): boolean {
  return (key >= 128 && key <= 255) || (key >= 16_384 && key <= 65_535);
}

function refuseUnknown(key: unknown, known: ReadonlySet<number>, name: string): void {
  if (typeof key !== "number" || !Number.isInteger(key) || key < 1 || key > 65_535) throw new BodyError(`${name}: keys must be integers from 1 to 65535`);
  if (!known.has(key) && !isComprehensionOptional(key)) throw new BodyError(`${name}: unknown or unexpected comprehension-required key ${String(key)}`);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
