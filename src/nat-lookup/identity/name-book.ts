import type { MacAddress } from "../../model/device.ts";
import { cleanName } from "./clean-name.ts";
import { isRandomised } from "./vendor-of.ts";

/** Which devices have borne which names: a device chooses its own name, and may choose that of another. */
export interface NameBook {
  /** Has heard of these names, by MAC address. */
  learn(names: Iterable<readonly [MacAddress, string]>): void;
  /**
   * The name to show for a device that calls itself so: where another device bears or has borne the name, or the owner has given it
   * to another, with the maker and the end of the MAC address: `Annas-laptop (Espressif, …7a:23)`. Null if nothing of it can be shown.
   */
  titleOf(mac: MacAddress, name: string, ownerNames: ReadonlyMap<MacAddress, string>): string | null;
}

const mostNames = 1024;
/** For one name: more would not make its owner less certain. */
const mostBearers = 8;
/** Characters of a name and a maker where both are shown: the end of the MAC address must not be cut off. */
const [longestName, longestMaker] = [20, 14];

/** Remembers which devices have borne which names, so that a borrowed one is noticed. Bounded: the name heard longest ago goes first. */
export function createNameBook(vendorOf: (mac: MacAddress) => string | null = () => null): NameBook {
  const bearers = new Map<string, Set<MacAddress>>();
  return {
    learn(names) {
      for (const [mac, name] of names) {
        const key = keyOf(name);
        const known = bearers.get(key) ?? new Set();
        if (known.size < mostBearers) known.add(mac);
        bearers.delete(key); // the order is that of the last hearing
        bearers.set(key, known);
      }
      for (const oldest of bearers.keys()) {
        if (bearers.size <= mostNames) break;
        bearers.delete(oldest);
      }
    },
    titleOf(mac, name, ownerNames) {
      // The sign is ours: nobody else's name ends as if we had added the address of another device.
      const cleaned = cleanName(name.replaceAll("…", "..."));
      if (cleaned === null) return null;
      const key = keyOf(name);
      const isTaken = [...bearers.get(key) ?? []].some((other) => other !== mac)
        || [...ownerNames].some(([other, given]) => other !== mac && keyOf(given) === key);
      if (!isTaken) return cleaned;
      const maker = isRandomised(mac) ? null : vendorOf(mac);
      return `${shortened(cleaned, longestName)} (${maker === null ? "" : `${shortened(maker, longestMaker)}, `}…${mac.slice(-5)})`;
    },
  };
}

/** Without what the eye passes over: case, width, signs between words, the local domain, and what we have added. */
function keyOf(name: string): string {
  return name.slice(0, 256).normalize("NFKC").toLowerCase().replace(/ \([^()]*(?:…|\.\.\.)[0-9a-f:]{5}\)$/u, "").replace(/\.(?:lan|local|home|home\.arpa)$/u,
    "").replace(/[^\p{L}\p{N}]/gu, "");
}

function shortened(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}~`;
}
