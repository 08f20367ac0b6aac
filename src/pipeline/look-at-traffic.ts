import type { FilterCount } from "../model/enforcement.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import { between, milliseconds, steadyInstant, type Milliseconds, type SteadyClock, type SteadyInstant, type WallClock } from "../model/time.ts";
import type { Schedule } from "../model/schedule.ts";
import type { Traffic } from "../model/traffic.ts";
import { isLeftAlone } from "../policy/refused-by-owner.ts";
import type { Store } from "../memory/store.ts";
import { createTrafficBook } from "./traffic-book.ts";

export interface TrafficLookDeps {
  readonly clock: WallClock;
  readonly steady: SteadyClock;
  readonly schedule: Schedule;
  readonly store: Store;
  readonly enforce: () => Promise<void>;
  readonly count: () => Promise<void>;
}

export interface TrafficLook {
  /** Counts now, unless that was done a moment ago. Never rejects. */
  look(): Promise<readonly Traffic[]>;
  /** The kernel's counts have been read. */
  counted(id: MitigationId, count: FilterCount): void;
  /** What was turned down is asked for again: for half a minute the kernel records who sends it, in the background. */
  readonly askedAgain: (id: MitigationId) => void;
  /** Whether the kernel is to count what this one's devices send, though nothing is done to them. */
  readonly isWatched: (mitigation: Mitigation) => boolean;
}

/** So long after somebody has looked they are expected to look again. */
const lookLasts = milliseconds(30_000);
/** However many look, and however often. */
const leastApart = milliseconds(2_000);
/** Requests that are left alone and counted while somebody looks: the latest. */
const mostWatched = 8;

/** Whoever asks sees what devices send, and pays for it: nothing of it is counted for nobody. */
export function createTrafficLook({ clock, steady, schedule, store, enforce, count }: TrafficLookDeps): TrafficLook {
  const book = createTrafficBook();
  let lookedAt = steadyInstant(-Infinity);
  let countedAt = steadyInstant(-Infinity);

  const within = (since: SteadyInstant, span: Milliseconds): boolean => between(since, steady.now()) < span;
  const leftAlone = (): readonly Mitigation[] => store.all().filter((each) => isLeftAlone(each, clock.now())).slice(-mostWatched);
  const askedAgainAt = new Map<MitigationId, SteadyInstant>();
  const isAskedAgain = (id: MitigationId): boolean => within(askedAgainAt.get(id) ?? steadyInstant(-Infinity), lookLasts);
  const isWatched = ({ id }: Mitigation): boolean => (isAskedAgain(id) || within(lookedAt, lookLasts)) && leftAlone().some((each) => each.id === id);

  return {
    isWatched,
    askedAgain(id) {
      if (isAskedAgain(id)) return;
      for (const old of askedAgainAt.keys()) if (!isAskedAgain(old)) askedAgainAt.delete(old);
      if (askedAgainAt.size >= mostWatched) return;
      askedAgainAt.set(id, steady.now());
      schedule.once("begin to watch", milliseconds(0), enforce);
      schedule.once(`watched ${id}`, milliseconds(lookLasts + 1), enforce);
    },
    counted(id, counts) {
      countedAt = steady.now();
      book.note(id, counts, clock.now());
    },
    async look() {
      const isFirst = !within(lookedAt, lookLasts);
      lookedAt = steady.now();
      schedule.once("nobody looks", milliseconds(lookLasts + 1), enforce);
      if (isFirst && leftAlone().length > 0) await enforce();
      if (!within(countedAt, leastApart)) {
        countedAt = steady.now();
        await count();
      }
      book.keepOnly((id) => {
        const mitigation = store.get(id);
        return mitigation !== undefined && (mitigation.state !== "ended" || isLeftAlone(mitigation, clock.now()));
      });
      return store.all().flatMap(({ id }) => book.read(id, clock.now()) ?? []);
    },
  };
}
