import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseLeases, type Lease } from "../../nat-lookup/identity/parse-leases.ts";

/** Bytes of a lease file that are read: some thousand leases. */
const longestLeaseFile = 512 * 1024;
/** Bytes that are read and parsed in one turn of the event loop: a millisecond or a few on a small router. */
export const bytesInOneTurn = 16 * 1024;
/** Bytes kept of a line that is not over yet: more than a line may have, so that one that is too long stays so. */
const mostBegun = 8_192;
const mostLeasesOfFile = 8_192;
const mostFilesOfFolder = 32;
const mostFilesRemembered = 64;

export interface LeaseFiles {
  /**
   * What these files hold, or the files of these folders, which end in `/`. What is not there is passed over; `complain` hears of what
   * cannot be read. Never rejects.
   */
  read(paths: readonly string[], complain: (file: string, error: unknown) => void): Promise<readonly Lease[]>;
}

/** Remembers what a file held as long as it has not changed: blocklists of 60,000 lines lie beside the leases. */
export function openLeaseFiles(): LeaseFiles {
  const known = new Map<string, { readonly stamp: string; readonly leases: Promise<readonly Lease[]> }>();
  const leasesIn = (file: string | Buffer): Promise<readonly Lease[]> => {
    const key = file.toString("latin1");
    const stamp = stampOf(file);
    const before = known.get(key);
    if (before?.stamp === stamp) return before.leases;
    if (known.size >= mostFilesRemembered) known.clear();
    const leases = readLeases(file);
    known.set(key, { stamp, leases });
    // It may be readable the next time, though nothing about it has changed.
    leases.catch(() => {
      if (known.get(key)?.leases === leases) known.delete(key);
    });
    return leases;
  };
  return {
    async read(paths, complain) {
      const all: Lease[] = [];
      for (const file of new Set(paths.flatMap(filesAt))) {
        try {
          for (const lease of await leasesIn(file)) all.push(lease);
        } catch (error) {
          if (!isAbsent(error)) complain(file.toString(), error);
        }
      }
      return all;
    },
  };
}

/** Changes with the file. */
function stampOf(path: string | Buffer): string {
  const { mtimeMs, ctimeMs, size, ino } = statSync(path);
  return [mtimeMs, ctimeMs, size, ino].join(" ");
}

/** The files of a folder; hidden ones are being written. A file yields itself. */
function filesAt(path: string): readonly (string | Buffer)[] {
  if (!path.endsWith("/")) return [path];
  try {
    const names = readdirSync(path).filter((name) => !name.startsWith(".")).sort().slice(0, mostFilesOfFolder);
    const files: (string | Buffer)[] = names.filter((name) => !name.includes("\ufffd")).map((name) => join(path, name));
    // A name that is not UTF-8 is found by its bytes only.
    if (files.length < names.length)
      files.push(
        ...readdirSync(path, "buffer").filter((name) => name.toString("utf8").includes("\ufffd") && name[0] !== 0x2e).slice(0, names.length - files.length).map(
          (name) => Buffer.concat([Buffer.from(path), name]),
        ),
      );
    return files;
  } catch {
    return [];
  }
}

/**
 * The leases at the start of a file, a piece in each turn of the event loop, so that a large one holds up nobody; bytes that are not UTF-8
 * become U+FFFD. Only of a plain file: opening a FIFO would wait. A piece is read at once, as it lies in the router's memory: Node would
 * start four threads to wait for it.
 */
async function readLeases(path: string | Buffer): Promise<readonly Lease[]> {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new Error("not a file");
    // A jail goes on showing a file that was replaced (odhcpd does that): what stands there is no longer so.
    if (found.nlink === 0) return [];
    const leases: Lease[] = [];
    const piece = Buffer.alloc(bytesInOneTurn);
    /** The beginning of a line that goes on in the next piece. */
    let begun: Buffer = Buffer.alloc(0);
    for (let at = 0; at < longestLeaseFile && leases.length < mostLeasesOfFile;) {
      if (at > 0) await nextTurn();
      const length = readSync(file, piece, 0, piece.length, at);
      if (length === 0) break;
      at += length;
      const bytes = Buffer.concat([begun, piece.subarray(0, length)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      leases.push(...parseLeases(bytes.toString("utf8", 0, end)));
      // What follows the last line end of all is being written at this moment.
      begun = bytes.subarray(end, end + mostBegun);
    }
    return leases;
  } finally {
    closeSync(file);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
