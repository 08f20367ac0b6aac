import type { Statement } from "./statement.ts";

/** Why nft did not do as told. */
export type NftFailure =
  | "not-installed"
  /** The system had no process, memory or file descriptor for it; nothing of the transaction has happened. */
  | "not-started"
  /** The program or the kernel said no; nothing of the transaction has happened. */
  | "refused"
  /** The named table, set or object is not there. */
  | "not-found"
  /** Here and below, a transaction may have taken effect or not: it has to be made so that it can be repeated, or be looked up. */
  | "timed-out"
  | "too-much-output"
  /** Its answer is not what nft answers. */
  | "unreadable"
  /** A long-lived nft ended before it answered. */
  | "died";

/** A transaction or a listing that nft refused, or that never reached it. Nothing of a refused transaction was applied. */
export class NftError extends Error {
  override readonly name = "NftError";
  readonly failure: NftFailure;
  /** What nft printed, cut to a few thousand characters. */
  readonly detail: string;
  /** The statement of the transaction that nft complained about first, where it named one. */
  readonly statement: Statement | undefined;

  constructor(failure: NftFailure, message: string, detail = "", statement?: Statement) {
    super(message);
    this.failure = failure;
    this.detail = detail.slice(0, 4000);
    this.statement = statement;
  }
}
