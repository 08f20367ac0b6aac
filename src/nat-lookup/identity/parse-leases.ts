import { parseMac } from "../../model/device.ts";
import type { MacAddress } from "../../model/device.ts";
import { parseIpAddress } from "../../model/ip-prefix.ts";

const mostLines = 8192;
const longestLine = 4096;

const nobodys: ReadonlySet<string> = new Set(["0.0.0.0", "127.0.0.1", "::", "::1"]);

/** A device's address and name, from a DHCP server or a hosts file. At least one of MAC address, DUID and addresses is there. */
export interface Lease {
  readonly mac: MacAddress | null;
  /** The MAC address inside the client's DUID (RFC 8415 §11.2, §11.4). It may be that of another interface of the device. */
  readonly duidMac: MacAddress | null;
  readonly addresses: readonly string[];
  /** Hostile text. */
  readonly name: string | null;
}

/**
 * Reads the leases of dnsmasq (`/tmp/dhcp.leases`) and odhcpd (`/tmp/hosts/odhcpd` of OpenWrt 24.10, `/tmp/odhcpd.leases` and
 * the hosts files of 25.12), each line by its own look, since odhcpd mixes them:
 * ```
 * 1795291200 aa:bb:cc:dd:ee:ff 192.168.1.23 camera 01:aa:…       dnsmasq, DHCPv4
 * 1795291200 1234567 2001:db8:1::23 camera 00:01:00:01:…         dnsmasq, DHCPv6: IAID and DUID
 * # br-lan aabbccddeeff ipv4 camera 1795291200 c0a80117 32 192.168.1.23/32
 * # br-lan 00010001… 12ab34 camera 1795291200 23 128 2001:db8:1::23/128
 * 192.168.1.23	camera.lan	camera                                hosts
 * ```
 * Lines that are malformed, too long or half written are skipped; never throws.
 */
export function parseLeases(text: string): Lease[] {
  const leases: Lease[] = [];
  // What follows the last line end is being written at this moment.
  for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n", mostLines)) {
    if (line.length > longestLine) continue;
    const fields = line.trim().split(/\s+/);
    const lease = fields[0] === "#" ? readOdhcpd(fields) : /^\d+$/.test(fields[0] ?? "") ? readDnsmasq(fields) : readHosts(fields);
    if (lease) leases.push(lease);
  }
  return leases;
}

function readDnsmasq(fields: readonly string[]): Lease | undefined {
  const [, client = "", address = ""] = fields;
  // The client's identifier is last; a name with spaces is several fields.
  const duid = fields.length > 4 ? fields.at(-1) ?? "" : "";
  const name = fields.slice(3, Math.max(4, fields.length - 1)).join(" ") || "*";
  if (!parseIpAddress(address)) return undefined;
  // A hardware type other than Ethernet's is put in front: `06-aa:bb:…`.
  const mac = parseMac(client.replace(/^[0-9a-f]{2}-(?=.*:)/i, "")) ?? null;
  if (mac === null && !/^T?\d+$/.test(client)) return undefined;
  return { mac, duidMac: mac === null ? macOfDuid(duid) : null, addresses: [address], name: name === "*" ? null : name };
}

function readOdhcpd(fields: readonly string[]): Lease | undefined {
  const [, , client = "", kind = ""] = fields;
  // From the end, as the name may be several fields, numbers too: addresses, behind the time at which it ends, a number of its own, and a length.
  const ends = fields.findLastIndex((field) => !field.includes("/")) - 2;
  if (ends < 5 || !/^-?\d+$/.test(fields[ends] ?? "")) return undefined;
  const name = unescapeName(fields.slice(4, ends).join(" ")).trim();
  const addresses = fields.slice(ends + 3).map((field) => field.replace(/\/\d+$/, "")).filter((address) => parseIpAddress(address));
  const mac = kind === "ipv4" ? readLooseMac(client) : null;
  const duidMac = kind === "ipv4" ? null : macOfDuid(client);
  if (mac === null && duidMac === null && addresses.length === 0) return undefined;
  return { mac, duidMac, addresses, name: name === "-" || name === "" ? null : name };
}

function readHosts(all: readonly string[]): Lease | undefined {
  const comment = all.findIndex((field) => field.startsWith("#"));
  const fields = comment < 0 ? all : all.slice(0, comment);
  const [address = ""] = fields;
  const name = fields.at(-1);
  // What blocklists hold by the thousand is nobody's address.
  if (fields.length < 2 || name === undefined || nobodys.has(address) || !parseIpAddress(address)) return undefined;
  return { mac: null, duidMac: null, addresses: [address], name };
}

/** odhcpd writes `aabbccddeeff`, and since 2025 as ether_ntoa() does, `a:b:c:d:e:f` without leading zeros. */
function readLooseMac(text: string): MacAddress | null {
  const bytes = text.includes(":") ? text.split(":") : text.match(/../g) ?? [];
  return parseMac(bytes.map((byte) => byte.padStart(2, "0")).join(":")) ?? null;
}

/** The MAC address in a DUID-LLT or DUID-LL of Ethernet, in hexadecimal with or without colons. */
function macOfDuid(text: string): MacAddress | null {
  const hex = text.replaceAll(":", "").toLowerCase();
  const match = /^(?:00010001[0-9a-f]{8}|00030001)([0-9a-f]{12})$/.exec(hex);
  return match?.[1] === undefined ? null : readLooseMac(match[1]);
}

/** odhcpd marks a name that is no host name with `broken\x20` and may write its bytes as `\xNN`. */
function unescapeName(name: string): string {
  const plain = name.replace(/^broken\\x20/, "");
  try {
    return decodeURIComponent(plain.replaceAll("%", "%25").replace(/\\x([0-9a-f]{2})/gi, "%$1"));
  } catch {
    return plain; // not UTF-8
  }
}
