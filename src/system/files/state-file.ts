import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StateFile } from "../../model/ports.ts";

/** A larger file is none of ours; reading it would take the router's memory. Nothing larger is written. */
const largest = 4 * 1024 * 1024; // bytes
const mostKeptAside = 5;

/** A file that is replaced whole or not at all. What cannot be read is set aside, never written over. */
export function openStateFile(folder: string, name: string): StateFile {
  const path = join(folder, name);
  let isInTheWay = false;
  return {
    path,
    read() {
      try {
        const found = statSync(path);
        if (!found.isFile()) throw new Error("it is no file");
        if (found.size > largest) throw new Error(`it is larger than ${largest} bytes`);
        return readFileSync(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        isInTheWay = true;
        throw error;
      }
    },
    write(text) {
      if (isInTheWay) throw new Error("what stands there could not be read, nor set aside");
      if (Buffer.byteLength(text) > largest) throw new Error(`it would be larger than ${largest} bytes`);
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
      isInTheWay = true;
      renameSync(path, aside);
      isInTheWay = false;
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
