import { addressScope, parseIpAddress, prefixContains, type IpPrefix } from "../model/ip-prefix.ts";
import { between, inMilliseconds, later, seconds, type SteadyInstant } from "../model/time.ts";
import type { Redirection } from "./dots/dots-service.ts";

/** Where an upstream's session is to be, now (RFC 9066 §5.2.2, RFC 9132 §4.6). */
export interface Whereabouts {
  /** The upstream as configured, or the alternate in force. */
  readonly alternate: (Redirection & { /** Null = until redirected again. */ readonly until: SteadyInstant | null }) | null;
  /** When we last spoke with each name, for the detection of loops. */
  readonly spokenWith: ReadonlyMap<string, SteadyInstant>;
  /** When alternates could not be reached. */
  readonly unreachable: ReadonlyMap<string, SteadyInstant>;
}

/** RFC 9132 §4.6: a redirection to one with which we communicated in the last five minutes is ignored. */
const loopWindow = 300_000;
/** A ttl that stands for ever, and the value when none is given. */
const forever = 0xffff_ffff;

/** RFC 9132 §4.7: how soon one with which no session could be established SHOULD NOT be tried again. */
const retryWindow = 300_000;

export const atHome: Whereabouts = { alternate: null, spokenWith: new Map(), unreachable: new Map() };

/** Remembers which host was spoken with, so that a loop of redirections is seen (RFC 9132 §4.6). */
export function noteSpoken(where: Whereabouts, host: string, now: SteadyInstant): Whereabouts {
  const recent = [...where.spokenWith].filter(([, at]) => between(at, now) < loopWindow);
  return { ...where, spokenWith: new Map([...recent, [host.toLowerCase(), now]]) };
}

/** The alternate cannot be reached: back to where the owner sent us. */
export function noteUnreachable(where: Whereabouts, host: string, now: SteadyInstant): Whereabouts {
  const recent = [...where.unreachable].filter(([, at]) => between(at, now) < retryWindow);
  return { ...where, alternate: null, unreachable: new Map([...recent, [host.toLowerCase(), now]]) };
}

/** Follows a redirection, or says why not. */
export function followRedirection(where: Whereabouts, to: Redirection, now: SteadyInstant): Whereabouts | { readonly refused: string } {
  const spoken = where.spokenWith.get(to.client.toLowerCase());
  if (spoken !== undefined && between(spoken, now) < loopWindow) return { refused: "redirection loop: this client was spoken with in the last 5 minutes" };
  const failed = where.unreachable.get(to.client.toLowerCase());
  if (failed !== undefined && between(failed, now) < retryWindow) return { refused: "this client could not be reached in the last 5 minutes" };
  // §4.6: 0 would be for a request in progress, but a call-home server has none of its own to send elsewhere.
  if (to.ttl === 0) return { refused: "a ttl of 0 leaves no time to move" };
  const ttl = to.ttl ?? forever;
  return { ...where, alternate: { ...to, until: ttl === forever ? null : later(now, inMilliseconds(seconds(ttl))) } };
}

/** Refuses addresses that must not be dialled, as far as the peer's own, `192.0.2.1:4647` or `[2001:db8::1]:4647`, shows; who dials knows more. */
export function refuseAddresses({ client, addresses }: Redirection, peer: string): { readonly refused: string } | undefined {
  const own = parseIpAddress(peer.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1"));
  const given = [client, ...addresses].flatMap((text) => parseIpAddress(text) ?? []);
  return given.every((address) => isAllowedAlternate(address, own, [])) ? undefined : { refused: "an address of the alternate is not one of the internet" };
}

/** Whether the alternate's time is over; not while an attack is being mitigated (RFC 9132 §4.6). */
export function isOver(where: Whereabouts, mitigating: boolean, now: SteadyInstant): boolean {
  return where.alternate !== null && where.alternate.until !== null && where.alternate.until <= now && !mitigating;
}

/** Whether a name can be an alternate's (RFC 9066 §5.2.2, a domain name): not one that a resolver may take for this router, for the LAN, or for an address in disguise. */
export function isPublicName(name: string): boolean {
  const labels = name.toLowerCase().replace(/\.$/, "").split(".");
  const last = labels.at(-1) ?? "";
  return labels.length > 1 && !/^(0x[0-9a-f]*|\d+)$/.test(last)
    && !["localhost", "localdomain", "local", "lan", "home", "internal", "intranet", "arpa"].includes(last);
}

/**
 * Whether an alternate may be dialled at this address: at one of the internet, or of the same kind as the configured host's, `own`; at none of the
 * home's, unless the configured host is there too. A provider must not make the router knock at its own doors.
 */
export function isAllowedAlternate(address: IpPrefix, own: IpPrefix | undefined, inside: readonly IpPrefix[]): boolean {
  const isInside = (of: IpPrefix): boolean => inside.some((prefix) => prefixContains(prefix, of));
  if (isInside(address) && !(own && isInside(own))) return false;
  const kind = kindOf(address);
  return kind === "unicast" || (own !== undefined && kind === kindOf(own));
}

const nat64 = parseIpAddress("64:ff9b::");

/** ipaddr.js' name for it; of an IPv4 address that is embedded for NAT64 (RFC 6052), that one's. */
function kindOf(address: IpPrefix): string {
  const isEmbedded = nat64 !== undefined && prefixContains({ ...nat64, length: 96 }, address);
  return addressScope(isEmbedded ? { family: 4, bits: address.bits & 0xffff_ffffn, length: 32 } : address);
}
