import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { toolPath } from "./namespace.ts";

const packages: Readonly<Record<string, string>> = {
  ip: "iproute2",
  bridge: "iproute2",
  nft: "nftables",
  conntrack: "conntrack",
  sysctl: "procps",
  make: "make",
  cc: "gcc libc6-dev",
};

/** What the lab lacks here, in words for the user; empty if it can run. */
export function labMissing(): string[] {
  const missing = Object.entries(packages)
    .filter(([tool]) => !isInstalled(tool))
    .map(([tool, debianPackage]) => `${tool} (Debian: ${debianPackage})`);
  if (process.geteuid?.() !== 0) missing.unshift("root, for network namespaces");
  return missing;
}

function isInstalled(tool: string): boolean {
  return toolPath.split(":").some((folder) => {
    try {
      accessSync(join(folder || ".", tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
