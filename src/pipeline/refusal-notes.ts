import type { Refusal } from "../model/refusal.ts";
import { between, milliseconds, type SteadyClock, type SteadyInstant } from "../model/time.ts";
import type { Log } from "../model/ports.ts";

/** What is refused since an upstream asks for more than it may: the owner hears of it, however often it happens. */
export interface RefusalNotes {
  /** `why`: in words for the owner, if the upstream hears less. */
  note(upstream: string, refusal: Refusal, why?: string): void;
  /** One for each upstream, for as long as it is news. */
  warnings(): readonly string[];
}

interface Note {
  readonly count: number;
  readonly why: string;
  readonly at: SteadyInstant;
  readonly loggedAt: SteadyInstant;
}

const logEvery = milliseconds(60_000);
const newsFor = milliseconds(3_600_000);

/** Remembers for an hour whose requests were refused and why, for the log and `status`. */
export function createRefusalNotes({ steady, log }: { readonly steady: SteadyClock; readonly log: Log }): RefusalNotes {
  const notes = new Map<string, Note>();
  const known = (upstream: string): Note | undefined => {
    const note = notes.get(upstream);
    return note && between(note.at, steady.now()) < newsFor ? note : undefined;
  };
  return {
    note(upstream, refusal, why = "diagnostic" in refusal ? refusal.diagnostic : "") {
      if (!("diagnostic" in refusal)) return;
      const now = steady.now();
      const before = known(upstream);
      const count = (before?.count ?? 0) + 1;
      const isLogged = before === undefined || between(before.loggedAt, now) >= logEvery;
      if (isLogged) log("warn", `upstream ${upstream} asks for more than it may: refused (${refusal.code}: ${why}), ${count} in the last hour`);
      notes.set(upstream, { count, why, at: now, loggedAt: isLogged ? now : before.loggedAt });
    },
    warnings: () =>
      [...notes.keys()].flatMap((upstream) => {
        const note = known(upstream);
        if (!note) return [];
        return [
          `upstream ${upstream} asks for more than it may: ${note.count} ${
            note.count === 1 ? "request was" : "requests were"
          } refused, the last one because of "${note.why}"`,
        ];
      }),
  };
}
