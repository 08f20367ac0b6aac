import { createHash } from "node:crypto";
import type { NotifyConfig } from "../../config/config.ts";
import { composeNotification, type Announcement } from "../../operator/notification.ts";
import { openMqtt, type MqttDeps } from "./mqtt-notifier.ts";
import type { NotifierTarget } from "./notifier.ts";
import { openNtfy } from "./ntfy-notifier.ts";
import { errorText } from "../../text/error-text.ts";
import { readGuarded, readPassword, type SecretReading } from "../files/read-secret.ts";
import { openWebhook, type Told } from "./webhook-notifier.ts";

export interface Notifiers {
  announce(announcement: Announcement): void;
  /** A sample message to the receiver of this name: undefined if there is none, else why it was not delivered, or null. Never rejects. */
  test(name: string): Promise<string | null> | undefined;
  /** Something may have changed that is shown, but not announced. */
  sync(): void;
  /** Something has changed that may have kept receivers from being reached. */
  retryNow(): void;
  /** Whether these configurations, and what their files hold now, are those that it was opened with. */
  isFor(configs: readonly NotifyConfig[]): boolean;
  /** Receivers that are told nothing, and why; for `status`. */
  warnings(): readonly string[];
  close(): Promise<void>;
}

interface Open {
  add(told: Told): void;
  try(told: Told): Promise<void>;
  sync?(): void;
  retryNow(): void;
  warnings(): readonly string[];
  close(): Promise<void> | void;
}

const approvals = "/cgi-bin/luci/admin/services/dots-callhome/approvals";

/** One for each `config notify`. One that cannot work is left out, and the log says why. */
export function openNotifiers(configs: readonly NotifyConfig[], around: MqttDeps): Notifiers {
  const opened = configs.map((config) => ({ config, notifier: open(config, readFiles(config), around) }));
  const openedWith = fingerprintOf(configs);
  return {
    isFor: (others) => fingerprintOf(others) === openedWith,
    test(name) {
      const found = opened.find(({ config }) => (config.name ?? config.type) === name);
      const announcement = { event: "test", about: null } as const;
      return found?.notifier.try({ announcement, notification: composeNotification(announcement, found.config.language) }).then(() => null, errorText);
    },
    announce(announcement) {
      if (announcement.event === "test") return;
      const event = announcement.event === "reminder" || announcement.event === "more" ? "request" : announcement.event;
      for (const { config, notifier } of opened) {
        if (config.events.includes(event)) notifier.add({ announcement, notification: composeNotification(announcement, config.language) });
      }
    },
    sync: () => {
      for (const { notifier } of opened) notifier.sync?.();
    },
    retryNow: () => {
      for (const { notifier } of opened) notifier.retryNow();
    },
    warnings: () => opened.flatMap(({ notifier }) => notifier.warnings()),
    close: async () => {
      await Promise.all(opened.map(async ({ notifier }) => {
        await notifier.close();
      }));
    },
  };
}

interface Files {
  readonly password: SecretReading<string> | { readonly value: null };
  readonly ca: SecretReading<Buffer> | { readonly value: undefined };
}

function readFiles({ passwordFile, caFile }: NotifyConfig): Files {
  return {
    password: passwordFile === null ? { value: null } : readPassword(passwordFile),
    ca: caFile === null ? { value: undefined } : readGuarded(caFile, 256 * 1024, "public"),
  };
}

/** Of secrets, too: it is not kept as text. */
function fingerprintOf(configs: readonly NotifyConfig[]): string {
  return createHash("sha256").update(JSON.stringify(configs.map((config) => [config, readFiles(config)]))).digest("hex");
}

function open(config: NotifyConfig, { password, ca }: Files, around: MqttDeps): Open {
  const name = config.name ?? config.type;
  for (const read of [password, ca]) {
    if ("problem" in read) {
      const problem = `notify ${name} is off: ${read.problem}`;
      around.log("error", `${problem}; it is read again at the next reload`);
      return {
        add: () => undefined,
        try: () => Promise.reject(new Error(problem)),
        retryNow: () => undefined,
        warnings: () => [problem],
        close: () => undefined,
      };
    }
  }
  const target: NotifierTarget = {
    name,
    url: config.url,
    username: config.username,
    language: config.language,
    page: pageOf(config.page),
    password: "value" in password ? password.value : null,
    ca: "value" in ca ? ca.value?.toString("utf8") : undefined,
  };
  switch (config.type) {
    case "ntfy": {
      const ntfy = openNtfy(target, around);
      return {
        ...ntfy,
        add: ({ notification }) => {
          ntfy.add(notification);
        },
        try: ({ notification }) => ntfy.try(notification),
      };
    }
    case "webhook":
      return openWebhook(target, around);
    case "mqtt":
      return openMqtt({ ...target, topicPrefix: config.topicPrefix, homeassistant: config.homeassistant, commands: config.commands }, around);
  }
}

/** `https://192.168.1.1` is enough. */
function pageOf(page: string | null): string | null {
  return page === null ? null : new URL(page).pathname === "/" ? new URL(approvals, page).href : page;
}
