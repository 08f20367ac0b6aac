import { parseMac, type MacAddress } from "../../model/device.ts";
import { parseIpAddress } from "../../model/ip-prefix.ts";
import { uselessStates } from "./ip-output.ts";

/** What the kernel has announced. */
export type HomeEvent =
  /** `mac` is null: the address has no known MAC address any more. */
  | { readonly is: "neighbour"; readonly address: string; readonly device: string; readonly mac: MacAddress | null }
  /** A bridge has learned, or forgotten, on which port a MAC address is. */
  | { readonly is: "port"; readonly mac: MacAddress; readonly device: string; readonly isGone: boolean }
  /** A device, an address, or a default route: all of those are read again. */
  | { readonly is: "links" };

/**
 * A line of `ip -o monitor label address route link neigh`; undefined for what does not matter here. Bridges announce what they learn as
 * neighbours without an address.
 */
export function readMonitorLine(line: string): HomeEvent | undefined {
  const label = /^\[(LINK|ADDR|ROUTE|NEIGH)\]/.exec(line)?.[1];
  if (label === undefined) return undefined;
  const words = line.slice(label.length + 2).split(" ").filter((word) => word !== "");
  if (label === "LINK" || label === "ADDR") return { is: "links" };
  if (label === "ROUTE") return words.includes("default") || words.includes("unreachable") ? { is: "links" } : undefined;
  return readNeighbourEvent(words);
}

function readNeighbourEvent(words: readonly string[]): HomeEvent | undefined {
  const isGone = words[0] === "Deleted";
  const rest = isGone ? words.slice(1) : words;
  const device = after(rest, "dev");
  const mac = parseMac(after(rest, "lladdr") ?? "");
  if (device === undefined || !isDeviceName(device) || rest.includes("proxy")) return undefined;
  if (rest[0] === "dev") return mac === undefined || rest.includes("PERMANENT") ? undefined : { is: "port", mac, device, isGone };
  const [address = ""] = rest;
  if (!parseIpAddress(address)) return undefined;
  const isKnown = !isGone && mac !== undefined && !rest.some((word) => uselessStates.includes(word));
  return { is: "neighbour", address, device, mac: isKnown ? mac : null };
}

function after(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
}

/** IFNAMSIZ, and nothing that could be taken for two words. */
function isDeviceName(name: string): boolean {
  return /^[\x21-\x7e]{1,15}$/.test(name);
}
