import type { MitigationId } from "../model/mitigation.ts";
import { between, milliseconds, type SteadyClock } from "../model/time.ts";
import { ownersWordIn, readOwnersWord, withOwnersWord, writeOwnersWord, type OwnersWord } from "./owners-word-json.ts";
import type { Log, PacketFilter } from "../model/ports.ts";
import { readReservedIds, writeReservedIds } from "./ids-json.ts";
import { readRemembered, writeRemembered } from "./state-json.ts";
import { createStore, nothingRemembered, type Remembered, type Store } from "./store.ts";
import type { StateFile } from "../model/ports.ts";
import { errorText } from "../text/error-text.ts";

/** The store, and the files that outlive it. */
export interface Memory {
  readonly store: Store;
  /** Ids never come back, not even those that only the kernel still knows: to be awaited before one is given out. */
  learnIds(): Promise<void>;
  /** The files are this daemon's alone from now on. Writes them, so that a disk that takes nothing is known before a decision depends on it. */
  begin(): void;
  /** Something changed that should outlive the daemon; written at once, unless much was written of late: flash wears. */
  save(): void;
  /** Written when it returns, if it can be: for what is about to be acknowledged. */
  saveNow(): void;
  /** Writes what still waits, and that no more ids will be used. */
  close(): void;
  warnings(): readonly string[];
}

export interface MemoryFiles {
  /** Requests, devices and history; a copy of the owner's word. */
  readonly state: StateFile;
  /** The owner's word, which counts. */
  readonly owner: StateFile;
  /** Which ids are used or reserved, whatever becomes of the others. */
  readonly ids: StateFile;
}

/**
 * Flash wears, and an upstream may send many requests: after a burst of this many writes that nobody decided on, one in
 * `refill` at most. Decisions are always written.
 */
const burst = 20;
const refill = milliseconds(30_000);

/** Takes up what was saved. A file that cannot be used is kept aside, and said. */
export function openMemory(files: MemoryFiles, { clock, log, filter }: { clock: SteadyClock; log: Log; filter: Pick<PacketFilter, "readCounters"> }): Memory {
  const warnings: string[] = [];
  const complain = (message: string): void => {
    warnings.push(message);
    log("warn", message);
  };
  const recalled = recall(files, complain);
  const lost = "decisions are kept in memory only and lost at a restart";
  const kept = {
    owner: keepWritten(files.owner, lost, log),
    state: keepWritten(files.state, lost, log),
    ids: keepWritten(files.ids, "numbers of mitigations may come back after a restart", log),
  };
  let tokens = burst;
  let filledAt = clock.now();
  let cancel: (() => void) | undefined;
  let stopPromising: (() => void) | undefined;

  const writeState = (): void => {
    cancel?.();
    cancel = undefined;
    kept.state.write(writeRemembered(store.snapshot()));
  };
  // The owner's word comes first, and is never delayed: no upstream can cause a write of it.
  const writeWord = (): void => {
    kept.owner.write(writeOwnersWord(ownersWordIn(store.snapshot())));
  };
  const write = (): void => {
    writeWord();
    writeState();
  };
  const writeIds = (): void => {
    kept.ids.write(writeReservedIds(store.reservedIds()));
  };
  const store = createStore(recalled, (when) => {
    if (when === "now") writeIds();
    else stopPromising ??= clock.after(milliseconds(0), () => {
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
    begin() {
      store.promiseIds();
      write();
    },
    save() {
      writeWord();
      const now = clock.now();
      const elapsed = between(filledAt, now);
      if (elapsed >= refill) {
        tokens = Math.min(burst, tokens + Math.floor(elapsed / refill));
        filledAt = now;
      }
      if (tokens > 0) {
        tokens--;
        writeState();
      } else cancel ??= clock.after(refill, writeState);
    },
    saveNow: write,
    close() {
      stopPromising?.();
      store.releaseIds();
      writeIds();
      write();
    },
    warnings: () => [...warnings, ...[kept.owner.problem(), kept.state.problem(), kept.ids.problem()].filter((problem) => problem !== undefined)],
  };
}

/** Writes what differs from what was written last; a disk that takes nothing is said once, and when it is over. */
function keepWritten(file: StateFile, otherwise: string, log: Log): { write(text: string): void; problem(): string | undefined } {
  let written: string | undefined;
  let problem: string | undefined;
  return {
    write(text) {
      if (text === written) return;
      try {
        file.write(text);
        written = text;
        if (problem !== undefined) log("info", `${file.path} can be written again`);
        problem = undefined;
      } catch (error) {
        // The daemon goes on in memory: a full disk is no reason to let an attack go on.
        const now = `${otherwise}: ${file.path} cannot be written (${errorText(error)})`;
        if (now !== problem) log("error", now);
        problem = now;
      }
    },
    problem: () => problem,
  };
}

/** What was saved; the owner's word and the ids from their own files, and where these are not there or damaged, from the copies in the other. */
function recall({ state, owner, ids }: MemoryFiles, complain: (message: string) => void): Remembered {
  const remembered = recallFile<Remembered>(state, (text) => {
    const read = readRemembered(text);
    return "problem" in read ? read : { value: read.remembered, lost: read.lost };
  }, { otherwise: "the daemon starts without its memory of requests", inPart: "the rest is used" }, complain) ?? nothingRemembered;
  const word = recallFile<OwnersWord>(owner, (text) => {
    const read = readOwnersWord(text);
    return "problem" in read ? read : { value: read.word, lost: read.lost };
  }, {
    otherwise: `what you decided about devices is taken from the copy in ${state.path}: check it with dots-callhome devices`,
    inPart: "the rest of what you decided about devices is used: check it with dots-callhome devices",
  }, complain);
  const next = recallFile<MitigationId>(ids, (text) => {
    const read = readReservedIds(text);
    return "problem" in read ? read : { value: read.nextId, lost: [] };
  }, { otherwise: `numbers of mitigations go on from those in ${state.path}`, inPart: "" }, complain) ?? 1;
  const counted = { ...remembered, nextId: Math.max(remembered.nextId, next) };
  return word === undefined ? counted : withOwnersWord(counted, word);
}

type ReadText<T> = (text: string) => { readonly value: T; readonly lost: readonly string[] } | { readonly problem: string };

/** Undefined if there is none, or none that can be used: then it is kept aside, and nothing is ever written over it. */
function recallFile<T>(file: StateFile, read: ReadText<T>, then: { readonly otherwise: string; readonly inPart: string }, complain: (message: string) => void):
  | T
  | undefined {
  const keepAside = (): string => {
    try {
      return `it is kept as ${file.setAside()}`;
    } catch (error) {
      return `it stays as it is, and nothing can be saved (${errorText(error)})`;
    }
  };
  let text: string | undefined;
  try {
    text = file.read();
  } catch (error) {
    complain(`${file.path} cannot be read (${errorText(error)}): ${keepAside()}, and ${then.otherwise}`);
    return undefined;
  }
  if (text === undefined) return undefined;
  const found = read(text);
  if ("problem" in found) {
    complain(`${file.path} ${found.problem}: ${keepAside()}, and ${then.otherwise}`);
    return undefined;
  }
  if (found.lost.length > 0) complain(`${file.path} is damaged: ${found.lost.join(", ")} cannot be used; ${keepAside()}, and ${then.inPart}`);
  return found.value;
}
