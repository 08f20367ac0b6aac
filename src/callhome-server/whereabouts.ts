import type { SteadyClock, SteadyInstant } from "../model/time.ts";
import type { DialAddress } from "./channel.ts";
import type { Redirection } from "./dots/dots-service.ts";
import { atHome, followRedirection, isOver, noteSpoken, noteUnreachable, refuseAddresses, type Whereabouts } from "./redirection.ts";

/** Where an upstream is: as configured, or at the alternate that it has named (RFC 9132 §4.6). */
export interface WhereaboutsKeeper {
  /** Where to dial now; where the owner configured it, once a redirection's time is over. */
  next(isMitigating: boolean): DialAddress;
  /** When the redirection in force ends; null if there is none, or it has no end. */
  until(): SteadyInstant | null;
  /** Whether it has ended, which it does not during an attack. */
  isOver(isMitigating: boolean): boolean;
  spokenWith(host: string): void;
  /** Whether what could not be reached is an alternate; that is given up. */
  isGivenUp(host: string): boolean;
  /** Where the next session is to be, said by the peer of this one; returns why not, or undefined. */
  redirect(to: Redirection, from: { readonly host: string; readonly peer: string }): string | undefined;
}

/** Follows an upstream's redirections, and remembers whom we spoke with. `clock` is one that does not jump. */
export function keepWhereabouts(host: string, clock: Pick<SteadyClock, "now">): WhereaboutsKeeper {
  let where: Whereabouts = atHome;
  const hasEnded = (isMitigating: boolean): boolean => isOver(where, isMitigating, clock.now());
  return {
    next(isMitigating) {
      if (hasEnded(isMitigating)) where = { ...where, alternate: null };
      return where.alternate ? { host: where.alternate.client, addresses: where.alternate.addresses } : { host, addresses: [] };
    },
    until: () => where.alternate?.until ?? null,
    isOver: hasEnded,
    spokenWith(name) {
      where = noteSpoken(where, name, clock.now());
    },
    isGivenUp(name) {
      if (!where.alternate) return false;
      where = noteUnreachable(where, name, clock.now());
      return true;
    },
    redirect(to, from) {
      // We spoke with this one until now, and not only when its session began: its own return is a loop too.
      const next = refuseAddresses(to, from.peer) ?? followRedirection(noteSpoken(where, from.host, clock.now()), to, clock.now());
      if ("refused" in next) return next.refused;
      where = next;
      return undefined;
    },
  };
}
