import { parseMac } from "../../model/device.ts";
import { parseIpAddress } from "../../model/ip-prefix.ts";
import type { Lease } from "./parse-leases.ts";

/** A section of OpenWrt's /etc/config/dhcp, as far as it is needed here. */
export interface DhcpSection {
  readonly type: string;
  readonly entries: readonly { readonly name: string; readonly value: string }[];
}

export interface DhcpConfig {
  /** Hosts that the owner has named or given an address, one for each of their MAC addresses. */
  readonly hosts: readonly Lease[];
  /** Where the DHCP servers keep their leases, where that is not the usual place. */
  readonly leaseFiles: readonly string[];
}

/**
 * Reads `config host` (`name`, `mac`, several in one option or a list, `ip`) and the `leasefile` of `config dnsmasq` and `config odhcpd`.
 * What is no MAC address, such as one with wildcards, and no address, such as `ignore`, is passed over.
 */
export function readDhcpConfig(sections: readonly DhcpSection[]): DhcpConfig {
  const valuesOf = ({ entries }: DhcpSection, name: string): string[] => entries.filter((entry) => entry.name === name).map(({ value }) => value.trim());
  const hosts = sections.filter(({ type }) => type === "host").flatMap((section): Lease[] => {
    const [name = ""] = valuesOf(section, "name");
    const addresses = valuesOf(section, "ip").filter((address) => parseIpAddress(address) !== undefined);
    const macs = valuesOf(section, "mac").flatMap((value) => value.split(/\s+/)).flatMap((word) => parseMac(word) ?? []);
    return macs.map((mac) => ({ mac, duidMac: null, addresses, name: name === "" ? null : name }));
  });
  const servers = sections.filter(({ type }) => type === "dnsmasq" || type === "odhcpd");
  return { hosts, leaseFiles: servers.flatMap((section) => valuesOf(section, "leasefile")).filter((file) => file.startsWith("/")) };
}
