import { milliseconds, type Timer } from "../../model/time.ts";
import type { Log } from "../../model/ports.ts";
import type { HomeTables } from "./follow-home.ts";
import { deviceWarnings, type HomeDevices, type NetifdDevices } from "./home-devices.ts";

export interface DeviceWatch {
  /** For `status`: what is wrong with the configured devices, now. */
  warnings(): readonly string[];
  stop(): void;
}

export interface DeviceWatchOptions {
  readonly tables: Pick<HomeTables, "ip" | "onChange">;
  readonly configured: () => HomeDevices;
  readonly netifd: () => NetifdDevices | undefined;
  readonly clock: Timer;
  readonly log: Log;
}

/** A device of PPPoE or of a modem comes some time after the boot: only what lasts is worth a line in the log. */
const lastsFor = milliseconds(30_000);

/** Looks after each change whether the devices in the configuration are there, and lead where they should. */
export function watchDevices({ tables, configured, netifd, clock, log }: DeviceWatchOptions): DeviceWatch {
  let warnings: readonly string[] = [];
  let logged: readonly string[] = [];
  let cancel: (() => void) | undefined;
  const look = async (): Promise<void> => {
    warnings = deviceWarnings(await tables.ip(), configured(), netifd());
    cancel ??= clock.after(lastsFor, () => {
      cancel = undefined;
      for (const warning of warnings) if (!logged.includes(warning)) log("warn", warning);
      logged = warnings;
    });
  };
  const lookOrNot = (): void => {
    look().catch(() => undefined);
  }; // a table that cannot be read is warned of elsewhere
  tables.onChange(lookOrNot);
  lookOrNot();
  return {
    warnings() {
      lookOrNot(); // netifd may have said more, and a reload changes the configuration
      return warnings;
    },
    stop: () => {
      cancel?.();
    },
  };
}
