import { readFileSync, statSync } from "node:fs";
import { parseIpAddress, type IpPrefix } from "../../model/ip-prefix.ts";

/** The router's own, and those that netifd had from the ISP, which dnsmasq asks: the router's own is then dnsmasq. */
const files = ["/etc/resolv.conf", "/tmp/resolv.conf.d/resolv.conf.auto"];
const largest = 64 * 1024; // bytes
const mostResolvers = 32;

/** The name servers in use now, from small files in the router's memory; a file that is not there is passed over. */
export function readResolvers(from: readonly string[] = files): readonly IpPrefix[] {
  return from.flatMap((file) => {
    try {
      const found = statSync(file);
      return found.isFile() && found.size <= largest ? parseResolvers(readFileSync(file, "utf8")) : [];
    } catch {
      return [];
    }
  });
}

/** resolv.conf(5); `%eth0` behind a link-local address says where it is. */
export function parseResolvers(text: string): readonly IpPrefix[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+([^\s%]+)/gm)].slice(0, mostResolvers).flatMap(([, address = ""]) => parseIpAddress(address) ?? []);
}
