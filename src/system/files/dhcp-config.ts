import { readFileSync, statSync } from "node:fs";
import { readLenientUci } from "../../config/lenient-uci.ts";
import type { Log } from "../../model/ports.ts";
import { readDhcpConfig, type DhcpConfig } from "../../nat-lookup/identity/static-hosts.ts";
import { errorText } from "../../text/error-text.ts";

const nothing: DhcpConfig = { hosts: [], leaseFiles: [] };

/**
 * What OpenWrt's DHCP configuration says of hosts, read again when the file has changed; nothing where there is none. What cannot be read
 * of it is passed over, and is a line in the log, once for each state of the file.
 */
export function openDhcpConfig(log: Log, path = "/etc/config/dhcp"): () => DhcpConfig {
  let read: { readonly changed: string; readonly config: DhcpConfig } | undefined;
  return () => {
    const changed = stampOf(path);
    if (changed === undefined) return nothing;
    if (read?.changed !== changed) read = { changed, config: readConfig(path, log) };
    return read.config;
  };
}

/** Changes with the file; undefined while there is none. */
function stampOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.mtimeMs} ${found.size}`;
}

function readConfig(path: string, log: Log): DhcpConfig {
  try {
    const { sections, problem } = readLenientUci(readFileSync(path, "utf8"));
    if (problem !== null) log("warn", `${path}: ${problem}; the names and addresses that stand there are not used`);
    return readDhcpConfig(sections);
  } catch (error) {
    log("warn", `cannot read names from ${path}: ${errorText(error)}`);
    return nothing;
  }
}
