import type { Language } from "../operator/notification-words.ts";
import type { MqttDeps } from "../system/notify/mqtt-notifier.ts";
import type { Notifiers } from "../system/notify/open-notifiers.ts";
import type { LoadedConfig } from "./loaded-config.ts";
import type { Router } from "./router.ts";
import type { Part } from "./run-parts.ts";

/** Where the owner is reached: one notifier for each `config notify`. */
export interface Receivers extends Part<LoadedConfig>, Omit<Notifiers, "close" | "isFor"> {
  /** What the owner reads where nothing else says so. */
  readonly language: () => Language;
  /** Opens what the configuration names, now and after each reload. */
  reload(next: { readonly config: Pick<LoadedConfig["config"], "notify"> }): Promise<void>;
}

/** Nobody is told anything before the first `reload`. */
export function openReceivers(openNotifiers: Router["openNotifiers"], around: MqttDeps): Receivers {
  let notifiers: Notifiers | undefined;
  let configs: LoadedConfig["config"]["notify"] = [];
  return {
    announce(announcement) {
      notifiers?.announce(announcement);
    },
    test: (name) => notifiers?.test(name),
    sync() {
      notifiers?.sync();
    },
    retryNow() {
      notifiers?.retryNow();
    },
    warnings: () => notifiers?.warnings() ?? [],
    language: () => configs[0]?.language ?? "en",
    async reload({ config: { notify } }) {
      if (notifiers?.isFor(notify)) return;
      await notifiers?.close();
      configs = notify;
      notifiers = openNotifiers(notify, around);
    },
    async stop() {
      await notifiers?.close();
    },
  };
}
