import type { Mitigation } from "../model/mitigation.ts";
import { milliseconds, type SteadyClock, type WallInstant } from "../model/time.ts";
import { describeMitigation } from "../operator/describe-mitigation.ts";
import { createMessageBudget } from "../operator/message-budget.ts";
import { createNotificationThrottle, subjectOf } from "../operator/notification-throttle.ts";
import { createOwnerEvents, type OwnerEvent } from "../operator/owner-events.ts";
import type { Store } from "../memory/store.ts";
import type { LoadedConfig } from "./loaded-config.ts";
import type { Bus } from "./open-bus.ts";
import type { Receivers } from "./open-receivers.ts";
import { historyOf } from "./operator-actions.ts";
import type { Part } from "./run-parts.ts";

/** Who is told, without having asked, and how often. */
export interface Owner extends Part<LoadedConfig> {
  tell(event: OwnerEvent): void;
  /** What there is to tell of it now; an end goes into the history. */
  mitigationChanged(mitigation: Mitigation): void;
}

export interface OwnerDeps {
  readonly first: LoadedConfig;
  readonly clock: SteadyClock;
  /** For the history. */
  readonly wallTime: () => WallInstant;
  readonly store: Store;
  readonly bus: Pick<Bus, "tell">;
  readonly receivers: Pick<Receivers, "announce" | "sync">;
}

/** Programs on ubus take more than people; but an upstream may not make them work as often as it likes. */
const onUbus = { each: 60, all: 600, within: milliseconds(3_600_000) };

/** What earlier runs have told is no news: `store` says what holds already. */
export function openOwner({ first, clock, wallTime, store, bus, receivers }: OwnerDeps): Owner {
  let { config } = first;
  const events = createOwnerEvents(store.all());
  const budget = createMessageBudget(onUbus, clock);
  const throttle = createNotificationThrottle({
    clock,
    known: store.all().filter(({ state, devices }) => state !== "ended" && devices.length > 0).map(({ id }) => id),
    consent: () => ({ timeout: config.consentTimeoutSeconds, onTimeout: config.onTimeout }),
    latest: (id) => {
      const mitigation = store.get(id);
      return mitigation && describeMitigation(mitigation);
    },
    announce: (announcement) => {
      receivers.announce(announcement);
    },
  });
  const tell: Owner["tell"] = (event) => {
    if (event.event === "upstream" || budget.take(subjectOf(event.about))) bus.tell(event);
    throttle.hear(event);
    receivers.sync();
  };
  return {
    tell,
    mitigationChanged(mitigation) {
      if (mitigation.state === "ended") store.record(historyOf(mitigation, "ended", endedBy(mitigation, wallTime()), wallTime()));
      // Later, as the same step may go on: a decision that the owner made before answers a request at once.
      clock.after(milliseconds(0), () => {
        for (const event of events.eventsOf(store.get(mitigation.id) ?? mitigation, store.all())) tell(event);
      });
    },
    reload(next) {
      ({ config } = next);
    },
    stop() {
      throttle.stop();
    },
  };
}

function endedBy(mitigation: Mitigation, now: WallInstant): "owner" | "policy" | "upstream" | "time" {
  switch (mitigation.outcome) {
    case "withdrawn":
      return "upstream";
    case "overridden":
      return "upstream";
    case "rejected":
      return "policy";
    case "denied":
      return mitigation.decidedBy === "owner" ? "owner" : "time";
    case "released":
      return mitigation.allowedUntil !== null && mitigation.allowedUntil <= now ? "time" : "owner";
    default:
      return "time";
  }
}
