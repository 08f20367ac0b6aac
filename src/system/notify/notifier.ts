import type { Language } from "../../operator/notification-words.ts";
import type { Log } from "../../model/ports.ts";
import type { SteadyClock, WallInstant } from "../../model/time.ts";

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

export interface NotifierDeps {
  readonly clock: SteadyClock;
  /** For the times that others read. */
  readonly wallTime: () => WallInstant;
  readonly log: Log;
}
