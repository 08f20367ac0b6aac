import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** What was read, or a sentence that names the file and says what to do. No secret is ever part of it. */
export type SecretReading<T> = ({ readonly value: T; readonly warnings: readonly string[] }) | { readonly problem: string };

/** Bytes of a pre-shared key: RFC 4279 §5.4 wants at least 64 to be possible, the DTLS module takes 128. */
const longestPsk = 128;
const shortPsk = 16;

/**
 * Reads a pre-shared key: one line, `hex:` and hexadecimal digits, or text that is taken as its UTF-8 bytes. The final line
 * end is not part of it.
 */
export function readPsk(path: string): SecretReading<Buffer> {
  const read = readGuarded(path, 4096, "private");
  if ("problem" in read) return read;
  const text = decodeUtf8(read.value)?.replace(/\r?\n$/, "");
  if (text === undefined || /\p{Cc}/u.test(text)) {
    return { problem: `${path}: expected a single line of text; write a binary key as hex:… (for example: hexdump -v -e '1/1 "%02x"')` };
  }
  if (text === "") return { problem: `${path}: the file is empty, expected the pre-shared key, as text or as hex:…` };
  const key = text.startsWith("hex:") ? decodeHex(text.slice(4)) : Buffer.from(text, "utf8");
  if (!key) return { problem: `${path}: expected pairs of hexadecimal digits after hex:` };
  if (key.length > longestPsk) return { problem: `${path}: the key has ${key.length} bytes, expected at most ${longestPsk}` };
  const warnings = key.length < shortPsk ? [`${path}: the key has only ${key.length} bytes, ${shortPsk} or more are hard to guess`] : [];
  return { value: key, warnings };
}

/** Reads a password or token: one line of text (notify's password_file). */
export function readPassword(path: string): SecretReading<string> {
  const read = readGuarded(path, 4096, "private");
  if ("problem" in read) return read;
  const text = decodeUtf8(read.value)?.replace(/\r?\n$/, "");
  if (text === undefined || text === "" || /\p{Cc}/u.test(text)) return { problem: `${path}: expected a single line with the password` };
  return { value: text, warnings: [] };
}

/**
 * Reads a regular file of at most `limit` bytes. A `private` one must be closed to group and others. The checks are made
 * on the open file, so nobody can exchange it in between; a FIFO does not block.
 */
export function readGuarded(path: string, limit: number, access: "private" | "public"): SecretReading<Buffer> {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    return { problem: `${path}: ${explain(error)}` };
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return { problem: `${path}: is not a regular file` };
    if (access === "private" && (stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
      return { problem: `${path}: others than its owner may read or change it (mode ${mode}), do: chmod 600 ${quote(path)}` };
    }
    if (stat.size > limit) return { problem: `${path}: has ${stat.size} bytes, expected at most ${limit}` };
    const bytes = Buffer.alloc(limit + 1);
    let length = 0;
    for (let step = -1; step !== 0 && length <= limit; length += step) step = readSync(file, bytes, length, bytes.length - length, null);
    if (length > limit) return { problem: `${path}: has more than ${limit} bytes` };
    return { value: bytes.subarray(0, length), warnings: [] };
  } catch (error) {
    return { problem: `${path}: ${explain(error)}` };
  } finally {
    closeSync(file);
  }
}

function explain(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "the daemon's user may not read it, check the owner of the file and of its folders";
  return `cannot be read (${typeof code === "string" ? code : "unknown error"})`;
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function decodeHex(digits: string): Buffer | undefined {
  return /^([0-9a-fA-F]{2})+$/.test(digits) ? Buffer.from(digits, "hex") : undefined;
}

/** For a command that can be pasted into a shell. */
function quote(path: string): string {
  return /^[\w./+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
