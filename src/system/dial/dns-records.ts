import { Resolver } from "node:dns/promises";
import type { DnsRecords } from "../../callhome-server/discovery/find-service.ts";

/** How long one server is waited for, and how often all are asked: a dial that waits for DNS is a home without protection. */
const patience = { timeout: 1_500, tries: 2 };
/** There is no such name, or it has no such records. */
const saysNothing = ["ENODATA", "ENOTFOUND"];

/** Asks the name servers of the system, as they are now, for one dial; no more once that is called off. */
export function openDnsRecords(signal: AbortSignal): DnsRecords {
  const resolver = new Resolver(patience);
  signal.addEventListener("abort", () => {
    resolver.cancel();
  }, { once: true });
  const orNothing = (error: unknown): readonly [] => {
    if (error instanceof Error && "code" in error && saysNothing.includes(String(error.code))) return [];
    throw error;
  };
  return {
    naptr: (name) => resolver.resolveNaptr(name).catch(orNothing),
    srv: (name) => resolver.resolveSrv(name).catch(orNothing),
  };
}
