import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** As dns.lookup: all addresses of a name, of one family or (0) of both. */
export type Lookup = (host: string, family: 0 | 4 | 6) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const systemLookup: Lookup = (host, family) => lookup(host, { all: true, verbatim: true, family });

/**
 * All addresses of a name; of an address, itself. Rejects with an Error that says that the name does not resolve, and why.
 *
 * Where the question for one family fails, musl (OpenWrt's C library) fails the question for both: with a name server that answers SERVFAIL,
 * NXDOMAIN or nothing for AAAA, an IPv4 address that is there is not told. So each family is then asked for alone.
 */
export async function resolveHost(host: string, ask: Lookup = systemLookup): Promise<ResolvedAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family: family === 6 ? 6 : 4 }];
  const found = await ask(host, 0).catch((error: unknown) =>
    Promise.any([ask(host, 4), ask(host, 6)]).catch(() => {
      throw new Error(`the name ${host} does not resolve (${error instanceof Error && "code" in error ? String(error.code) : String(error)})`, {
        cause: error,
      });
    })
  );
  return found.map(({ address, family: of }) => ({ address, family: of === 6 ? 6 : 4 }));
}
