import type { WallInstant } from "./time.ts";

/** Why nothing is done although the upstream asks for it. */
export interface LeftAlone {
  /**
   * The owner denied it, undid the block, gave it a time that is over, or took back what they had said; nobody answered; they said no
   * to another request about it; the device's policy is never; or never_block has it.
   */
  readonly why: "denied" | "undone" | "time-over" | "taken-back" | "unanswered" | "other-no" | "never" | "protected";
  /** Nobody is asked about it before; null = until that is changed. */
  readonly until: WallInstant | null;
}
