import { readFileSync } from "node:fs";
import type { MacAddress } from "../../model/device.ts";
import { isRandomised, vendorOf } from "../../nat-lookup/identity/vendor-of.ts";

const mostRemembered = 256;

/** Who made a device, from the list beside the bundle, which is read when it is asked for and not kept: 120 KB for a question a week. */
export function openVendorList(file: URL = defaultFile()): (mac: MacAddress) => string | null {
  const remembered = new Map<MacAddress, string | null>();
  return (mac) => {
    if (isRandomised(mac)) return null;
    const known = remembered.get(mac);
    if (known !== undefined) return known;
    let vendor: string | null = null;
    try {
      vendor = vendorOf(readFileSync(file, "utf8"), mac);
    } catch { /* the list is for the owner's eyes: it may have been left out to save space */ }
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(mac, vendor);
    return vendor;
  };
}

function defaultFile(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "../../dist/vendors.txt" : "vendors.txt", import.meta.url);
}
