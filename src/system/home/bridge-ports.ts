import { parseMac, type MacAddress } from "../../model/device.ts";
import { field, items } from "../process/json-fields.ts";
import { runForJson, type RunCommand } from "../process/run-command.ts";

/** The bridge port that each MAC address was last seen on: an interface's name (`lan1`, `phy0-ap0`). Rejects if it cannot be read. */
export async function readBridgePorts(run: RunCommand): Promise<ReadonlyMap<MacAddress, string>> {
  const ports = new Map<MacAddress, string>();
  for (const entry of items(await runForJson(run, "bridge", ["fdb", "show"]))) {
    const [mac, port] = [field(entry, "mac"), field(entry, "ifname")];
    // The bridge's own addresses are `permanent`.
    if (typeof mac !== "string" || typeof port !== "string" || field(entry, "master") === undefined || field(entry, "state") === "permanent") continue;
    const known = parseMac(mac);
    if (known !== undefined && !ports.has(known) && isInterfaceName(port)) ports.set(known, port);
  }
  return ports;
}

/** As the kernel allows, but for signs that mean something to nft. */
function isInterfaceName(name: string): boolean {
  return /^[A-Za-z0-9_.:@-]{1,15}$/.test(name);
}
