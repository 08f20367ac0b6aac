import type { AttackTarget } from "../model/mitigation-request.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { shiftMitigation } from "../model/shift-mitigation.ts";
import type { Schedule } from "../model/schedule.ts";
import { between, earlier, type Milliseconds, type WallClock, type WallInstant } from "../model/time.ts";
import type { Store } from "../memory/store.ts";
import { isProtected } from "../policy/decide.ts";
import { nextDeadline } from "../policy/mitigation-machine.ts";
import { shiftNos, type SaidOfTarget } from "../policy/owners-nos.ts";
import type { EventApplier } from "./apply-event.ts";
import type { RuleKeeper } from "./rule-keeper.ts";

/** What happens to all mitigations at once. */
export interface Adaptation {
  /** The owner has said something else about a device: what is not to be touched any more is let go. */
  readonly policyChanged: () => Promise<void>;
  /** The settings have changed. */
  readonly settingsChanged: () => Promise<void>;
  /** The wall clock jumped forward by this many milliseconds: spans that began by the old time keep what remains of them. */
  readonly clockJumped: (by: Milliseconds) => void;
  /** Takes up what was remembered: makes the kernel hold it again and starts its timers. */
  readonly resume: () => Promise<void>;
}

export interface AdaptationDeps extends EventApplier {
  readonly clock: WallClock;
  readonly schedule: Schedule;
  readonly store: Store;
  readonly policy: () => Policy;
  readonly saidOf: (target: AttackTarget) => SaidOfTarget;
  readonly rules: Pick<RuleKeeper, "enforce" | "count">;
  readonly remember: () => void;
  /** One of an earlier run, that lives. */
  readonly resumed: (mitigation: Mitigation) => void;
}

/** Brings all mitigations in line with another policy, other settings, another time, or a new run of the daemon. */
export function createAdaptation({ clock, schedule, store, policy, saidOf, rules, apply, scheduleDeadline, remember, resumed }: AdaptationDeps): Adaptation {
  const policyChanged = async (): Promise<void> => {
    for (const { id, devices, state, request: { target } } of store.all()) {
      if (state === "ended") continue;
      const { isRefused } = saidOf(target);
      const untouchable = devices.filter((device) => isProtected(device, policy()) || isRefused(device));
      if (untouchable.length > 0) await apply(id, { is: "spared", devices: untouchable });
    }
  };
  /**
   * What an earlier run saved by a clock that was ahead of ours. Either ours is behind, until NTP puts it right: then its dates are right. Or that
   * one was wrong: then it lasts as long as if it had begun now, and not for years.
   */
  const boundFuture = (): void => {
    const isAhead = (at: WallInstant): boolean => between(clock.now(), at) > 0;
    for (const mitigation of store.all()) {
      const { id, requestedAt } = mitigation;
      const due = nextDeadline(mitigation, policy()) ?? mitigation.expiresAt;
      if (due === null || !isAhead(requestedAt)) continue;
      schedule.once(`future ${id}`, between(requestedAt, due), async () => {
        const now = clock.now(); // before the store is read: a jump of the clock shifts what it holds
        const still = store.get(id);
        if (!still || !isAhead(still.requestedAt)) return;
        store.put(shiftMitigation(still, between(due, now)));
        await apply(id, { is: "time" });
        remember();
      });
    }
    for (const [at, no] of store.nos().entries()) {
      if (no.until === null || !isAhead(no.saidAt)) continue;
      schedule.once(`future no ${at}`, between(no.saidAt, no.until), () => {
        if (!isAhead(no.saidAt)) return;
        store.keepNos(store.nos().filter((each) => each !== no));
        remember();
      });
    }
  };
  return {
    policyChanged,
    async settingsChanged() {
      await policyChanged();
      await rules.enforce();
      for (const { id } of store.all()) scheduleDeadline(id);
    },
    clockJumped(by) {
      const before = earlier(clock.now(), by);
      for (const mitigation of store.all()) {
        // What lies in the old clock's future was saved by a clock that was right.
        if (mitigation.requestedAt <= before) store.put(shiftMitigation(mitigation, by));
        scheduleDeadline(mitigation.id);
      }
      store.keepNos(shiftNos(store.nos(), by, before));
      remember();
    },
    async resume() {
      // First what was dropped while nobody looked: it decides the status that the upstream hears.
      await rules.count();
      const living = store.all().filter((each) => each.state !== "ended");
      for (const { id } of living) await apply(id, { is: "time" });
      await policyChanged();
      // Also where nothing is needed: what an earlier run has left behind goes.
      await rules.enforce({ evenIfNothing: true });
      for (const mitigation of store.all()) {
        scheduleDeadline(mitigation.id);
        if (mitigation.state !== "ended") resumed(mitigation);
      }
      boundFuture();
    },
  };
}
