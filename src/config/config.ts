import type { MacAddress } from "../model/device.ts";
import { didYouMean } from "../text/closest-name.ts";
import { deviceOptions, globalsOptions, notifyOptions, upstreamOptions, type ValuesOf } from "./options.ts";
import { Findings, formatConfigError, lineOf, readSection, titleOf, type ConfigError } from "./read-section.ts";
import { readUpstream, type UpstreamConfig } from "./upstream-config.ts";
import { parseUci, type UciSection } from "./uci-syntax.ts";

/** What holds for all upstreams and devices. */
export type GlobalsConfig = ValuesOf<typeof globalsOptions>;

/** What the owner has said in the file about one device. */
export interface DeviceConfig {
  readonly mac: MacAddress;
  readonly name: string | null;
  /** Null = as `consent` of the globals. */
  readonly policy: "ask" | "auto" | "never" | null;
  /** Null = as `action` of the globals. */
  readonly action: "block" | "limit" | "quarantine" | null;
}

/** Somebody to tell. `topicPrefix`, `homeassistant` and `commands` are for mqtt. */
export interface NotifyConfig extends Omit<ValuesOf<typeof notifyOptions>, "type" | "url"> {
  /** Null for an anonymous section. */
  readonly name: string | null;
  readonly type: "mqtt" | "ntfy" | "webhook";
  readonly url: string;
}

/** The configuration file, read and checked. Units are in the names. */
export interface Config extends GlobalsConfig {
  /** Those that are to be dialled, in the order of the file. */
  readonly upstreams: readonly UpstreamConfig[];
  /** Names of upstreams with `enabled '0'`. */
  readonly disabledUpstreams: readonly string[];
  readonly devices: readonly DeviceConfig[];
  readonly notify: readonly NotifyConfig[];
}

export type ConfigReading =
  | { readonly config: Config; /** As formatConfigError() writes them. */ readonly warnings: readonly string[] }
  | { readonly errors: readonly ConfigError[] };

const sectionTypes = ["globals", "upstream", "device", "notify"] as const;

/** Reads the text of a configuration file; `file` is its name, for messages. Reads no other file. */
export function readConfig(text: string, file: string): ConfigReading {
  const parsed = parseUci(text);
  if ("errors" in parsed) {
    return { errors: parsed.errors.map(({ line, message }) => ({ file, line, section: null, option: null, message })) };
  }
  const findings = new Findings(file);
  const ofType = (type: (typeof sectionTypes)[number]): UciSection[] => parsed.sections.filter((section) => section.type === type);
  for (const section of parsed.sections) {
    if (sectionTypes.some((type) => type === section.type)) continue;
    findings.warn(section.line, section, null, `'${section.type.slice(0, 40)}' is not known and has no effect${didYouMean(section.type, sectionTypes)}`);
  }

  const upstreams = readUpstreams(ofType("upstream"), findings);
  const config: Config = {
    ...readGlobals(ofType("globals"), findings),
    upstreams: upstreams.filter((upstream) => typeof upstream !== "string"),
    disabledUpstreams: upstreams.filter((upstream) => typeof upstream === "string"),
    devices: readDevices(ofType("device"), findings),
    notify: readNotifiers(ofType("notify"), findings),
  };
  if (findings.errors.length > 0) return { errors: findings.errors.toSorted((a, b) => a.line - b.line) };
  if (config.enabled && config.upstreams.length === 0) {
    findings.warn(1, null, null, "no upstream is enabled, so nobody can ask for help; expected a section config upstream 'NAME'");
  }
  return { config, warnings: findings.warnings.toSorted((a, b) => a.line - b.line).map(formatConfigError) };
}

/** Where the daemon's control socket is, whatever else is wrong in the file: `status` must work while it is being edited. */
export function findControlSocket(text: string): string {
  const parsed = parseUci(text);
  const globals = "sections" in parsed ? parsed.sections.find(({ type }) => type === "globals") : undefined;
  return globals ? readSection(globals, { path: globalsOptions.controlSocket }, new Findings("")).path : globalsOptions.controlSocket.fallback;
}

/** Where the daemon keeps what must survive, and its socket, whatever else is wrong in the file. */
export function findStateDir(text: string): { readonly stateDir: string; readonly controlSocket: string } {
  const parsed = parseUci(text);
  const globals = "sections" in parsed ? parsed.sections.find(({ type }) => type === "globals") : undefined;
  const { stateDir, controlSocket } = globalsOptions;
  return globals ? readSection(globals, { stateDir, controlSocket }, new Findings("")) : { stateDir: stateDir.fallback, controlSocket: controlSocket.fallback };
}

/** A complaint about an option of the globals that only the router's disk can show; `text` and `file` are as for readConfig. */
export function complainOfGlobals(text: string, file: string, option: string, message: string): string {
  const parsed = parseUci(text);
  const section = "sections" in parsed ? parsed.sections.find(({ type }) => type === "globals") : undefined;
  return formatConfigError({ file, line: section ? lineOf(section, option) : 1, section: section ? titleOf(section) : null, option, message });
}

function readGlobals(sections: readonly UciSection[], findings: Findings): GlobalsConfig {
  const [section = { type: "globals", name: null, line: 1, entries: [] }, second] = sections;
  if (second) findings.error(second.line, second, null, `there is a section config globals on line ${section.line} already, expected one`);
  return readSection(section, globalsOptions, findings);
}

/** Configured upstreams, and the mere names of those that are disabled. */
function readUpstreams(sections: readonly UciSection[], findings: Findings): (UpstreamConfig | string)[] {
  refuseDuplicates(sections, ({ name }) => name, "name", findings);
  return sections.flatMap((section) => readUpstream(section, readSection(section, upstreamOptions, findings), findings) ?? []);
}

function readDevices(sections: readonly UciSection[], findings: Findings): DeviceConfig[] {
  const devices = sections.map((section) => ({ section, values: readSection(section, deviceOptions, findings) }));
  refuseDuplicates(sections, (section) => devices.find((device) => device.section === section)?.values.mac ?? null, "MAC address", findings);
  return devices.flatMap(({ section, values: { mac, ...rest } }) => {
    if (mac !== null) return [{ mac, ...rest }];
    if (!section.entries.some(({ name, value }) => name === "mac" && value !== "")) {
      findings.error(section.line, section, "mac", "is missing, expected the MAC address of the device");
    }
    return [];
  });
}

function readNotifiers(sections: readonly UciSection[], findings: Findings): NotifyConfig[] {
  refuseDuplicates(sections, ({ name }) => name, "name", findings);
  return sections.flatMap((section) => {
    const { type, url, ...rest } = readSection(section, notifyOptions, findings);
    if (type === null || url === null) {
      for (const name of ["type", "url"]) {
        const isSet = section.entries.some((entry) => entry.name === name && entry.value !== "");
        if (!isSet) findings.error(section.line, section, name, "is missing");
      }
      return [];
    }
    const { protocol } = new URL(url);
    const fits = type === "mqtt" ? /^(mqtts?|wss?):$/ : /^https?:$/;
    if (!fits.test(protocol)) {
      findings.error(lineOf(section, "url"), section, "url",
        `starts with ${protocol}//, for ${type} expected ${type === "mqtt" ? "mqtts:// or mqtt://" : "https:// or http://"}`);
    }
    if (rest.commands && /^(mqtt|ws):$/.test(protocol)) {
      findings.warn(lineOf(section, "commands"), section, "commands",
        "is on while the connection is not encrypted, anyone on the way could decide; use mqtts://");
    }
    return [{ name: section.name, type, url, ...rest }];
  });
}

/** Two sections about the same thing would leave open which of them holds. */
function refuseDuplicates(sections: readonly UciSection[], key: (section: UciSection) => string | null, what: string, findings: Findings): void {
  const seen = new Map<string, UciSection>();
  for (const section of sections) {
    const value = key(section);
    const first = value === null ? undefined : seen.get(value);
    if (first) findings.error(section.line, section, null, `has the same ${what} as the section on line ${first.line}`);
    else if (value !== null) seen.set(value, section);
  }
}
