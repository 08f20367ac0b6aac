import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/** What lies at a path of an archive. */
export type Entry =
  | { readonly is: "folder" }
  | { readonly is: "file"; readonly from: string; readonly mode?: number }
  | { readonly is: "text"; readonly text: string; readonly mode?: number }
  | { readonly is: "link"; readonly to: string };

/**
 * Writes an initramfs (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst): a cpio archive of the kind "newc",
 * uncompressed. Paths begin without a slash; the folders above them are added.
 */
export function writeCpio(file: string, entries: ReadonlyMap<string, Entry>): void {
  const all = new Map<string, Entry>();
  for (const [path, entry] of entries) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      if (!all.has(folder)) all.set(folder, { is: "folder" });
    }
    all.set(path, entry);
  }
  const output = openSync(file, "w", 0o600);
  let inode = 1;
  for (const [path, entry] of all) for (const part of member(path, entry, inode++)) writeSync(output, part);
  for (const part of member("TRAILER!!!", { is: "text", text: "", mode: 0 }, 0)) writeSync(output, part);
  closeSync(output);
}

const kinds = { folder: 0o040755, file: 0o100000, text: 0o100000, link: 0o120777 } as const;

function member(path: string, entry: Entry, inode: number): Uint8Array[] {
  const content = entry.is === "file" ? readFileSync(entry.from) : Buffer.from(entry.is === "text" ? entry.text : entry.is === "link" ? entry.to : "");
  const mode = kinds[entry.is] | ("mode" in entry ? entry.mode : 0o644);
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device (2), device of the node (2), length of the name, checksum
  const numbers = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const head = Buffer.concat([Buffer.from(`070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`), name]);
  return [head, padding(head.length), content, padding(content.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
