import type { MitigationView } from "./describe-mitigation.ts";
import type { UpstreamView } from "./describe-status.ts";
import { excerpt } from "../text/escape-text.ts";
import { headlineReport } from "./headline-report.ts";
import { notificationWords, type Language, type NotificationWords } from "./notification-words.ts";

/** Something that the owner is told once. */
export type Announcement =
  /** To see whether a receiver is reached; about nothing. */
  | { readonly event: "test"; readonly about: null }
  | { readonly event: "request" | "blocked" | "ended"; readonly about: MitigationView }
  /** Of further requests about these devices, that were not told one by one. */
  | { readonly event: "more"; readonly about: MitigationView; readonly requests: number }
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

/** An attack that began earlier has no beginning that would tell the owner anything. */
const longestMinutes = 24 * 60;
const longestName = 48; // UTF-16 units; a phone shows less

/** What a notifier says about something that happened: the first two lines of the card, and its buttons. */
export function composeNotification(announcement: Announcement, language: Language): Notification {
  const words = notificationWords[language];
  const { event } = announcement;
  switch (event) {
    case "test":
      return {
        event,
        key: "test",
        title: words.test,
        text: words.testText,
        actions: [{ does: "approve", label: words.approve }, { does: "deny", label: words.deny }],
        asks: false,
      };
    case "upstream_down":
    case "upstream_up": {
      const fill = { provider: excerpt(announcement.about.name, longestName) };
      const isDown = event === "upstream_down";
      return {
        event,
        key: `upstream-${announcement.about.name}`,
        actions: [],
        asks: false,
        title: fillIn(isDown ? words.providerDown : words.providerUp, fill),
        text: isDown ? words.providerDownText : "",
      };
    }
    case "more": {
      const fill = { device: namesOf(announcement.about, words), requests: String(announcement.requests) };
      return { event, key: `more-${announcement.about.id}`, title: fillIn(words.more, fill), text: words.moreText, actions: [], asks: false };
    }
    default:
      return { event, key: `mitigation-${announcement.about.id}`, ...aboutMitigation(announcement, words) };
  }
}

function aboutMitigation(announcement: Exclude<Announcement, { readonly about: UpstreamView } | { readonly event: "more" | "test" }>,
  words: NotificationWords): Pick<Notification, "title" | "text" | "actions" | "asks"> {
  const { about } = announcement;
  const fill = { device: namesOf(about, words), target: targetOf(about) };
  const answers: readonly NotificationAction[] = [{ does: "approve", label: words.approve }, { does: "deny", label: words.deny }];
  const undo: readonly NotificationAction[] = [{ does: "release", label: words.undo }];
  switch (announcement.event) {
    case "request": {
      const title = fillIn(about.devices.some(({ certainty }) => certainty === "likely") ? words.requestProbably : words.request, fill);
      const isForged = whyAnother(about, words);
      const text = [...isForged, about.state === "pending" ? words.plea : words.onlyWatched, ...quoteReport(about, words)].join(" ");
      return about.state === "pending" ? { title, text, actions: answers, asks: true } : { title, text, actions: [], asks: false };
    }
    case "reminder": {
      const minutes = String(Math.max(1, Math.round(announcement.secondsLeft / 60)));
      return { title: fillIn(words.reminder, fill), text: fillIn(words.reminderText[announcement.onTimeout], { minutes }), actions: answers, asks: true };
    }
    case "blocked": {
      // What is not in force yet is not said to be.
      if (about.devices.length === 0) return { title: fillIn(words.notFoundYet, fill), text: words.notFoundYetText, actions: undo, asks: false };
      const now = about.acts_as ?? (about.action === "observe" ? "block" : about.action);
      const text = [...whyAnother(about, words), ...(about.acts_as === undefined ? [] : [words.untilSeen]), words.blockedText].join(" ");
      return { title: fillIn(words.blocked[now], fill), text, actions: undo, asks: false };
    }
    case "ended": {
      const { outcome, dropped } = about;
      const ending = outcome === null || outcome === "overridden" || outcome === "rejected" || outcome === "unattributed" ? "withdrawn" : outcome;
      return {
        title: fillIn(words.ended[ending], fill),
        text: dropped.packets > 0 ? fillIn(words.packets, { packets: String(dropped.packets) }) : "",
        actions: [],
        asks: false,
      };
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

/** What the provider knows of the attack. Minutes, as of the request: the clock on the wall is the phone's, not the router's. */
function quoteReport({ report, requested_at: requestedAt }: MitigationView, words: NotificationWords): string[] {
  const headline = report && headlineReport(report);
  if (!headline) return [];
  const { what, severity, startedAt, rate } = headline;
  const minutes = startedAt === null ? 0 : Math.floor((Date.parse(requestedAt) - Date.parse(startedAt)) / 60_000);
  const parts = [what, severity && words.severity[severity],
    minutes > 0 && minutes < longestMinutes ? fillIn(words.forMinutes, { minutes: String(minutes) }) : null, rate && fillIn(words.rate, { rate })];
  return [fillIn(words.reported, { attack: parts.filter((part) => part !== null).join(", ") })];
}

/** Why it is another device than the one whose address the packets carry. */
function whyAnother({ devices }: MitigationView, words: NotificationWords): string[] {
  const [forged] = devices.flatMap(({ name, mac, instead_of: before }) => (before ? [{ device: name ?? mac, other: before.name ?? before.address }] : []));
  return forged === undefined
    ? []
    : [fillIn(words.forged, { device: excerpt(forged.device ?? words.someDevice, longestName), other: excerpt(forged.other, longestName) })];
}

function targetOf({ target }: MitigationView): string {
  const [first = "?", ...others] = [...target.prefixes, ...target.fqdns, ...target.uris].map((text) => excerpt(text, longestName).replace(/\/(32|128)$/, ""));
  return others.length === 0 ? first : `${first} +${others.length}`;
}

/** In one pass: what is filled in may hold braces itself. */
function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
