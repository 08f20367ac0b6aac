import type { DtlsCredentials } from "dtls-wasm";
import { complainOfGlobals, readConfig } from "../config/config.ts";
import { formatConfigError } from "../config/read-section.ts";
import type { WallInstant } from "../model/time.ts";
import { checkPaths } from "../system/files/check-paths.ts";
import { readCertificates } from "../system/files/read-certificates.ts";
import { readPsk } from "../system/files/read-secret.ts";
import type { LoadedConfig } from "./loaded-config.ts";

/** What is wrong with a configuration or a file that it names. */
export interface ConfigProblem {
  /** As the file calls it: `config upstream 'isp'`; null where none is meant. */
  readonly section: string | null;
  readonly option: string | null;
  readonly message: string;
  /** All of it in a line, with the file. */
  readonly line: string;
}

/** Reads a configuration's text and every file that it names; `file` is its own name, for messages. Connects nowhere. */
export function loadConfig(text: string, file: string, now: WallInstant): LoadedConfig | { readonly problems: readonly ConfigProblem[] } {
  const reading = readConfig(text, file);
  if ("errors" in reading)
    return {
      problems: reading.errors.map((error) => ({ section: error.section, option: error.option, message: error.message, line: formatConfigError(error) })),
    };
  const warnings = [...reading.warnings];
  const problems: ConfigProblem[] = checkPaths(reading.config).map(({ option, message }) => (
    { section: "config globals 'globals'", option, message, line: complainOfGlobals(text, file, option, message) }
  ));
  const credentials = new Map<string, DtlsCredentials>();
  for (const { name, auth } of reading.config.upstreams) {
    const section = `config upstream '${name}'`;
    if (auth.is === "psk") {
      const psk = readPsk(auth.pskFile);
      if ("problem" in psk) problems.push({ section, option: "psk_file", message: psk.problem, line: `${file}: ${section}: option psk_file: ${psk.problem}` });
      else {
        warnings.push(...psk.warnings);
        credentials.set(name, { is: "psk", identity: auth.identity, key: psk.value });
      }
    } else {
      const certificates = readCertificates(auth, now);
      if ("problem" in certificates)
        problems.push({
          section,
          option: optionOf(certificates.problem, auth),
          message: certificates.problem,
          line: `${file}: ${section}: ${certificates.problem}`,
        });
      else {
        warnings.push(...certificates.warnings);
        credentials.set(name, { is: "certificate", ...certificates.value });
      }
    }
  }
  return problems.length > 0 ? { problems } : { config: reading.config, credentials, warnings };
}

/** The option whose file the sentence begins with. */
function optionOf(problem: string, { caFile, certFile, keyFile }: { readonly caFile: string; readonly certFile: string; readonly keyFile: string }):
  | string
  | null {
  const named = ([["ca_file", caFile], ["cert_file", certFile], ["key_file", keyFile]] as const).find(([, path]) => problem.startsWith(`${path}:`));
  return named?.[0] ?? null;
}
