import { parseMac, type MacAddress } from "../../model/device.ts";
import { nameDevices } from "../../nat-lookup/identity/name-devices.ts";
import type { Lease } from "../../nat-lookup/identity/parse-leases.ts";
import type { DhcpConfig } from "../../nat-lookup/identity/static-hosts.ts";
import type { Neighbour } from "../../model/home.ts";
import type { HomeDirectory, Log } from "../../model/ports.ts";
import type { HomeTables } from "./follow-home.ts";
import { openLeaseFiles } from "./lease-files.ts";
import { errorText } from "../../text/error-text.ts";

/** Where OpenWrt's DHCP servers keep leases and names: dnsmasq; odhcpd of 24.10, and the hosts files of 25.12; odhcpd of 25.12. */
const openWrtLeaseFiles: readonly string[] = ["/tmp/dhcp.leases", "/tmp/hosts/", "/tmp/odhcpd.leases"];

export interface HomeDirectoryOptions {
  readonly tables: Pick<HomeTables, "neighbours" | "ports">;
  readonly log: Log;
  /** Files with names, or folders of such, ending in `/`; those that do not exist are passed over. */
  readonly leaseFiles?: readonly string[];
  /** The DHCP configuration, at each question: its hosts come before leases, its lease files are read beside the others. */
  readonly dhcp?: () => DhcpConfig;
  readonly vendorOf?: (mac: MacAddress) => string | null;
  /** What others know: names count after those of leases, a Wi-Fi before a bridge port. Neither waits for anybody. */
  readonly hints?: { names(): ReadonlyMap<MacAddress, string>; wifi(mac: MacAddress): string | null };
}

/**
 * The devices of the home, from the kernel's neighbour table, its bridges and the DHCP servers' lease files.
 * `neighbours` fails if the table cannot be read; names and ports are for the owner's eyes, so a source of those that is missing or
 * broken is logged once and passed over.
 */
export function openHomeDirectory(
  { tables, log, leaseFiles = openWrtLeaseFiles, dhcp = () => ({ hosts: [], leaseFiles: [] }), vendorOf = () => null, hints }: HomeDirectoryOptions,
): HomeDirectory {
  const complaints = new Set<string>();
  const complainOnce = (message: string): void => {
    if (complaints.has(message)) return;
    complaints.add(message);
    log("warn", message);
  };
  const files = openLeaseFiles();
  const readLeases = async (): Promise<readonly Lease[]> => {
    const { hosts, leaseFiles: configured } = dhcp();
    const complain = (file: string, error: unknown): void => {
      complainOnce(`cannot read names from ${file}: ${errorText(error)}`);
    };
    return [...hosts, ...await files.read([...leaseFiles, ...configured], complain)];
  };

  return {
    async neighbours() {
      const table = await tables.neighbours();
      return [...table, ...leasedNeighbours(await readLeases(), table)];
    },
    async names() {
      const leases = await readLeases();
      const hinted = hints?.names() ?? [];
      if (leases.length === 0) return new Map(hinted);
      // Only needed for leases without a MAC address (DHCPv6, hosts files).
      const known = leases.every(({ mac, name }) => mac !== null || name === null) ? [] : await tables.neighbours().catch(() => []);
      return new Map([...hinted, ...nameDevices(leases, known)]);
    },
    vendor: vendorOf,
    async port(mac) {
      const wanted = parseMac(mac);
      if (wanted === undefined) return null;
      const wifi = hints?.wifi(wanted) ?? null;
      if (wifi !== null) return wifi;
      try {
        return (await tables.ports()).get(wanted) ?? null;
      } catch (error) {
        complainOnce(`cannot read bridge ports: ${errorText(error)}`);
        return null;
      }
    },
  };
}

/**
 * Addresses that a DHCP server has given out and the neighbour table does not know: a device that sends without being answered is
 * not looked for, so the kernel forgets it after a while.
 */
function leasedNeighbours(leases: readonly Lease[], table: readonly Neighbour[]): Neighbour[] {
  const known = new Set(table.map(({ address }) => address));
  return leases.flatMap((
    { mac, addresses },
  ) => (mac === null ? [] : addresses.filter((address) => !known.has(address)).map((address) => ({ address, mac, device: "" }))));
}
