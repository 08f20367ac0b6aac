import { closeSync, openSync, readFileSync, readSync } from "./fs.ts";

/** Of files in /proc, which block nobody. */
export const readFile = async (path: string, encoding?: string): Promise<ReturnType<typeof readFileSync>> => Promise.resolve(readFileSync(path, encoding));

interface FileHandle {
  read<B extends Uint8Array>(into: B, offset: number, length: number, position: number | null): Promise<{ readonly bytesRead: number; readonly buffer: B }>;
  close(): Promise<void>;
}

/** The file is opened and read before the promise exists: a small file of a disk or of memory. */
export const open = async (path: string, flags = "r"): Promise<FileHandle> => {
  const fd = await Promise.resolve(openSync(path, flags));
  return {
    read: async (into, offset, length, position) => ({ bytesRead: await Promise.resolve(readSync(fd, into, offset, length, position)), buffer: into }),
    close: async () => {
      await Promise.resolve();
      closeSync(fd);
    },
  };
};
