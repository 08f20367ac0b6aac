import type { Transport } from "../happy-eyeballs.ts";
import { isHostName } from "./read-dhcp-offer.ts";

/** RFC 3403 §4.1. */
export interface NaptrRecord {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly regexp: string;
  readonly replacement: string;
}

/** RFC 2782. */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
}

/** What DNS says. Nothing where there is no such name or record; rejects where nobody answers. */
export interface DnsRecords {
  naptr(name: string): Promise<readonly NaptrRecord[]>;
  srv(name: string): Promise<readonly SrvRecord[]>;
}

/** A host at which the service is; its addresses are still to be found. */
export interface ServiceSpot {
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
}

export interface Wanted {
  readonly transports: readonly Transport[];
  /** Where no SRV record says another. */
  readonly port: number;
  /** In [0, 1). */
  random(): number;
}

/** RFC 8973 §9.4.2-§9.4.4. */
const applicationService = "dots-call-home";
const protocols: Readonly<Record<string, Transport>> = { "signal.udp": "udp", "signal.tcp": "tcp" };
/** Queries for one domain: figure 9 takes four, after which only the addresses are missing. */
const mostQueries = 12;
/** Records of an answer that are followed, in their order. */
const mostRecords = 6;
/** NAPTR records that lead to NAPTR records. */
const mostSteps = 4;

/**
 * Where the service of a domain is (RFC 8973 §6): by S-NAPTR (RFC 3958); without such records by SRV; else at the name itself, which
 * §5 has "passed to a name resolution library". Most preferred first. Never rejects: whoever looks up the addresses hears whether DNS answers at all.
 */
export async function findService(domain: string, wanted: Wanted, dns: DnsRecords): Promise<readonly ServiceSpot[]> {
  let left = mostQueries;
  const ask = <T>(query: (name: string) => Promise<readonly T[]>, name: string): Promise<readonly T[]> => {
    if (left-- <= 0 || !isHostName(name)) return Promise.resolve([]);
    return query(name).catch(() => []);
  };
  const atService = async (name: string, transports: readonly Transport[]): Promise<ServiceSpot[]> => {
    const records = inTurn(await ask((each) => dns.srv(each), name), wanted).filter((record) =>
      isHostName(record.name) && record.port > 0 && record.port <= 65_535
    );
    return records.slice(0, mostRecords).flatMap((record) => transports.map((transport) => ({ host: record.name, port: record.port, transport })));
  };
  const follow = async (name: string, transports: readonly Transport[], steps: number): Promise<ServiceSpot[]> => {
    const records = [...await ask((each) => dns.naptr(each), name)].sort((a, b) => a.order - b.order || a.preference - b.preference)
      .map((record) => ({ ...record, offered: offeredBy(record, transports) })).filter(({ offered }) => offered.length > 0).slice(0, mostRecords);
    const spots: ServiceSpot[] = [];
    for (const { flags, replacement, offered } of records) {
      switch (flags.toLowerCase()) {
        case "":
          if (steps > 0) spots.push(...await follow(replacement, offered, steps - 1));
          break;
        case "s":
          spots.push(...await atService(replacement, offered));
          break;
        case "a":
          if (isHostName(replacement)) spots.push(...offered.map((transport) => ({ host: replacement, port: wanted.port, transport })));
          break;
      }
    }
    return spots;
  };
  const named = await follow(domain, wanted.transports, mostSteps);
  if (named.length > 0) return named;
  const listed = await Promise.all(wanted.transports.map((transport) => atService(`_dots-call-home._${transport}.${domain}`, [transport])));
  if (listed.flat().length > 0) return listed.flat();
  return wanted.transports.map((transport) => ({ host: domain, port: wanted.port, transport }));
}

/** Transports of the service that a record is for (RFC 3958 §6.5); a regular expression is none of S-NAPTR's (§2.2.4). */
function offeredBy({ service, regexp }: NaptrRecord, transports: readonly Transport[]): Transport[] {
  const [application, ...offered] = service.toLowerCase().split(":");
  if (application !== applicationService || regexp !== "") return [];
  return transports.filter((transport) => offered.some((protocol) => protocols[protocol] === transport));
}

/** By priority, and by chance among those of the same, as often as their weight says (RFC 2782). */
function inTurn(records: readonly SrvRecord[], { random }: Pick<Wanted, "random">): SrvRecord[] {
  const left = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight).slice(0, 4 * mostRecords);
  const ordered: SrvRecord[] = [];
  for (let first = left[0]; first; first = left[0]) {
    const { priority } = first;
    const equals = left.filter((record) => record.priority === priority);
    let at = random() * (equals.reduce((sum, { weight }) => sum + weight, 0) + Number.EPSILON);
    const chosen = equals.find(({ weight }) => (at -= weight) < 0) ?? first;
    left.splice(left.indexOf(chosen), 1);
    ordered.push(chosen);
  }
  return ordered;
}
