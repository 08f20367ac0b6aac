import type { IpPrefix } from "../model/ip-prefix.ts";
import type { Protected } from "../model/policy.ts";
import { seconds } from "../model/time.ts";
import {
  duration,
  filePath,
  flag,
  host,
  integer,
  ipPrefix,
  line,
  mac,
  networkDevice,
  oneOf,
  optionalSocketPath,
  port,
  protectedThing,
  socketPath,
  url,
  type ValueParser,
} from "./value-parsers.ts";

/** An option of the configuration file: how it is called there, read, and what holds without it. */
export interface ScalarOption<T> {
  readonly is: "option";
  readonly name: string;
  readonly parse: ValueParser<T>;
  readonly fallback: T;
  /** What `''` means, where it is not the same as leaving the option out. */
  readonly empty?: T;
  /** Sentence fragment for documentation and LuCI. */
  readonly help: string;
}

export interface ListOption<T> {
  readonly is: "list";
  readonly name: string;
  readonly parse: ValueParser<T>;
  readonly fallback: readonly T[];
  readonly help: string;
}

export type OptionTable = Readonly<Record<string, ScalarOption<unknown> | ListOption<unknown>>>;

/** The values that a table yields: the type of a section follows from its options. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends ListOption<infer T> ? readonly T[] : Table[Key] extends ScalarOption<infer T> ? T : never;
};

function option<T>(name: string, parse: ValueParser<T>, fallback: NoInfer<T>, help: string): ScalarOption<T> {
  return { is: "option", name, parse, fallback, help };
}

/** An option that may be left out. */
function optional<T>(name: string, parse: ValueParser<T>, help: string): ScalarOption<T | null> {
  return { is: "option", name, parse, fallback: null, help };
}

function list<T>(name: string, parse: ValueParser<T>, fallback: readonly T[], help: string): ListOption<T> {
  return { is: "list", name, parse, fallback, help };
}

const week = 7 * 86_400; // seconds
const action = oneOf("block", "limit", "quarantine");
const languages = oneOf("en", "de", "es", "zh_Hans", "ja");
/** `zh` is what version 0.1 called it. */
const language: typeof languages = Object.assign((text: string) => languages(text === "zh" ? "zh_Hans" : text), languages);
const notifyEvents = ["request", "blocked", "ended", "upstream_down", "upstream_up"] as const;

/** `config globals` */
export const globalsOptions = {
  enabled: option("enabled", flag, true, "0 = do nothing at all"),
  consent: option("consent", oneOf("ask", "auto", "observe"), "ask", "ask the owner, act at once, or only report"),
  consentTimeoutSeconds: option("consent_timeout", duration(1, week), seconds(900), "seconds a question waits for an answer"),
  onTimeout: option("on_timeout", oneOf("deny", "block"), "deny", "what happens when nobody answers"),
  whilePending: option("while_pending", oneOf("none", "limit"), "none", "limit = a gentle rate limit until the owner answers"),
  action: option("action", action, "block", "what is done to a device unless it says otherwise"),
  limitRate: option("limit_rate", integer(1, 1_000_000), 10, "packets a second, for limit"),
  // RFC 9132 §4.7: 120 s, and never more than 300 s.
  terminatingPeriodSeconds: option("terminating_period", duration(0, 300), seconds(120), "seconds a block outlives its withdrawal"),
  maxLifetimeSeconds: option("max_lifetime", duration(0, 0xffff_ffff), seconds(86_400), "seconds, caps every request; 0 = no cap"),
  maxMitigations: option("max_mitigations", integer(1, 10_000), 256, "requests that are kept at the same time"),
  requestRate: option("request_rate", integer(1, 10_000), 20, "requests a second that an upstream may make"),
  minTargetPrefix4: option("min_target_prefix4", integer(0, 32, "prefix length"), 24, "wider IPv4 targets are refused"),
  minTargetPrefix6: option("min_target_prefix6", integer(0, 128, "prefix length"), 48, "wider IPv6 targets are refused"),
  maxTargetAddresses: option("max_target_addresses", integer(0, 16_777_216), 0,
    "instead of the two: addresses that a request may target in all, an IPv6 /64 is one; 0 = the two hold"),
  attackStoppedAfterSeconds: option("attack_stopped_after", duration(1, 86_400), seconds(60), "seconds without a dropped packet"),
  neverBlock: list<Protected>("never_block", protectedThing, [], "address, prefix or MAC that is never cut off"),
  allowInternalSources: option("allow_internal_sources", flag, false, "accept LAN addresses as the source of an attack"),
  stateDir: option("state_dir", filePath, "/etc/dots-callhome", "folder for what must survive a restart"),
  controlSocket: option("control_socket", socketPath, "/var/run/dots-callhome.sock", "socket for the commands"),
  ubusSocket: { ...option<string | null>("ubus_socket", optionalSocketPath, "/var/run/ubus/ubus.sock", "none = no ubus"), empty: null },
  lanDevices: list("lan_device", networkDevice, [], "default: asked from ubus network.interface.*"),
  wanDevices: list("wan_device", networkDevice, [], "default: asked from ubus network.interface.*"),
  leaseFiles: list("lease_file", filePath, [], "default: where dnsmasq and odhcpd of OpenWrt keep their leases"),
  sourceScope: list<IpPrefix>("source_scope", ipPrefix, [], "further prefixes that are ours"),
  logLevel: option("log_level", oneOf("error", "warn", "info", "debug"), "info", "how much is logged"),
} as const satisfies OptionTable;

/** `config upstream 'NAME'`: a provisioning domain, usually an internet provider. */
export const upstreamOptions = {
  enabled: option("enabled", flag, true, "0 = this upstream is not dialled"),
  host: optional("host", host, "name or address that the router dials"),
  port: option("port", port, 4647, "agreed with the upstream; 4647 is only our default: RFC 9132 §3 has 4646 for the other direction, RFC 9066 assigns none"),
  transport: option("transport", oneOf("udp", "tcp", "auto"), "auto", "auto = Happy Eyeballs, RFC 9132 §4.3"),
  auth: option("auth", oneOf("psk", "certificate"), "psk", "pre-shared key or mutual certificates"),
  pskIdentity: optional("psk_identity", line(128, "PSK identity"), "how the router names itself"), // RFC 4279 §5.4
  pskFile: optional("psk_file", filePath, "one line: hex:… or text"),
  caFile: optional("ca_file", filePath, "PEM, who may sign the upstream's certificate"),
  certFile: optional("cert_file", filePath, "PEM, the router's certificate and its chain"),
  keyFile: optional("key_file", filePath, "PEM, the router's private key"),
  serverName: optional("server_name", host, "name in the upstream's certificate, if it differs from host"),
  bindDevice: optional("bind_device", networkDevice, "dial through this device, for multi-homing"),
  discover: option("discover", flag, false, "1 = host and port from DHCP and DNS, RFC 8973"),
} as const satisfies OptionTable;

/** `config device` */
export const deviceOptions = {
  mac: optional("mac", mac, "which device"),
  name: optional("name", line(63, "name"), "how the owner calls it"),
  policy: optional("policy", oneOf("ask", "auto", "never"), "default: as option consent in globals"),
  action: optional("action", action, "default: as option action in globals"),
} as const satisfies OptionTable;

/** `config notify 'NAME'` */
export const notifyOptions = {
  type: optional("type", oneOf("mqtt", "ntfy", "webhook"), "what listens there"),
  url: optional("url", url, "where it listens"),
  username: optional("username", line(256, "user name"), "for the broker or server"),
  passwordFile: optional("password_file", filePath, "one line, the password or token"),
  caFile: optional("ca_file", filePath, "PEM, if the server's certificate is not publicly signed"),
  topicPrefix: option("topic_prefix", topic, "dots-callhome", "mqtt: first part of every topic"),
  homeassistant: option("homeassistant", flag, true, "mqtt: announce sensors and questions to Home Assistant"),
  commands: option("commands", flag, false, "mqtt: 1 = obey approve, deny and release"),
  language: option("language", language, "en", "language of the messages"),
  page: optional("page", url, "address of the router's web page, for the buttons of a message: https://192.168.1.1"),
  events: list("event", oneOf(...notifyEvents), notifyEvents, "default: all"),
} as const satisfies OptionTable;

/** MQTT 5 §4.7: a topic to publish on has no wildcards; one that starts with $ belongs to the broker. */
function topic(text: string): ReturnType<ValueParser<string>> {
  return /^[^$/#+\p{Cc}\p{Cs}][^#+\p{Cc}\p{Cs}]{0,199}$/u.test(text) && !text.endsWith("/")
    ? { value: text }
    : { problem: "is not a topic, expected e.g. dots-callhome" };
}
