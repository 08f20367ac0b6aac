import type { Instant } from "../model/time.ts";
import type { Redirection } from "./dots/dots-service.ts";

/** Where an upstream's session is to be, now (RFC 9066 §5.2.2, RFC 9132 §4.6). */
export interface Whereabouts {
  /** The upstream as configured, or the alternate in force. */
  readonly alternate: (Redirection & { /** Null = until redirected again. */ readonly until: Instant | null }) | null;
  /** When we last spoke with each name, for the detection of loops. */
  readonly spokenWith: ReadonlyMap<string, Instant>;
  /** When alternates could not be reached. */
  readonly unreachable: ReadonlyMap<string, Instant>;
}

/** RFC 9132 §4.6: a redirection to one with which we communicated in the last five minutes is ignored. */
const loopWindow = 300_000;
/** A ttl that stands for ever, and the value when none is given. */
const forever = 0xffff_ffff;

/** RFC 9132 §4.7: how soon one with which no session could be established SHOULD NOT be tried again. */
const retryWindow = 300_000;

export const atHome: Whereabouts = { alternate: null, spokenWith: new Map(), unreachable: new Map() };

export function noteSpoken(where: Whereabouts, host: string, now: Instant): Whereabouts {
  const recent = [...where.spokenWith].filter(([, at]) => now - at < loopWindow);
  return { ...where, spokenWith: new Map([...recent, [host.toLowerCase(), now]]) };
}

/** The alternate cannot be reached: back to where the owner sent us. */
export function noteUnreachable(where: Whereabouts, host: string, now: Instant): Whereabouts {
  const recent = [...where.unreachable].filter(([, at]) => now - at < retryWindow);
  return { ...where, alternate: null, unreachable: new Map([...recent, [host.toLowerCase(), now]]) };
}

/** Follows a redirection, or says why not. */
export function followRedirection(where: Whereabouts, to: Redirection, now: Instant): Whereabouts | { readonly refused: string } {
  const spoken = where.spokenWith.get(to.client.toLowerCase());
  if (spoken !== undefined && now - spoken < loopWindow) return { refused: "redirection loop: this client was spoken with in the last 5 minutes" };
  const failed = where.unreachable.get(to.client.toLowerCase());
  if (failed !== undefined && now - failed < retryWindow) return { refused: "this client could not be reached in the last 5 minutes" };
  // §4.6: 0 would be for a request in progress, but a call-home server has none of its own to send elsewhere.
  if (to.ttl === 0) return { refused: "a ttl of 0 leaves no time to move" };
  const ttl = to.ttl ?? forever;
  return { ...where, alternate: { ...to, until: ttl === forever ? null : now + ttl * 1000 } };
}

/** Whether the alternate's time is over; not while an attack is being mitigated (RFC 9132 §4.6). */
export function isOver(where: Whereabouts, mitigating: boolean, now: Instant): boolean {
  return where.alternate !== null && where.alternate.until !== null && where.alternate.until <= now && !mitigating;
}
