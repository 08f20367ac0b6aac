import { randomBytes as fromKernel } from "node:crypto";

/** Bytes that nobody can foretell: message ids and tokens. */
export function randomBytes(count: number): Uint8Array {
  return fromKernel(count);
}
