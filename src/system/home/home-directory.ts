import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseMac, type MacAddress } from "../../model/device.ts";
import { nameDevices } from "../../nat-lookup/identity/name-devices.ts";
import { parseLeases } from "../../nat-lookup/identity/parse-leases.ts";
import type { Lease } from "../../nat-lookup/identity/parse-leases.ts";
import type { DhcpConfig } from "../../nat-lookup/identity/static-hosts.ts";
import type { Neighbour } from "../../model/home.ts";
import type { HomeDirectory, Log } from "../../model/ports.ts";
import type { HomeTables } from "./follow-home.ts";
import { errorText } from "../../text/error-text.ts";

/** Where OpenWrt's DHCP servers keep leases and names: dnsmasq; odhcpd of 24.10, and the hosts files of 25.12; odhcpd of 25.12. */
export const openWrtLeaseFiles: readonly string[] = ["/tmp/dhcp.leases", "/tmp/hosts/", "/tmp/odhcpd.leases"];

/** Bytes of a lease file that are read: some thousand leases. */
const longestLeaseFile = 512 * 1024;
const mostFilesOfFolder = 32;
const mostFilesRemembered = 64;

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
 * Who is who, from the kernel's neighbour table, its bridges and the DHCP servers' lease files.
 * `neighbours` fails if the table cannot be read; names and ports are for the owner's eyes, so a source of those that is missing or
 * broken is logged once and passed over.
 */
export function openHomeDirectory({ tables, log, leaseFiles = openWrtLeaseFiles, dhcp = () => ({ hosts: [], leaseFiles: [] }), vendorOf = () => null, hints }: HomeDirectoryOptions): HomeDirectory {
  const complaints = new Set<string>();
  const complainOnce = (message: string): void => {
    if (complaints.has(message)) return;
    complaints.add(message);
    log("warn", message);
  };
  /** What a file held, as long as it has not changed: blocklists of 60,000 lines lie beside the leases. */
  const read = new Map<string, { readonly stamp: string; readonly leases: readonly Lease[] }>();
  const leasesIn = (file: string | Buffer): readonly Lease[] => {
    const key = file.toString("latin1");
    const stamp = stampOf(file);
    const known = read.get(key);
    if (known?.stamp === stamp) return known.leases;
    const leases = parseLeases(readStart(file));
    if (read.size >= mostFilesRemembered) read.clear();
    read.set(key, { stamp, leases });
    return leases;
  };
  const readLeases = (): readonly Lease[] => {
    const { hosts, leaseFiles: configured } = dhcp();
    const leases: Lease[] = [...hosts];
    for (const file of new Set([...leaseFiles, ...configured].flatMap(filesAt))) {
      try {
        leases.push(...leasesIn(file));
      } catch (error) {
        if (!isAbsent(error)) complainOnce(`cannot read names from ${file.toString()}: ${errorText(error)}`);
      }
    }
    return leases;
  };

  return {
    async neighbours() {
      const table = await tables.neighbours();
      return [...table, ...leasedNeighbours(readLeases(), table)];
    },
    async names() {
      const leases = readLeases();
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
  return leases.flatMap(({ mac, addresses }) => (mac === null ? [] : addresses.filter((address) => !known.has(address)).map((address) => ({ address, mac, device: "" }))));
}

/** Changes with the file. */
function stampOf(path: string | Buffer): string {
  const { mtimeMs, ctimeMs, size, ino } = statSync(path);
  return [mtimeMs, ctimeMs, size, ino].join(" ");
}

/** The files of a folder; hidden ones are being written. Of a file, itself. */
function filesAt(path: string): readonly (string | Buffer)[] {
  if (!path.endsWith("/")) return [path];
  try {
    const names = readdirSync(path).filter((name) => !name.startsWith(".")).sort().slice(0, mostFilesOfFolder);
    const files: (string | Buffer)[] = names.filter((name) => !name.includes("\ufffd")).map((name) => join(path, name));
    // A name that is not UTF-8 is found by its bytes only.
    if (files.length < names.length) files.push(...readdirSync(path, "buffer").filter((name) => name.toString("utf8").includes("\ufffd") && name[0] !== 0x2e).slice(0, names.length - files.length).map((name) => Buffer.concat([Buffer.from(path), name])));
    return files;
  } catch {
    return [];
  }
}

/**
 * The start of a file, as text: bytes that are not UTF-8 become U+FFFD. Only of a plain file: opening a FIFO would wait.
 * At once, as it lies in the router's memory: Node would start four threads to wait for it.
 */
function readStart(path: string | Buffer): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new Error("not a file");
    // A jail goes on showing a file that was replaced (odhcpd does that): what stands there is no longer so.
    if (found.nlink === 0) return "";
    const buffer = Buffer.alloc(Math.min(found.size, longestLeaseFile));
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(file, buffer, length, buffer.length - length, length);
    }
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(file);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
