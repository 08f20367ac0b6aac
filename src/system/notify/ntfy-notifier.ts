import type { Notification } from "../../operator/notification.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { NotifierTarget, NotifierDeps } from "./notifier.ts";
import { post } from "./post.ts";

/**
 * Publishes to a topic of an ntfy server (https://docs.ntfy.sh/publish/#publish-as-json). Its buttons open the page: from the internet
 * nobody can reach the router, and who knows the topic's name must not be able to decide.
 */
export function openNtfy(target: NotifierTarget, around: NotifierDeps): Outbox<Notification> {
  const url = new URL(target.url);
  const parts = url.pathname.split("/").filter((part) => part !== "");
  const topic = decodeURIComponent(parts.pop() ?? "");
  url.pathname = `/${parts.join("/")}`;
  return createOutbox(target.name, ({ title, text, asks, event, actions }, signal) =>
    post({
      url: url.href,
      ca: target.ca,
      clock: around.clock,
      signal,
      headers: authorization(target),
      body: JSON.stringify({
        topic,
        title,
        message: shortened(text === "" ? title : text),
        priority: asks ? 4 : 3,
        tags: [tags[event]],
        ...(target.page === null
          ? {}
          : { click: target.page, actions: actions.slice(0, mostActions).map(({ label }) => ({ action: "view", label, url: target.page })) }),
      }),
    }), around);
}

/** More buttons than this make ntfy refuse the message (https://docs.ntfy.sh/publish/#action-buttons). */
const mostActions = 3;
/** A longer message becomes a file, which a phone does not show (https://docs.ntfy.sh/publish/#limitations). */
const longestMessage = 4_096; // bytes

function shortened(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  return bytes.length <= longestMessage ? text : `${bytes.subarray(0, longestMessage - 3).toString("utf8").replace(/\ufffd+$/, "")}…`;
}

const tags: Readonly<Record<Notification["event"], string>> = {
  test: "test_tube",
  request: "warning",
  reminder: "hourglass",
  blocked: "shield",
  ended: "white_check_mark",
  more: "repeat",
  upstream_down: "electric_plug",
  upstream_up: "electric_plug",
};

function authorization({ username, password }: NotifierTarget): Record<string, string> {
  if (password === null) return {};
  return { Authorization: username === null ? `Bearer ${password}` : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}
