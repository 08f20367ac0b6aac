import type { Clock, Milliseconds } from "./model/time.ts";
import type { Log, PacketFilter } from "./ports.ts";
import { readRemembered, writeRemembered } from "./remembered-json.ts";
import { createStore, nothingRemembered, type Remembered, type Store } from "./store.ts";
import type { StateFile } from "./system/state-file.ts";
import { errorText } from "./text/error-text.ts";

/** The store, and the file that outlives it. */
export interface Memory {
  readonly store: Store;
  /** Ids never come back, not even those that only the kernel still knows: to be awaited before one is given out. */
  learnIds(): Promise<void>;
  /** The file is this daemon's alone from now on. Writes it, so that a disk that takes nothing is known before a decision depends on it. */
  begin(): void;
  /** Something changed that should outlive the daemon; written at once, unless much was written of late: flash wears. */
  save(): void;
  /** Written when it returns, if it can be: for what is about to be acknowledged. */
  saveNow(): void;
  /** Writes what still waits, and that no more ids will be used. */
  close(): void;
  warnings(): readonly string[];
}

/**
 * Flash wears, and an upstream may send many requests: after a burst of so many writes that nobody decided on, one in
 * `refill` at most. Decisions are always written.
 */
const burst = 20;
const refill: Milliseconds = 30_000;

/** Takes up what was saved. A file that cannot be used is kept aside, and said. */
export function openMemory(file: StateFile, { clock, log, filter }: { clock: Clock; log: Log; filter: Pick<PacketFilter, "readCounters"> }): Memory {
  const warnings: string[] = [];
  const complain = (message: string): void => {
    warnings.push(message);
    log("warn", message);
  };
  const recalled = recall(file, complain);
  let written: string | undefined;
  let problem: string | undefined;
  let tokens = burst;
  let filledAt = clock.now();
  let cancel: (() => void) | undefined;
  let stopPromising: (() => void) | undefined;

  const write = (): void => {
    cancel?.();
    cancel = undefined;
    const next = writeRemembered(store.snapshot());
    if (next === written) return;
    try {
      file.write(next);
      written = next;
      if (problem !== undefined) log("info", `${file.path} can be written again`);
      problem = undefined;
    } catch (error) {
      // The daemon goes on in memory: a full disk is no reason to let an attack go on.
      const now = `decisions are kept in memory only and lost at a restart: ${file.path} cannot be written (${errorText(error)})`;
      if (now !== problem) log("error", now);
      problem = now;
    }
  };
  const store = createStore(recalled, (when) => {
    if (when === "now") write();
    else stopPromising ??= clock.after(0, () => {
      stopPromising = undefined;
      store.promiseIds();
    });
  });

  return {
    store,
    async learnIds() {
      const counted = await filter.readCounters().catch(() => new Map<number, never>());
      for (const id of counted.keys()) store.passOver(id);
    },
    begin: () => { store.promiseIds(); },
    save() {
      const now = clock.now();
      const elapsed = now - filledAt;
      // The wall clock of a router jumps.
      if (elapsed < 0 || elapsed >= refill) {
        tokens = Math.min(burst, tokens + Math.max(1, Math.floor(elapsed / refill)));
        filledAt = now;
      }
      if (tokens > 0) {
        tokens--;
        write();
      } else cancel ??= clock.after(refill, write);
    },
    saveNow: write,
    close() {
      stopPromising?.();
      store.releaseIds();
      write();
    },
    warnings: () => problem === undefined ? warnings : [...warnings, problem],
  };
}

function recall(file: StateFile, complain: (message: string) => void): Remembered {
  try {
    const text = file.read();
    if (text === undefined) return nothingRemembered;
    const read = readRemembered(text);
    if ("problem" in read) complain(`${file.path} ${read.problem}: it is kept as ${file.setAside()}, and the daemon starts without its memory`);
    else {
      if (read.lost.length > 0) complain(`${file.path} is damaged: ${read.lost.join(", ")} cannot be used; it is kept as ${file.setAside()}, and the rest is used`);
      return read.remembered;
    }
  } catch (error) {
    complain(`${file.path} cannot be read, the daemon starts without its memory: ${errorText(error)}`);
  }
  return nothingRemembered;
}
