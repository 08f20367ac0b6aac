import { readUint, type CoapOption } from "./options.ts";

/** The value of a Block1 or Block2 option (RFC 7959 §2.2). */
export interface Block {
  readonly number: number;
  readonly more: boolean;
  /** Bytes of a full block, 16 to 1024. */
  readonly size: number;
}

/** Undefined if the value is malformed: longer than 3 bytes, or with the reserved size exponent 7. */
export function readBlock(option: CoapOption): Block | undefined {
  const value = option.value.length > 3 ? undefined : readUint(option.value);
  if (value === undefined || (value & 7) === 7) return undefined;
  return { number: value >> 4, more: (value & 8) !== 0, size: 16 << (value & 7) };
}

/** The option's value as an unsigned integer. */
export function blockValue({ number, more, size }: Block): number {
  return (number << 4) | (more ? 8 : 0) | (Math.log2(size) - 4);
}
