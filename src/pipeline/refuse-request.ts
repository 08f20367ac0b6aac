import type { ReadMitigation } from "../callhome-server/dots/parse-mitigation.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { MitigationId } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { conflictCause, type Refusal } from "../model/refusal.ts";
import { expiresAt } from "../model/time.ts";
import type { Store } from "../memory/store.ts";
import { grantLifetime, sameScope, scopesOverlap } from "../policy/admit-request.ts";
import { checkScope } from "../policy/check-scope.ts";
import { otherWan, unknownWay, whyOtherWan } from "../policy/other-wan.ts";
import type { SaidOfTarget } from "../policy/owners-nos.ts";
import { isLeftAlone, isTurnedDown } from "../policy/refused-by-owner.ts";
import { checkCost } from "../policy/request-cost.ts";
import type { Lookup } from "./attribute.ts";
import type { DecideAbout } from "./decide-about.ts";
import type { PipelinePorts } from "./pipeline-ports.ts";
import type { RefusalNotes } from "./refusal-notes.ts";

/** What stands between a request and its admission. */
export interface RequestRefusal {
  /** Why it is not admitted, whatever else is known; undefined if nothing speaks against it. */
  refusalOf(read: ReadMitigation): Promise<Refusal | undefined>;
  /** It was turned down because of what else is known. */
  turnedDown(read: ReadMitigation, refusal: Refusal): void;
}

export interface RequestRefusalDeps {
  readonly ports: Pick<PipelinePorts, "clock" | "network" | "cameOver">;
  readonly store: Store;
  readonly policy: () => Policy;
  readonly saidOf: (target: AttackTarget) => SaidOfTarget;
  readonly lookup: Lookup;
  readonly decideAbout: DecideAbout;
  readonly notes: Pick<RefusalNotes, "note">;
  /** What the owner let go on is asked for again. */
  readonly askedAgain: (id: MitigationId) => void;
}

/** Checks what a request costs, whose addresses it names, and whether the owner has said no to it. The owner hears of one that asks for more than it may. */
export function createRequestRefusal({ ports, store, policy, saidOf, lookup, decideAbout, notes, askedAgain }: RequestRefusalDeps): RequestRefusal {
  const told = (upstream: string, refusal: Refusal, why?: string): Refusal => {
    notes.note(upstream, refusal, why);
    return refusal;
  };

  /** Rejected before, for a device that is not to be touched, or the owner wants some device left alone when it sends there ... */
  const mayBeRejected = ({ asked }: ReadMitigation): boolean =>
    saidOf(asked.target).any
    || store.all().some((each) => each.outcome === "rejected" && sameScope(each.request, asked));
  /** ... and it is this device: then nobody is asked, or told a second time. */
  const isRejected = async ({ asked }: ReadMitigation): Promise<boolean> => {
    // Too busy to look now: it is admitted, watched for only, and turned down when it is known whose it is.
    const { devices } = await lookup(asked, { upstream: asked.upstream }).catch(() => ({ devices: [] }));
    return devices.length > 0 && (await decideAbout(devices, asked.target)).is === "reject";
  };

  /** What the owner let go on is asked for again: the page says so for as long. */
  const noteAskedAgain = ({ asked, lifetime }: ReadMitigation): void => {
    const now = ports.clock.now(); // before the store is read: a jump of the clock shifts what it holds
    const same = store.all().findLast((each) =>
      each.state === "ended" && each.request.upstream === asked.upstream && isTurnedDown(each) && scopesOverlap(each.request, asked)
    );
    // Another device may send from the address of the one that is left alone.
    const going = store.all().findLast((each) => isLeftAlone(each, now) && scopesOverlap(each.request, asked));
    if (going) askedAgain(going.id);
    if (same && lifetime !== null) store.put({ ...same, askedAgainUntil: expiresAt(now, grantLifetime(lifetime, policy())) });
  };

  return {
    async refusalOf(read) {
      const { asked } = read;
      // First, so that it costs its parsing only.
      const tooMuch = checkCost(asked);
      if (tooMuch) return told(asked.upstream, tooMuch);
      const addresses = await ports.network.addresses();
      const over = ports.cameOver?.(asked.upstream) ?? unknownWay;
      const refusal = checkScope(asked, addresses, policy(), over);
      if (refusal) {
        const other = otherWan(asked, addresses, over);
        return told(asked.upstream, refusal, other === undefined ? undefined : whyOtherWan(other, over));
      }
      if (!mayBeRejected(read) || !await isRejected(read)) return undefined;
      noteAskedAgain(read);
      return { code: "4.09", conflict: { cause: conflictCause.legitimateTraffic } };
    },
    turnedDown(read, refusal) {
      if (refusal.code === "4.09") noteAskedAgain(read);
      if (refusal.code === "5.03") told(read.asked.upstream, refusal);
    },
  };
}
