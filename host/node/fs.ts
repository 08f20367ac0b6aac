import { Buffer } from "./buffer.ts";
import { EventEmitter } from "./events.ts";
import { isAgain, succeed, systemError } from "./system-error.ts";

type Path = string | Uint8Array | URL;

export const constants = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_NOFOLLOW: 0o400000,
} as const;
const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;
const flagsOf: Readonly<Record<string, number>> = {
  "r": O_RDONLY,
  "r+": O_RDWR,
  "w": O_WRONLY | O_CREAT | O_TRUNC,
  "wx": O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  "a": O_WRONLY | O_CREAT | O_APPEND,
};
/** What a reading of a file of unknown size, as in /proc, begins with. */
const firstRoom = 4096;
const kind = { mask: 0o170000, socket: 0o140000, link: 0o120000, file: 0o100000, folder: 0o040000, fifo: 0o010000 } as const;

function nameOf(path: Path): string | Uint8Array {
  if (typeof path === "string" || path instanceof Uint8Array) return path;
  if (path.protocol !== "file:") throw new TypeError("The URL must be of scheme file");
  return decodeURIComponent(path.pathname);
}
const textOf = (path: Path): string => {
  const name = nameOf(path);
  return typeof name === "string" ? name : Buffer.from(name).toString();
};

export class Stats {
  readonly mode: number;
  readonly size: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly dev: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly nlink: number;
  constructor([mode = 0, size = 0, ino = 0, uid = 0, gid = 0, dev = 0, mtimeMs = 0, ctimeMs = 0, nlink = 0]: readonly number[]) {
    Object.assign(this, { mode, size, ino, uid, gid, dev, mtimeMs, ctimeMs, nlink });
    [this.mode, this.size, this.ino, this.uid, this.gid, this.dev, this.mtimeMs, this.ctimeMs, this.nlink] = [mode, size, ino, uid, gid, dev, mtimeMs, ctimeMs,
      nlink];
  }
  get mtime(): Date {
    return new Date(this.mtimeMs);
  }
  isFile(): boolean {
    return (this.mode & kind.mask) === kind.file;
  }
  isDirectory(): boolean {
    return (this.mode & kind.mask) === kind.folder;
  }
  isSocket(): boolean {
    return (this.mode & kind.mask) === kind.socket;
  }
  isSymbolicLink(): boolean {
    return (this.mode & kind.mask) === kind.link;
  }
  isFIFO(): boolean {
    return (this.mode & kind.mask) === kind.fifo;
  }
}

function stat(path: Path, followsLinks: boolean, { throwIfNoEntry = true }: { readonly throwIfNoEntry?: boolean } = {}): Stats | undefined {
  const found = native.stat(nameOf(path), followsLinks);
  if (typeof found !== "number") return new Stats(found);
  const error = systemError(found, followsLinks ? "stat" : "lstat", textOf(path));
  if (!throwIfNoEntry && error.code === "ENOENT") return undefined;
  throw error;
}
export const statSync = (path: Path, options?: { readonly throwIfNoEntry?: boolean }): Stats | undefined => stat(path, true, options);
export const lstatSync = (path: Path, options?: { readonly throwIfNoEntry?: boolean }): Stats | undefined => stat(path, false, options);
export const fstatSync = (fd: number): Stats => new Stats(succeed(native.stat(fd, true), "fstat"));
export const existsSync = (path: Path): boolean => typeof native.stat(nameOf(path), true) !== "number";

export function openSync(path: Path, flags: string | number = "r", mode = 0o666): number {
  const wanted = typeof flags === "number" ? flags : flagsOf[flags];
  if (wanted === undefined) throw new TypeError(`this runtime does not open files with '${String(flags)}'`);
  return succeed<number>(native.open(nameOf(path), wanted, mode), "open", textOf(path));
}
export function closeSync(fd: number): void {
  succeed(native.close(fd), "close");
}
export function fsyncSync(fd: number): void {
  succeed(native.sync(fd), "fsync");
}

export function readSync(fd: number, into: Uint8Array, offset = 0, length = into.length - offset, position: number | null = null): number {
  return succeed<number>(native.read(fd, into, offset, length, position ?? -1), "read");
}

export function readFileSync(path: Path | number, options?: string | { readonly encoding?: string } | null): Buffer | string {
  const fd = typeof path === "number" ? path : openSync(path);
  try {
    let whole = new Uint8Array(Math.max(firstRoom, fstatSync(fd).size + 1));
    let length = 0;
    for (;;) {
      const got = native.read(fd, whole, length, whole.length - length, -1);
      if (got < 0) throw systemError(got, "read");
      if (got === 0) break;
      length += got;
      if (length < whole.length) continue;
      const larger = new Uint8Array(whole.length * 2);
      larger.set(whole);
      whole = larger;
    }
    const bytes = Buffer.from(whole.buffer, 0, length);
    const encoding = typeof options === "string" ? options : options?.encoding;
    return encoding === undefined ? bytes : bytes.toString(encoding);
  } finally {
    if (typeof path !== "number") closeSync(fd);
  }
}

export function writeFileSync(path: Path | number, content: string | Uint8Array,
  options: { readonly mode?: number; readonly flag?: string } | string = {}): void {
  const { mode = 0o666, flag = "w" } = typeof options === "string" ? {} : options;
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const fd = typeof path === "number" ? path : openSync(path, flag, mode);
  try {
    writeAll(fd, bytes);
  } finally {
    if (typeof path !== "number") closeSync(fd);
  }
}

/** Bytes that were written. */
export function writeSync(fd: number, content: string | Uint8Array): number {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return succeed<number>(native.write(fd, bytes, 0, bytes.length), "write");
}

/** Without an end: a disk takes bytes, or says why not. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    const took = native.write(fd, bytes, done, bytes.length - done);
    if (took >= 0) done += took;
    else if (!isAgain(took)) throw systemError(took, "write");
  }
}

export function renameSync(from: string, to: string): void {
  succeed(native.rename(from, to), "rename", from);
}
export function unlinkSync(path: Path): void {
  succeed(native.unlink(nameOf(path)), "unlink", textOf(path));
}
export function chmodSync(path: string, mode: number): void {
  succeed(native.changeMode(path, mode), "chmod", path);
}
export function realpathSync(path: string): string {
  return succeed<string>(native.realPath(path), "realpath", path);
}

export function mkdirSync(path: string, options: { readonly recursive?: boolean; readonly mode?: number } = {}): void {
  const { recursive = false, mode = 0o777 } = options;
  if (recursive && existsSync(path)) {
    if (statSync(path)?.isDirectory() === true) return;
    throw systemError(17, "mkdir", path);
  }
  const result = native.makeFolder(path, mode);
  if (recursive && result === -2 && path.includes("/")) {
    mkdirSync(path.replace(/\/+[^/]*\/*$/, "") || "/", options);
    succeed(native.makeFolder(path, mode), "mkdir", path);
  } else succeed(result, "mkdir", path);
}

/** Of a folder only with `recursive`. */
export function rmSync(path: Path, { force = false, recursive = false }: { readonly force?: boolean; readonly recursive?: boolean } = {}): void {
  const found = lstatSync(path, { throwIfNoEntry: !force });
  if (!found) return;
  if (!found.isDirectory()) {
    unlinkSync(path);
    return;
  }
  if (!recursive) throw systemError(21, "rm", textOf(path));
  const folder = nameOf(path);
  const inside = Buffer.concat([typeof folder === "string" ? Buffer.from(folder) : folder, Buffer.from("/")]);
  for (const name of readdirSync(path, "buffer") as Buffer[]) rmSync(Buffer.concat([inside, name]), { force, recursive });
  succeed(native.removeFolder(folder), "rmdir", textOf(path));
}

export function readdirSync(path: Path, options?: string | { readonly encoding?: string }): (string | Buffer)[] {
  const names = succeed<Uint8Array[]>(native.readFolder(nameOf(path)), "scandir", textOf(path)).map((name) => Buffer.from(name));
  return (typeof options === "string" ? options : options?.encoding) === "buffer" ? names : names.map((name) => name.toString());
}

/** Changes in a folder, by inotify; which file it was is not told. */
class FolderWatcher extends EventEmitter {
  #fd: number;

  constructor(path: string, changed: () => void) {
    super();
    this.#fd = succeed<number>(native.watchFolder(path), "watch", path);
    native.watch(this.#fd, 1, () => {
      const told = native.receive(this.#fd, 65_536);
      if (typeof told === "number" && !isAgain(told)) this.emit("error", systemError(told, "watch", path));
      else changed();
    });
  }

  close(): void {
    if (this.#fd < 0) return;
    native.unwatch(this.#fd);
    native.close(this.#fd);
    this.#fd = -1;
  }
}

/** It does not keep the process. */
export const watch = (path: string, options: { readonly persistent: false }, changed: () => void): FolderWatcher => {
  if (options.persistent as boolean) throw new TypeError("this runtime watches folders with persistent: false");
  return new FolderWatcher(path, changed);
};
