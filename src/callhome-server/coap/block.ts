import { readUint, type CoapOption } from "./options.ts";

/** The value of a Block1 or Block2 option (RFC 7959 §2.2). */
export interface Block {
  readonly number: number;
  readonly more: boolean;
  /** Bytes of a full block, 16 to 1024. */
  readonly size: number;
  /** BERT (RFC 8323 §6), over TCP only: a message carries several blocks, which are numbered in units of 1024 bytes. */
  readonly bert?: true;
}

/** Undefined if the value is malformed: longer than 3 bytes, or with size exponent 7 where that is reserved, as over UDP. */
export function readBlock(option: CoapOption, overStream: boolean): Block | undefined {
  const value = option.value.length > 3 ? undefined : readUint(option.value);
  if (value === undefined) return undefined;
  const block = { number: value >> 4, more: (value & 8) !== 0 };
  if ((value & 7) !== 7) return { ...block, size: 16 << (value & 7) };
  return overStream ? { ...block, size: 1024, bert: true } : undefined;
}

/** The option's value as an unsigned integer. */
export function blockValue({ number, more, size, bert }: Block): number {
  return (number << 4) | (more ? 8 : 0) | (bert ? 7 : Math.log2(size) - 4);
}
