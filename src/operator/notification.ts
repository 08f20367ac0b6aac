import type { MitigationView } from "./describe-mitigation.ts";
import type { UpstreamView } from "./describe-status.ts";
import { excerpt } from "./escape-text.ts";
import { notificationWords, type Language, type NotificationWords } from "./notification-words.ts";

/** Something that the owner is told once. */
export type Announcement =
  | { readonly event: "request" | "blocked" | "ended"; readonly about: MitigationView }
  | { readonly event: "reminder"; readonly about: MitigationView; readonly secondsLeft: number; readonly onTimeout: "deny" | "block" }
  | { readonly event: "upstream_down" | "upstream_up"; readonly about: UpstreamView };

export interface NotificationAction {
  readonly does: "approve" | "deny" | "release";
  readonly label: string;
}

/** The card's first two lines and its buttons, in the owner's language. Plain text. */
export interface Notification {
  readonly event: Announcement["event"];
  /** A later message with the same key takes the place of an earlier one. */
  readonly key: string;
  readonly title: string;
  readonly text: string;
  readonly actions: readonly NotificationAction[];
  /** Whether an answer is awaited. */
  readonly asks: boolean;
}

const longestName = 48; // UTF-16 units; a phone shows less

export function composeNotification(announcement: Announcement, language: Language): Notification {
  const words = notificationWords[language];
  const { event } = announcement;
  switch (event) {
    case "upstream_down": case "upstream_up": {
      const fill = { provider: excerpt(announcement.about.name, longestName) };
      const isDown = event === "upstream_down";
      return {
        event, key: `upstream-${announcement.about.name}`, actions: [], asks: false,
        title: fillIn(isDown ? words.providerDown : words.providerUp, fill), text: isDown ? words.providerDownText : "",
      };
    }
    default: return { event, key: `mitigation-${announcement.about.id}`, ...aboutMitigation(announcement, words) };
  }
}

function aboutMitigation(announcement: Exclude<Announcement, { readonly about: UpstreamView }>, words: NotificationWords): Pick<Notification, "title" | "text" | "actions" | "asks"> {
  const { about } = announcement;
  const fill = { device: namesOf(about, words), target: targetOf(about) };
  const answers: readonly NotificationAction[] = [{ does: "approve", label: words.approve }, { does: "deny", label: words.deny }];
  const undo: readonly NotificationAction[] = [{ does: "release", label: words.undo }];
  switch (announcement.event) {
    case "request": {
      const title = fillIn(about.devices.some(({ certainty }) => certainty === "likely") ? words.requestProbably : words.request, fill);
      return about.state === "pending" ? { title, text: words.plea, actions: answers, asks: true } : { title, text: words.onlyWatched, actions: [], asks: false };
    }
    case "reminder": {
      const minutes = String(Math.max(1, Math.round(announcement.secondsLeft / 60)));
      return { title: fillIn(words.reminder, fill), text: fillIn(words.reminderText[announcement.onTimeout], { minutes }), actions: answers, asks: true };
    }
    case "blocked":
      return { title: fillIn(words.blocked[about.action === "observe" ? "block" : about.action], fill), text: words.blockedText, actions: undo, asks: false };
    case "ended": {
      const { outcome, dropped } = about;
      const ending = outcome === null || outcome === "overridden" || outcome === "rejected" || outcome === "unattributed" ? "withdrawn" : outcome;
      return { title: fillIn(words.ended[ending], fill), text: dropped.packets > 0 ? fillIn(words.packets, { packets: String(dropped.packets) }) : "", actions: [], asks: false };
    }
  }
}

function namesOf({ devices }: MitigationView, words: NotificationWords): string {
  const names = devices.map(({ name, addresses }) => excerpt(name ?? addresses[0] ?? words.someDevice, longestName));
  const [first = words.someDevice, second] = names;
  if (second === undefined) return first;
  if (names.length > 2) return `${first} +${names.length - 1}`;
  return devices.some(({ certainty }) => certainty === "ambiguous") ? fillIn(words.or, { device: first, other: second }) : `${first}, ${second}`;
}

function targetOf({ target }: MitigationView): string {
  const [first = "?", ...others] = [...target.prefixes, ...target.fqdns, ...target.uris].map((text) => excerpt(text, longestName).replace(/\/(32|128)$/, ""));
  return others.length === 0 ? first : `${first} +${others.length}`;
}

/** In one pass: what is filled in may hold braces itself. */
function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
