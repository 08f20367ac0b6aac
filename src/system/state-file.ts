import { mkdirSync, openSync, closeSync, fsyncSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A file that is replaced whole or not at all. */
export interface StateFile {
  readonly path: string;
  /** Undefined if there is none yet; throws if it cannot be read. */
  read(): string | undefined;
  /** Throws if it cannot be written (read-only or full disk); the old content is then still there. */
  write(text: string): void;
  /** Renames a damaged file, so that nobody loses it; returns its new name. */
  setAside(): string;
}

export function openStateFile(folder: string): StateFile {
  const path = join(folder, "state.json");
  return {
    path,
    read() {
      try {
        return readFileSync(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    write(text) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const draft = `${path}.new`;
      const file = openSync(draft, "w", 0o600);
      try {
        writeSync(file, text);
        fsyncSync(file); // a power cut after the rename must not leave an empty file
      } finally {
        closeSync(file);
      }
      renameSync(draft, path);
    },
    setAside() {
      const aside = `${path}.damaged`;
      renameSync(path, aside);
      return aside;
    },
  };
}
