import { mkdirSync, watch } from "node:fs";
import { open } from "node:fs/promises";
import type { OfferOn } from "../../callhome-server/discovery/discover.ts";
import { readDhcpOffer } from "../../callhome-server/discovery/read-dhcp-offer.ts";

/** What the DHCP clients' scripts leave in a folder of theirs: a file for each network device and family, `wan.4`, `wan.6`. */
export interface DhcpOffers {
  /** What was offered on these devices last; nothing of a lease that is gone. */
  read(devices: readonly string[]): Promise<readonly OfferOn[]>;
  /** Calls back whenever a file may have changed, until the returned function is called. Throws if the folder cannot be watched. */
  follow(changed: () => void): () => void;
}

const mostDevices = 16;
/** Both options at their longest, in hexadecimal digits. */
const mostBytes = 4096;

/** Reads the folder anew each time. */
export function openDhcpOffers(folder: string): DhcpOffers {
  const offerOn = async (device: string, family: 4 | 6): Promise<OfferOn | undefined> => {
    const text = await readStart(`${folder}/${device}.${family}`);
    return text === undefined ? undefined : { device, ...readDhcpOffer(family, { name: hexAfter("name", text), addresses: hexAfter("addresses", text) }) };
  };
  return {
    async read(devices) {
      const files = devices.filter((device) => /^[^/\s]{1,15}$/.test(device)).slice(0, mostDevices).flatMap((device) =>
        ([6, 4] as const).map((family) => offerOn(device, family))
      );
      return (await Promise.all(files)).flatMap((offer) => offer ?? []);
    },
    follow(changed) {
      mkdirSync(folder, { recursive: true, mode: 0o755 }); // before the first lease there is none
      const watcher = watch(folder, { persistent: false }, () => {
        changed();
      });
      watcher.on("error", () => {
        watcher.close();
      });
      return () => {
        watcher.close();
      };
    },
  };
}

/** A line `name 04646f7473…`. */
function hexAfter(word: string, text: string): Uint8Array | null {
  const digits = new RegExp(`^${word} ((?:[0-9a-f]{2})+)$`, "im").exec(text)?.[1];
  return digits === undefined ? null : Buffer.from(digits, "hex");
}

/** Not more of the file than the scripts write. */
async function readStart(path: string): Promise<string | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return undefined;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
