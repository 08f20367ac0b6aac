import { errorText } from "../../text/error-text.ts";
import { NothingSent } from "../backoff.ts";
import type { Candidate, Transport } from "../happy-eyeballs.ts";
import { findService, type DnsRecords, type ServiceSpot } from "./find-service.ts";
import type { DhcpOffer } from "./read-dhcp-offer.ts";

/** A way to reach an upstream, and the name that it has to prove there. */
export interface Way extends Candidate {
  readonly serverName: string;
  /** The device that it is to be dialled from; absent: any. */
  readonly device?: string;
}

/** What DHCP has said, on which device; absent: of one WAN there is no choice. */
export interface OfferOn extends DhcpOffer {
  readonly device?: string;
}

/** What the configuration says of an upstream that is discovered. */
export interface Discovered {
  /** The domain where DHCP names none; null = none. */
  readonly host: string | null;
  /** The only name that is trusted (RFC 8973 §8.1); null = whatever DHCP names. */
  readonly serverName: string | null;
  readonly port: number;
  readonly transports: readonly Transport[];
}

export interface DiscoverPorts {
  readonly dns: DnsRecords;
  /** Addresses of a host; rejects where its name does not resolve. */
  addresses(host: string): Promise<readonly { readonly address: string; readonly family: 4 | 6 }[]>;
  /** Whether a discovered address may be dialled. */
  mayDial(address: string): boolean;
  /** In [0, 1). */
  random(): number;
}

/** Hosts whose addresses are looked up, of one domain. */
const mostHosts = 6;

/**
 * The ways to an upstream by what DHCP has said on its WAN, for each address family (RFC 8973 §4), and by DNS. Most preferred first.
 * Rejects with NothingSent where there is none, in words for the owner.
 */
export async function discover(known: Discovered, offers: readonly OfferOn[], ports: DiscoverPorts): Promise<readonly Way[]> {
  const named = offers.filter(({ name, addresses }) => name !== null || addresses.length > 0);
  const trusted = named.filter(({ name }) => known.serverName === null || name === null || name === known.serverName.toLowerCase());
  if (named.length > 0 && trusted.length === 0)
    throw new NothingSent(`DHCP names ${named.map(({ name }) => name).join(" and ")}, which is not the configured server_name`);
  if (trusted.length === 0 && known.host === null)
    throw new NothingSent("DHCP on its WAN has not named the provider's DOTS client (DHCPv4 options 147 and 148, DHCPv6 options 141 and 142)");
  const offered = trusted.flatMap(({ name, addresses, ...on }) => (addresses.length > 0 || name === null ? [] : [{ domain: name, on }]));
  const domains = trusted.length === 0
    ? [{ domain: known.host ?? "", on: {} }]
    : [...new Map(offered.map((each) => [`${each.domain} ${each.on.device ?? ""}`, each])).values()];
  const ways = [
    // §5: with addresses there, the name is for authentication alone, and "MUST NOT be passed to an underlying resolution library".
    ...trusted.flatMap(({ name, addresses, ...on }) =>
      known.transports.flatMap((transport) =>
        addresses.map((address): Way => ({
          address,
          family: address.includes(":") ? 6 : 4,
          port: known.port,
          transport,
          serverName: known.serverName ?? name ?? address,
          ...on,
        }))
      )
    ),
    ...(await Promise.all(domains.map(async ({ domain, on }) => (await throughDns(domain, known, ports)).map((way) => ({ ...way, ...on }))))).flat(),
  ];
  const allowed = ways.filter(({ address }) => ports.mayDial(address));
  if (allowed.length === 0) throw new NothingSent("none of the addresses that were discovered is one to dial");
  return allowed;
}

/** §8.2: what the peer has to prove is the name that the look-up began with, wherever the records lead. */
async function throughDns(domain: string, known: Discovered, ports: DiscoverPorts): Promise<Way[]> {
  const spots = await findService(domain, { transports: known.transports, port: known.port, random: () => ports.random() }, ports.dns);
  const hosts = [...new Set(spots.map(({ host }) => host))].slice(0, mostHosts);
  const failures: unknown[] = [];
  const found = new Map(await Promise.all(hosts.map(async (host) =>
    [host, await ports.addresses(host).catch((error: unknown) => {
      failures.push(error);
      return [];
    })] as const
  )));
  const ways = spots.flatMap(({ host, ...rest }: ServiceSpot) =>
    (found.get(host) ?? []).map((each): Way => ({ ...each, ...rest, serverName: known.serverName ?? domain }))
  );
  if (ways.length === 0 && failures.length > 0) throw new NothingSent(errorText(failures[0]), { cause: failures[0] });
  return ways;
}
