import { readFileSync, statSync } from "node:fs";
import { readLenientUci } from "../../config/lenient-uci.ts";
import { readDhcpConfig, type DhcpConfig } from "../../nat-lookup/identity/static-hosts.ts";

const nothing: DhcpConfig = { hosts: [], leaseFiles: [] };

/** What OpenWrt's DHCP configuration says of hosts, read again when the file has changed; nothing where there is none. */
export function openDhcpConfig(path = "/etc/config/dhcp"): () => DhcpConfig {
  let read: { readonly changed: string; readonly config: DhcpConfig } | undefined;
  return () => {
    try {
      const { mtimeMs, size } = statSync(path);
      const changed = `${mtimeMs} ${size}`;
      if (read?.changed !== changed) read = { changed, config: readDhcpConfig(readLenientUci(readFileSync(path, "utf8"))) };
      return read.config;
    } catch {
      return nothing;
    }
  };
}
