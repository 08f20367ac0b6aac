import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Dial } from "../callhome-server/upstream.ts";
import type { DtlsModule } from "../dtls/dtls-module.ts";
import type { DtlsCredentials } from "../dtls/dtls-session.ts";
import { DialError, dialDtls } from "./dial-dtls.ts";

export interface DialSettings {
  readonly port: number;
  /** The name that the configured host is verified as. */
  readonly serverName: string;
  readonly host: string;
  readonly credentials: DtlsCredentials;
}

/**
 * Attempts at one address before the dial counts as failed: an alert or a malformed record during the handshake can be
 * forged by anybody who guesses the port, and a new socket has a new one.
 */
const attemptsPerAddress = 2;
const mostAddresses = 6;

/** Dials an upstream over DTLS: resolves its name and tries its addresses in turn, IPv6 first (RFC 9132 §4.3). */
export function openDial(module: DtlsModule, settings: DialSettings): Dial {
  const resumable = new Map<string, Uint8Array>();
  return async (to, events, signal) => {
    const serverName = to.host === settings.host ? settings.serverName : to.host;
    const addresses = to.addresses.length > 0 ? to.addresses : await resolve(to.host);
    let failure: Error = new Error(`${to.host} has no address`);
    for (const address of addresses.slice(0, mostAddresses)) {
      for (let attempt = 0; attempt < attemptsPerAddress; attempt++) {
        signal.throwIfAborted();
        const resume = resumable.get(address);
        resumable.delete(address);
        try {
          const channel = await dialDtls(
            module,
            { address, port: settings.port, serverName, credentials: settings.credentials, ...(resume ? { resume } : {}) },
            { message: (bytes) => { events.message(bytes); }, closed: ({ text }) => { events.closed(text); } },
            { signal },
          );
          const saved = channel.saveSession();
          if (saved) resumable.set(address, saved);
          return channel;
        } catch (error) {
          failure = new Error(`${address} port ${settings.port}: ${error instanceof Error ? error.message : String(error)}`);
          if (!(error instanceof DialError) || !isWorthAnotherPort(error)) break;
        }
      }
    }
    throw failure;
  };
}

function isWorthAnotherPort(error: DialError): boolean {
  return (["alert", "malformed", "bad-credentials"] as const).some((reason) => reason === error.failure.reason);
}

async function resolve(host: string): Promise<readonly string[]> {
  if (isIP(host)) return [host];
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.sort((a, b) => b.family - a.family).map(({ address }) => address);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new Error(`the name ${host} does not resolve (${code})`, { cause: error });
  }
}
