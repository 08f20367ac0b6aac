import { isLookedFor, lookedForAtFirst } from "../enforcer/rules-for.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import type { Log } from "../model/ports.ts";
import type { Schedule } from "../model/schedule.ts";
import type { Store } from "../memory/store.ts";
import { nextDeadline, step } from "../policy/mitigation-machine.ts";
import type { Effect, MitigationEvent } from "../policy/mitigation-step.ts";
import { nosTo, withNos, withoutNosTo } from "../policy/owners-nos.ts";
import { noteConflicts } from "./conflicts.ts";
import type { PipelineEvents } from "./pipeline-ports.ts";
import type { RuleKeeper } from "./rule-keeper.ts";
import { timeLeft, type WallClock } from "../model/time.ts";

/** Undefined if there is no such mitigation, or the pipeline has stopped before the step; else as it is when all effects are done. */
export type ApplyEvent = (id: MitigationId, event: MitigationEvent) => Promise<Mitigation | undefined>;

export interface EventApplier {
  /** One step of the state machine, and its effects. */
  readonly apply: ApplyEvent;
  /** Sets the timer for what time will do to it next. */
  readonly scheduleDeadline: (id: MitigationId) => void;
}

export interface ApplyEventDeps {
  readonly clock: WallClock;
  readonly log: Log;
  readonly store: Store;
  readonly schedule: Schedule;
  readonly policy: () => Policy;
  readonly events: PipelineEvents;
  /** What is made after this: it needs `apply` itself. */
  readonly rules: () => Pick<RuleKeeper, "enforce" | "counts" | "isHolding">;
  readonly isStopped: () => boolean;
  /** In the background. */
  readonly cutFlows: (mitigation: Mitigation) => void;
}

const mayEnd: ReadonlySet<MitigationEvent["is"]> = new Set(["released", "denied", "spared", "overridden", "time"]);
/** The owner waits for the effect. */
const isByOwner: ReadonlySet<MitigationEvent["is"]> = new Set(["released", "denied", "spared"]);

/** The state machine decides, and its effects are performed here, in its order; nothing is decided here. */
export function createApplyEvent({ clock, log, store, schedule, policy, events, rules, isStopped, cutFlows }: ApplyEventDeps): EventApplier {
  const perform: Record<Effect, (mitigation: Mitigation, event: MitigationEvent) => Promise<void> | void> = {
    enforce: () => rules().enforce(),
    // After the drop, and in nobody's way.
    "cut-flows": (mitigation) => {
      cutFlows(mitigation);
    },
    "notify-upstream": (mitigation) => {
      events.notifyUpstream(mitigation);
    },
    "tell-owner": (mitigation, event) => {
      events.tellOwner(mitigation, event.is);
    },
    remember: () => {
      events.remember();
    },
    "keep-no": (mitigation) => {
      store.keepNos(withNos(store.nos(), nosTo(mitigation, clock.now()), clock.now()));
    },
    "lift-no": (mitigation) => {
      store.keepNos(withoutNosTo(store.nos(), mitigation));
    },
  };

  /** Of this one alone: its end does not wait for what others' counts lead to. */
  const countOf = async (id: MitigationId, isUrgent: boolean): Promise<void> => {
    const counted = (await rules().counts({ isUrgent })).get(id);
    if (!counted) return;
    const { leaked, ...dropped } = counted;
    await apply(id, { is: "counted", dropped, ...(leaked ? { leaked } : {}) });
  };

  const scheduleDeadline = (id: MitigationId): void => {
    const mitigation = store.get(id);
    const due = mitigation ? nextDeadline(mitigation, policy()) : null;
    if (due === null) schedule.cancel(`deadline ${id}`);
    else schedule.once(`deadline ${id}`, timeLeft(clock.now(), due), () => apply(id, { is: "time" }));
    if (mitigation?.state === "ended") schedule.cancel(`watch ${id}`);
  };

  const apply: ApplyEvent = async (id, event) => {
    // What was dropped until the end is read while the kernel still has it.
    if (mayEnd.has(event.is) && rules().isHolding()) await countOf(id, isByOwner.has(event.is));
    // The time first: a jump of the clock is noticed when it is asked for, and shifts what the store holds.
    const [now, rulesOfNow] = [clock.now(), policy()];
    const before = store.get(id);
    if (!before || isStopped()) return undefined;
    const { mitigation, effects } = step(before, event, rulesOfNow, now);
    store.put(mitigation);
    if (mitigation.state !== before.state)
      log("info", `mitigation ${id}: ${before.state} -> ${mitigation.state}${mitigation.outcome ? ` (${mitigation.outcome})` : ""}`);
    if (mitigation.state === "ended" && before.state !== "ended")
      noteConflicts(store, (each) => {
        events.notifyUpstream(each);
      });
    for (const effect of effects) if (!isStopped()) await perform[effect](mitigation, event);
    scheduleDeadline(id);
    if (event.is === "found" && mitigation.devices.some((device) => isLookedFor(mitigation, device, clock.now()))) {
      schedule.once(`looked for ${id}`, lookedForAtFirst, () => (store.get(id)?.devices.some(({ certainty }) => certainty !== "exact")
        ? rules().enforce()
        : undefined));
    }
    return store.get(id);
  };

  return { apply, scheduleDeadline };
}
