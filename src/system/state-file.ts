import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file that is replaced whole or not at all. */
export interface StateFile {
  readonly path: string;
  /** Undefined if there is none yet; throws if it cannot be read. */
  read(): string | undefined;
  /** When it returns, a power cut can no longer undo it. Throws if it cannot be written (read-only or full disk); the old content is then still there. */
  write(text: string): void;
  /** Renames a file that cannot be used, so that nobody loses it; returns its new name. */
  setAside(): string;
}

/** A larger file is none of ours; reading it would take the router's memory. */
const largest = 16 * 1024 * 1024; // bytes
const mostKeptAside = 5;

export function openStateFile(folder: string): StateFile {
  const path = join(folder, "state.json");
  return {
    path,
    read() {
      try {
        if (statSync(path).size > largest) throw new Error(`it is larger than ${largest} bytes`);
        return readFileSync(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    write(text) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const draft = `${path}.new`;
      try {
        withFile(draft, "w", (file) => {
          writeFileSync(file, text);
          fsyncSync(file); // the rename must not reach the disk before the content
        });
        renameSync(draft, path);
        withFile(folder, "r", fsyncSync); // the name is the folder's content
      } catch (error) {
        rmSync(draft, { force: true }); // a full disk has better use for the space
        throw error;
      }
    },
    setAside() {
      const names = Array.from({ length: mostKeptAside }, (_, at) => `${path}.kept-${at + 1}`);
      const aside = names.find((name) => !existsSync(name)) ?? `${path}.kept-${mostKeptAside}`;
      renameSync(path, aside);
      return aside;
    },
  };
}

function withFile(path: string, flags: string, use: (file: number) => void): void {
  const file = openSync(path, flags, 0o600);
  try {
    use(file);
  } finally {
    closeSync(file);
  }
}
