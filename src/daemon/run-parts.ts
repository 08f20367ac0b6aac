import type { Log } from "../model/ports.ts";
import { errorText } from "../text/error-text.ts";
import { lastInTurn } from "./in-turn.ts";

/** A piece of a program; it is open when it exists. */
export interface Part<Settings> {
  /** Takes these settings from now on. Also called to go back to those before, when another part cannot take the new ones. */
  reload?(next: Settings): void | Promise<void>;
  stop(): void | Promise<void>;
}

export interface Running<Settings> {
  /** Resolves when all parts are open, or a stop came first; rejects if one cannot be opened, with the others stopped. */
  readonly started: Promise<void>;
  /** What every part has taken. */
  current(): Settings;
  /** Waits for the start, and for a reload that is under way. Rejects if a part refuses: then all have what they had before. */
  reload(next: Settings): Promise<void>;
  /** Waits for what is under way; never rejects. A start goes no further than the part that it is opening. */
  stop(): Promise<void>;
}

export interface RunPartsDeps<Settings> {
  readonly first: Settings;
  /** Opens one part after the other, and yields each. */
  readonly opening: AsyncGenerator<Part<Settings>, void>;
  readonly log: Log;
  /** All parts have taken other settings. */
  readonly reloaded: (next: Settings) => void;
}

/** Opens parts in order and stops them in reverse; in between, all of them have the same settings. */
export function runParts<Settings>({ first, opening, log, reloaded }: RunPartsDeps<Settings>): Running<Settings> {
  const parts: Part<Settings>[] = [];
  let current = first;
  let isStopping = false;
  const attempt = async (what: string, work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log("error", `internal: ${what}: ${errorText(error)}`);
    }
  };

  const stopAll = async (): Promise<void> => {
    for (const part of parts.splice(0).reverse()) await attempt("a part of the daemon could not be stopped", () => part.stop());
  };
  const start = async (): Promise<void> => {
    try {
      for await (const part of opening) {
        parts.push(part);
        if (isStopping) return;
      }
    } catch (error) {
      await stopAll();
      throw error;
    }
  };
  const take = async (next: Settings): Promise<void> => {
    await started;
    if (isStopping) return;
    const asked: Part<Settings>[] = [];
    try {
      for (const part of parts) {
        asked.push(part);
        await part.reload?.(next);
      }
    } catch (error) {
      for (const part of asked) await attempt("a part of the daemon could not go back to the configuration before", () => part.reload?.(current));
      throw error;
    }
    current = next;
    reloaded(next);
  };

  const started = start();
  const reload = lastInTurn(take);
  return {
    started,
    current: () => current,
    reload,
    async stop() {
      isStopping = true;
      await reload(current).catch(() => undefined); // the start, or a reload, is over then
      await stopAll();
    },
  };
}
