import { createHmac, randomUUID } from "node:crypto";
import type { Announcement, Notification } from "../../operator/notification.ts";
import type { NotifierDeps, NotifierTarget } from "./notifier.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { post } from "./post.ts";
import { sinceEpoch } from "../../model/time.ts";

/** What a webhook is told: the words, and what they are about. */
export interface Told {
  readonly notification: Notification;
  readonly announcement: Announcement;
}

/**
 * POSTs JSON. With a password, `X-Dots-Callhome-Signature: sha256=…` is the HMAC of timestamp, `.` and body with it; the same delivery
 * always has the same `X-Dots-Callhome-Delivery`, so that a receiver can tell a repetition.
 */
export function openWebhook(target: NotifierTarget, around: NotifierDeps): Outbox<Told> {
  const outbox = createOutbox<Told & { readonly id: string }>(target.name, ({ id, notification, announcement }, signal) => {
    const { event, key, title, text, actions } = notification;
    const about = announcement.about === null ? {} : "cuid" in announcement.about ? { mitigation: announcement.about } : { upstream: announcement.about };
    const body = JSON.stringify({ event, key, title, text, actions, page: target.page, ...about });
    const timestamp = String(Math.floor(sinceEpoch(around.wallTime()) / 1000));
    const signature = target.password === null ? {} : {
      "X-Dots-Callhome-Signature": `sha256=${createHmac("sha256", target.password).update(`${timestamp}.${body}`).digest("hex")}`,
    };
    return post({
      url: target.url,
      body,
      ca: target.ca,
      clock: around.clock,
      signal,
      headers: { "X-Dots-Callhome-Delivery": id, "X-Dots-Callhome-Timestamp": timestamp, ...signature },
    });
  }, around);
  const named = (told: Told): Told & { readonly id: string } => ({ ...told, id: randomUUID() });
  return {
    ...outbox,
    add: (told) => {
      outbox.add(named(told));
    },
    try: (told) => outbox.try(named(told)),
  };
}
