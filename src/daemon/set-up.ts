import { findStateDir } from "../config/config.ts";
import type { WallInstant } from "../model/time.ts";
import { checkPaths } from "../system/files/check-paths.ts";
import { readTextOrNothing } from "../system/files/read-text.ts";
import { storeSecret } from "../system/files/store-secret.ts";
import { loadConfig, type ConfigProblem } from "./load-config.ts";

/** What the page hears of the settings that it is about to save. */
export type SetUpAnswer =
  | { readonly problems: readonly Omit<ConfigProblem, "line">[]; readonly warnings: readonly string[] }
  | { readonly path: string }
  | { readonly problem: string };

/**
 * What the web page needs before there is a daemon, as root, by rpcd: `{"config":"…"}` looks at a configuration that is not saved yet;
 * `{"section":"isp","option":"psk_file","text":"…"}` stores a key beside the daemon's memory, where nothing ever reads it back to the page.
 */
export function setUp(input: string, configFile: string, now: WallInstant): SetUpAnswer {
  const asked = readInput(input);
  if (typeof asked["config"] === "string") {
    const loaded = loadConfig(asked["config"], configFile, now);
    return "problems" in loaded
      ? { problems: loaded.problems.map(({ section, option, message }) => ({ section, option, message })), warnings: [] }
      : { problems: [], warnings: loaded.warnings };
  }
  const { section, option, text } = asked;
  if (typeof section !== "string" || typeof option !== "string" || typeof text !== "string") return { problem: "expected config, or section, option and text" };
  const { stateDir, controlSocket } = findStateDir(readTextOrNothing(configFile));
  const [unsafe] = checkPaths({ stateDir, controlSocket }).filter((each) => each.option === "state_dir");
  return unsafe ? { problem: `option state_dir: ${unsafe.message}` } : storeSecret(stateDir, section, option, text);
}

function readInput(input: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(input);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {}; // its fields are looked at one by one
  } catch {
    return {};
  }
}
