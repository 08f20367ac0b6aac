import type { AttackFlows } from "../model/mitigation-request.ts";
import { between, milliseconds, type SteadyClock } from "../model/time.ts";
import type { Finding } from "../nat-lookup/find-devices.ts";
import type { Lookup, LookupManner } from "./attribute.ts";
import { createTurnstile } from "../model/turnstile.ts";

/** Lookups under way, that have to read the connection table at worst: for requests that wait for an answer, and for those on watch. */
const atOnce = [3, 2] as const;
/** For one upstream; more than the mitigations that it may have at a time. */
const mostWaiting = 256;
const mostOwnerWaiting = 16;
/**
 * The owner's lookups rest three times as long as the last one took, up to this: each walks the whole connection table with two processes, and
 * a reader who asks on and on is to take half of a core at most.
 */
const restTimes = 3;
const longestRest = milliseconds(5_000);

/** The lookup was not made: too many wait already. */
export class TooManyLookups extends Error {
  override readonly name = "TooManyLookups";
}

/**
 * One lookup at a time for each thing asked, shared by all who wait for it; few at the same time. The owner's have a place of their own, and
 * each upstream its turn. Rejects with TooManyLookups.
 */
export function shareLookups(lookup: Lookup, clock: SteadyClock): Lookup {
  const underWay = new Map<string, Promise<Finding>>();
  const upstreams = createTurnstile({ atOnce, mostWaiting });
  const owner = createTurnstile({ atOnce: [1], mostWaiting: mostOwnerWaiting });

  const inTurn = async (asked: AttackFlows, how: LookupManner): Promise<Finding> => {
    const isOwners = how.depth === "explain";
    const turn = isOwners ? owner.enter(0) : upstreams.enter(how.isOnWatch === true ? 1 : 0, how.upstream);
    if (!turn) throw new TooManyLookups("too many lookups wait already");
    const leave = await turn;
    const began = clock.now();
    try {
      return await lookup(asked, how);
    } finally {
      const rest = isOwners ? Math.min(longestRest, restTimes * between(began, clock.now())) : 0;
      if (rest > 0) clock.after(milliseconds(rest), leave);
      else leave();
    }
  };
  return (asked, how = {}) => {
    const key = keyOf(asked, how);
    const same = underWay.get(key);
    if (same) return same;
    const finding = inTurn(asked, how).finally(() => {
      underWay.delete(key);
    });
    underWay.set(key, finding);
    return finding;
  };
}

function keyOf({ source, target }: AttackFlows, { witnessed = [], depth = "quick" }: LookupManner): string {
  return JSON.stringify([source, target, witnessed, depth], (_, value: unknown) => (typeof value === "bigint" ? value.toString(16) : value));
}
