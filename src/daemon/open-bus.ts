import type { OwnerEvent } from "../operator/owner-events.ts";
import type { Log } from "../model/ports.ts";
import type { OperatorOnUbus } from "../system/operator/operator-on-ubus.ts";
import { openUbusDirectory, type UbusDirectory } from "../system/home/ubus-directory.ts";
import type { LoadedConfig } from "./loaded-config.ts";
import type { Router } from "./router.ts";
import type { Part } from "./run-parts.ts";

/** The connection to ubusd, on which the owner's methods are published. */
export interface Bus extends Part<LoadedConfig> {
  /** What other services on ubus know of the home. */
  readonly directory: UbusDirectory;
  /** Undefined while there is none, or ubus is not to be used. */
  readonly ubus: () => OperatorOnUbus["ubus"] | undefined;
  tell(event: OwnerEvent): void;
  warnings(): readonly string[];
  /** Connects where the configuration says, now and after each reload. */
  reload(next: LoadedConfig): void;
}

export interface BusDeps {
  readonly router: Pick<Router, "openOperatorOnUbus" | "steadyClock">;
  readonly answer: Parameters<Router["openOperatorOnUbus"]>[1];
  readonly log: Log;
  readonly connected: () => void;
}

/** Nothing is connected before the first `reload`. */
export function openBus({ router, answer, log, connected }: BusDeps): Bus {
  let open: { readonly path: string; readonly object: OperatorOnUbus } | undefined;
  const ubus = (): OperatorOnUbus["ubus"] | undefined => open?.object.ubus;
  const directory = openUbusDirectory(ubus, router.steadyClock);
  return {
    directory,
    ubus,
    tell(event) {
      open?.object.tell(event);
    },
    warnings: () => open?.object.warnings() ?? [],
    reload({ config: { ubusSocket: path } }) {
      if (open?.path === path) return;
      open?.object.close();
      open = path === null ? undefined : {
        path,
        object: router.openOperatorOnUbus(path, answer, log, () => {
          void directory.refresh();
          connected();
        }),
      };
    },
    stop() {
      open?.object.close();
    },
  };
}
