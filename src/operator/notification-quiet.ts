import type { Clock, Seconds } from "../model/time.ts";
import type { UpstreamView } from "./describe-status.ts";
import type { Announcement } from "./notification.ts";
import type { OwnerNews } from "./owner-news.ts";

export interface QuietRules {
  /** What happened; some of it is announced, now or later. */
  hear(news: OwnerNews): void;
  stop(): void;
}

export interface QuietSurroundings {
  readonly clock: Clock;
  /** As the configuration says now. */
  consent(): { readonly timeout: Seconds; readonly onTimeout: "deny" | "block" };
  /** Mitigations that the owner heard of in an earlier run. */
  readonly known: Iterable<number>;
  announce(announcement: Announcement): void;
}

/** A provider that is back within this time was never gone, for the owner. */
const goneAfter = 60_000; // milliseconds
/** A question that waits no longer than this needs no reminder. */
const shortestWait: Seconds = 90;
const mostTold = 1024;

/** One message a question, a reminder before its time-out, and a final word only about what the owner has heard of. */
export function createQuietRules(around: QuietSurroundings): QuietRules {
  const { clock } = around;
  const told = new Set<number>(around.known);
  const reminders = new Map<number, () => void>();
  const gone = new Map<string, { told: boolean; stop: () => void }>();

  const remindOf = (about: Extract<Announcement, { readonly event: "reminder" }>["about"]): void => {
    const { timeout } = around.consent();
    if (timeout < shortestWait) return;
    reminders.set(about.id, clock.after(timeout * 2 / 3 * 1000, () => {
      reminders.delete(about.id);
      around.announce({ event: "reminder", about, secondsLeft: timeout / 3, onTimeout: around.consent().onTimeout });
    }));
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
        now.told = true;
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
      reminders.get(about.id)?.();
      reminders.delete(about.id);
      if (event === "ended") {
        if (told.delete(about.id) && about.outcome !== "overridden") around.announce({ event, about });
        return;
      }
      told.add(about.id);
      for (const oldest of told) {
        if (told.size <= mostTold) break;
        told.delete(oldest);
      }
      around.announce({ event, about });
      if (event === "request" && about.state === "pending") remindOf(about);
    },
    stop() {
      for (const stop of reminders.values()) stop();
      for (const { stop } of gone.values()) stop();
    },
  };
}
