import type { NotifyConfig } from "../config/config.ts";
import { composeNotification, type Announcement } from "../operator/notification.ts";
import { openMqtt, type MqttNotifier, type MqttSurroundings } from "./mqtt-notifier.ts";
import type { NotifierTarget } from "./notifier.ts";
import { openNtfy } from "./ntfy-notifier.ts";
import { readGuarded, readPassword } from "./read-secret.ts";
import { openWebhook, type Told } from "./webhook-notifier.ts";
import { errorText } from "../text/error-text.ts";

export interface Notifiers {
  announce(announcement: Announcement): void;
  /** Something may have changed that is shown, but not announced. */
  sync(): void;
  close(): Promise<void>;
}

interface Open { readonly config: NotifyConfig; add(told: Told): void; sync(): void; close(): Promise<void> | void }

const approvals = "/cgi-bin/luci/admin/services/dots-callhome/approvals";

/** One for each `config notify`. One that cannot work is left out, and the log says why. */
export function openNotifiers(configs: readonly NotifyConfig[], around: MqttSurroundings): Notifiers {
  const opened = configs.flatMap((config) => open(config, around) ?? []);
  return {
    announce(announcement) {
      const event = announcement.event === "reminder" ? "request" : announcement.event;
      for (const notifier of opened) {
        if (notifier.config.events.includes(event)) notifier.add({ announcement, notification: composeNotification(announcement, notifier.config.language) });
      }
    },
    sync: () => { for (const notifier of opened) notifier.sync(); },
    close: async () => { await Promise.all(opened.map(async (notifier) => { await notifier.close(); })); },
  };
}

function open(config: NotifyConfig, around: MqttSurroundings): Open | undefined {
  const name = config.name ?? config.type;
  const password = config.passwordFile === null ? { value: null } : readPassword(config.passwordFile);
  const ca = config.caFile === null ? { value: undefined } : readGuarded(config.caFile, 256 * 1024, "public");
  for (const read of [password, ca]) {
    if ("problem" in read) {
      around.log("error", `notify ${name} is off: ${read.problem}`);
      return undefined;
    }
  }
  const target: NotifierTarget = {
    name, url: config.url, username: config.username, language: config.language, page: pageOf(config.page),
    password: "value" in password ? password.value : null, ca: "value" in ca ? ca.value?.toString("utf8") : undefined,
  };
  switch (config.type) {
    case "ntfy": {
      const ntfy = openNtfy(target, around);
      return { config, add: ({ notification }) => { ntfy.add(notification); }, sync: () => undefined, close: () => { ntfy.close(); } };
    }
    case "webhook": {
      const webhook = openWebhook(target, around);
      return { config, add: (told) => { webhook.add(told); }, sync: () => undefined, close: () => { webhook.close(); } };
    }
    case "mqtt": {
      let mqtt: MqttNotifier | undefined;
      const opening = openMqtt({ ...target, topicPrefix: config.topicPrefix, homeassistant: config.homeassistant, commands: config.commands }, around);
      opening.then((ready) => { mqtt = ready; }, (error: unknown) => { around.log("error", `notify ${name} is off: ${errorText(error)}`); });
      return {
        config, add: (told) => { mqtt?.add(told); }, sync: () => { mqtt?.sync(); },
        close: () => opening.then((ready) => ready.close(), () => undefined),
      };
    }
  }
}

/** `https://192.168.1.1` is enough. */
function pageOf(page: string | null): string | null {
  return page === null ? null : new URL(page).pathname === "/" ? new URL(approvals, page).href : page;
}
