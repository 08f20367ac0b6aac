import { inMilliseconds, milliseconds, seconds, type Seconds, type SteadyClock } from "../model/time.ts";
import type { MitigationView } from "./describe-mitigation.ts";
import type { UpstreamView } from "./describe-status.ts";
import { createMessageBudget } from "./message-budget.ts";
import type { Announcement } from "./notification.ts";
import type { OwnerEvent } from "./owner-events.ts";

export interface NotificationThrottle {
  /** What happened; some of it is announced, now or later. */
  hear(event: OwnerEvent): void;
  stop(): void;
}

export interface NotificationThrottleDeps {
  readonly clock: SteadyClock;
  /** As the configuration says now. */
  consent(): { readonly timeout: Seconds; readonly onTimeout: "deny" | "block" };
  /** Mitigations that the owner heard of in an earlier run. */
  readonly known: Iterable<number>;
  /** A mitigation as it is now. */
  latest(id: number): MitigationView | undefined;
  announce(announcement: Announcement): void;
}

/** A provider that is back within this time was never gone, for the owner. */
const goneAfter = milliseconds(60_000);
/** A question that waits no longer than this needs no reminder. */
const shortestWait = seconds(90);
const mostTold = 1024;
const mostCounted = 9_999;
const anHour = milliseconds(3_600_000);
/** Requests that the owner hears of by themselves, in an hour: of one device, and of all. The others are counted in one message. */
const untilFolded = { each: 3, all: 12, within: anHour } as const;
/** A provider that comes and goes. */
const untilProviderIsOld = { each: 4, all: 12, within: anHour } as const;
/** So long a question waits for the packets to show who sends them, where only an address names the device. */
const sureAfter = milliseconds(2_000);

/** What one message is about: these devices. */
export function subjectOf({ devices }: Pick<MitigationView, "devices">): string {
  return devices.map(({ mac, addresses }) => mac ?? addresses.join(" ")).sort().join(",");
}

/**
 * One message a question, a reminder before its time-out, and a final word only about what the owner has heard of. However often it
 * is asked about a device: a few messages in an hour, and one that counts the rest.
 */
export function createNotificationThrottle(around: NotificationThrottleDeps): NotificationThrottle {
  const { clock } = around;
  const told = new Set<number>(around.known);
  const reminders = new Map<number, () => void>();
  const gone = new Map<string, { told: boolean; stop: () => void }>();

  const budget = createMessageBudget(untilFolded, clock);
  const providers = createMessageBudget(untilProviderIsOld, clock);
  const unsure = new Map<number, () => void>();
  const folded = new Map<string, { readonly ids: Set<number>; about: MitigationView; readonly stop: () => void }>();

  const remindOf = (about: MitigationView): void => {
    const { timeout } = around.consent();
    if (timeout < shortestWait) return;
    reminders.set(about.id, clock.after(inMilliseconds(seconds(timeout * 2 / 3)), () => {
      reminders.delete(about.id);
      told.add(about.id);
      around.announce({ event: "reminder", about: around.latest(about.id) ?? about, secondsLeft: timeout / 3, onTimeout: around.consent().onTimeout });
    }));
  };
  /** Counted, and told in one message when the hour is over. */
  const fold = (about: MitigationView): void => {
    const subject = folded.size >= untilFolded.all ? "" : subjectOf(about);
    const known = folded.get(subject);
    if (known) {
      if (known.ids.size < mostCounted) known.ids.add(about.id);
      known.about = about;
      return;
    }
    const entry = {
      ids: new Set([about.id]),
      about,
      stop: clock.after(anHour, () => {
        folded.delete(subject);
        around.announce({ event: "more", about: entry.about, requests: entry.ids.size });
      }),
    };
    folded.set(subject, entry);
  };
  const say = (event: "request" | "blocked", about: MitigationView): void => {
    if (event === "request" && about.state === "pending") remindOf(about);
    if (!told.has(about.id) && !budget.take(subjectOf(about))) {
      fold(about);
      return;
    }
    told.add(about.id);
    for (const oldest of told) {
      if (told.size <= mostTold) break;
      told.delete(oldest);
    }
    around.announce({ event, about });
  };
  const hearOfUpstream = (about: UpstreamView): void => {
    const before = gone.get(about.name);
    if (about.state === "connected" || about.state === "disabled") {
      before?.stop();
      gone.delete(about.name);
      if (before?.told && about.state === "connected") around.announce({ event: "upstream_up", about });
    } else if (!before) {
      const now = { told: false, stop: (): void => undefined };
      now.stop = clock.after(goneAfter, () => {
        now.told = providers.take(about.name);
        if (!now.told) return;
        around.announce({ event: "upstream_down", about });
      });
      gone.set(about.name, now);
    }
  };

  return {
    hear(news) {
      if (news.event === "upstream") {
        hearOfUpstream(news.about);
        return;
      }
      const { event, about } = news;
      if (news.isOnlySurer === true && !unsure.has(about.id)) return;
      const isUntold = unsure.has(about.id);
      for (const waiting of [reminders, unsure]) {
        waiting.get(about.id)?.();
        waiting.delete(about.id);
      }
      if (event === "ended") {
        if (isUntold) fold(about);
        if (told.delete(about.id) && about.outcome !== "overridden") around.announce({ event, about });
        return;
      }
      const isSure = about.devices.every(({ certainty }) => certainty === "exact");
      if (event === "blocked" || about.state !== "pending" || isSure || told.has(about.id)) {
        say(event, about);
        return;
      }
      unsure.set(about.id, clock.after(sureAfter, () => {
        unsure.delete(about.id);
        const now = around.latest(about.id);
        if (now?.state === "pending") say("request", now);
      }));
    },
    stop() {
      for (const stop of [...reminders.values(), ...unsure.values()]) stop();
      for (const { stop } of folded.values()) stop();
      for (const { stop } of gone.values()) stop();
    },
  };
}
