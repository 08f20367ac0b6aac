import type { DtlsCredentials } from "dtls-wasm";
import type { Config } from "../config/config.ts";
import { globalsOptions } from "../config/options.ts";

/** A configuration with the secrets that its files held. */
export interface LoadedConfig {
  readonly config: Config;
  /** By the name of the upstream. */
  readonly credentials: ReadonlyMap<string, DtlsCredentials>;
  readonly warnings: readonly string[];
}

/** What is read when the daemon starts and not again; everything else takes effect with a reload. */
const readAtStart = ["stateDir", "controlSocket", "leaseFiles"] as const;

/** The names of options that differ from those that the daemon was started with, and need a restart. */
export function needRestart(started: Config, next: Config): readonly string[] {
  return readAtStart.filter((key) => JSON.stringify(started[key]) !== JSON.stringify(next[key])).map((key) => globalsOptions[key].name);
}
