import type { Language } from "../../operator/notification-words.ts";
import type { Clock, Log } from "../../model/ports.ts";

/** `config notify`, with what its files held. */
export interface NotifierTarget {
  readonly name: string;
  readonly url: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly ca: string | undefined;
  readonly language: Language;
  /** Where the owner decides, for a browser; null = not known. */
  readonly page: string | null;
}

export interface NotifierSurroundings {
  readonly clock: Clock;
  readonly log: Log;
}
