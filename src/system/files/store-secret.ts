import { randomBytes } from "node:crypto";
import { closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "../../text/error-text.ts";
import { readCertificate, readPrivateKey } from "./read-certificates.ts";
import { readPassword, readPsk } from "./read-secret.ts";

/** What may be stored for a section of the configuration: the option that names the file, the file's ending, and how it is looked at. */
const kinds = {
  psk_file: { ending: ".psk", read: readPsk },
  password_file: { ending: ".password", read: readPassword },
  ca_file: { ending: "-ca.pem", read: readCertificate },
  cert_file: { ending: "-cert.pem", read: readCertificate },
  key_file: { ending: ".key", read: readPrivateKey },
} as const;

export type SecretOption = keyof typeof kinds;

const longest = 256 * 1024; // bytes

/**
 * Stores a key, password or certificate for a section in `folder`, readable by its owner alone, in place of an earlier one. It is looked at
 * first: a problem, in words without any of it, leaves everything as it was. Returns the file's name for the option.
 */
export function storeSecret(folder: string, section: string, option: string, text: string): { readonly path: string } | { readonly problem: string } {
  if (!/^\w{1,64}$/.test(section)) return { problem: "the section's name is not one, expected letters, digits and _" };
  if (!Object.hasOwn(kinds, option)) return { problem: `expected one of the options ${Object.keys(kinds).join(", ")}` };
  if (Buffer.byteLength(text) > longest) return { problem: `is too long, expected at most ${longest} bytes` };
  const { ending, read } = kinds[option as SecretOption];
  const path = join(folder, `${section}${ending}`);
  // Beside it, by a name that nobody can know: the folder may be the daemon's, who is not root. A link that lies there is replaced, not followed.
  const fresh = join(folder, `.new-${randomBytes(8).toString("hex")}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeNew(fresh, `${text.trim()}\n`);
    const reading = read(fresh);
    if ("problem" in reading) {
      unlinkSync(fresh);
      return { problem: reading.problem.replaceAll(`${fresh}: `, "") };
    }
    renameSync(fresh, path);
    return { path };
  } catch (error) {
    try {
      unlinkSync(fresh);
    } catch { /* it was never there */ }
    return { problem: `cannot be stored in ${folder} (${errorText(error)})` };
  }
}

function writeNew(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
