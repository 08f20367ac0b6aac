import { readFileSync, statSync } from "node:fs";
import { parseUci } from "../config/uci-syntax.ts";
import { readDhcpConfig, type DhcpConfig } from "../nat-lookup/static-hosts.ts";

const nothing: DhcpConfig = { hosts: [], leaseFiles: [] };

/** What OpenWrt's DHCP configuration says of hosts, read again when the file has changed; nothing where there is none. */
export function openDhcpConfig(path = "/etc/config/dhcp"): () => DhcpConfig {
  let read: { readonly changed: number; readonly config: DhcpConfig } | undefined;
  return () => {
    try {
      const changed = statSync(path).mtimeMs;
      if (read?.changed === changed) return read.config;
      const parsed = parseUci(readFileSync(path, "utf8"));
      // Half written: what was read before holds until it is whole.
      if ("errors" in parsed) return read?.config ?? nothing;
      read = { changed, config: readDhcpConfig(parsed.sections) };
      return read.config;
    } catch {
      return nothing;
    }
  };
}
