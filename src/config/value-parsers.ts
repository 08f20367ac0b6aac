import type { Seconds } from "../model/time.ts";
import { parseMac, type MacAddress } from "../model/device.ts";
import type { Protected } from "../model/policy.ts";
import { parseIpAddress, parseIpPrefix, type IpPrefix } from "../model/ip-prefix.ts";

/**
 * A value read from its text, or why not. `problem` goes behind the quoted value: `is not a port, expected 1 to 65535`;
 * `secret` says that the value itself must not be shown.
 */
export type Reading<T> = { readonly value: T } | { readonly problem: string; readonly secret?: true };
/** `takes` is what the reader accepts, where a form can show it. */
export type ValueParser<T> = ((text: string) => Reading<T>) & { readonly takes?: Takes };
export type Takes =
  | { readonly is: "switch" }
  | { readonly is: "integer"; readonly lowest: number; readonly highest: number }
  | { readonly is: "word"; readonly words: readonly string[] };

/** Values that UCI's own shell functions and LuCI write for a switch. */
const switches: Readonly<Record<string, boolean>> = {
  1: true,
  on: true,
  yes: true,
  true: true,
  enabled: true,
  0: false,
  off: false,
  no: false,
  false: false,
  disabled: false,
};

export const flag: ValueParser<boolean> = Object.assign((text: string): Reading<boolean> => {
  const value = Object.hasOwn(switches, text.toLowerCase()) ? switches[text.toLowerCase()] : undefined;
  return value === undefined ? { problem: "is not a switch, expected 1 or 0" } : { value };
}, { takes: { is: "switch" } } as const);

/** A decimal number without sign or leading zeros. */
export function integer(lowest: number, highest: number, what = "number"): ValueParser<number> {
  return Object.assign((text: string): Reading<number> => {
    const value = /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : NaN;
    return value >= lowest && value <= highest ? { value } : { problem: `is not a ${what}, expected ${lowest} to ${highest}` };
  }, { takes: { is: "integer", lowest, highest } } as const);
}

/** A whole number of seconds. */
export const duration = integer as (lowest: number, highest: number) => ValueParser<Seconds>; // the number has its unit from here on

export const port = integer(1, 65535, "port");

/** One of these words, written exactly so. */
export function oneOf<const Choice extends string>(...choices: readonly Choice[]): ValueParser<Choice> {
  return Object.assign((text: string): Reading<Choice> => {
    const value = choices.find((choice) => choice === text);
    return value === undefined ? { problem: `is not known here, expected ${listWords(choices)}` } : { value };
  }, { takes: { is: "word", words: choices } } as const);
}

/** Text for people: no control characters, at most `bytes` in UTF-8. */
export function line(bytes: number, what = "text"): ValueParser<string> {
  return (text) => {
    if (/\p{Cc}|\p{Cs}/u.test(text)) return { problem: `is not a ${what}, expected one line without control characters` };
    return utf8Length(text) <= bytes ? { value: text } : { problem: `is too long for a ${what}, expected at most ${bytes} bytes` };
  };
}

/** An absolute path of at most 4,096 UTF-16 units. */
export const filePath: ValueParser<string> = (text) =>
  text.startsWith("/") && text.length <= 4096 && !/\p{Cc}/u.test(text)
    ? { value: text }
    : { problem: "is not a file name, expected a path that starts with /" };

/** unix(7): sun_path holds 108 bytes with its final NUL. */
export const socketPath: ValueParser<string> = (text) => {
  const path = filePath(text);
  if ("problem" in path) return path;
  return utf8Length(text) <= 107 ? path : { problem: "is too long for a socket, expected at most 107 bytes" };
};

/** A socket that may be left out: `none`, as `uci commit` drops options with an empty value from the file. */
export const optionalSocketPath: ValueParser<string | null> = (text) => (text === "none" ? { value: null } : socketPath(text));

/** A DNS host name or an IP address. The dot at the end of a name is for resolvers: no certificate has it, and SNI must not (RFC 6066 §3). */
export const host: ValueParser<string> = (text) => {
  if (parseIpAddress(text)) return { value: text };
  const name = text.replace(/\.$/, "");
  const labels = name.split(".");
  const isName = text.length <= 253 && labels.every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
    && !/^\d+$/.test(labels.at(-1) ?? ""); // a name that ends in a number is a mistyped IPv4 address (RFC 1123 section 2.1)
  return isName ? { value: name } : { problem: "is not a host, expected a name such as dots.isp.example or an IP address" };
};

/** dev_valid_name() of the kernel: 1 to 15 bytes, no slash, colon or space. */
export const networkDevice: ValueParser<string> = (text) =>
  /^[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/.test(text) && text !== "." && text !== ".."
    ? { value: text }
    : { problem: "is not a network device, expected a name such as br-lan, at most 15 characters" };

/** An IPv4 or IPv6 address, or a prefix. */
export const ipPrefix: ValueParser<IpPrefix> = (text) => {
  const value = parseIpPrefix(text);
  return value ? { value } : { problem: "is not an address or prefix, expected e.g. 203.0.113.7 or 2001:db8::/56" };
};

/** A MAC address, in lower case with colons afterwards. */
export const mac: ValueParser<MacAddress> = (text) => {
  const value = parseMac(text);
  return value === undefined ? { problem: "is not a MAC address, expected e.g. aa:bb:cc:dd:ee:ff" } : { value };
};

/** An address, a prefix or a MAC address. */
export const protectedThing: ValueParser<Protected> = (text) => {
  const macAddress = parseMac(text);
  if (macAddress !== undefined) return { value: { is: "mac", mac: macAddress } };
  const prefix = parseIpPrefix(text);
  return prefix ? { value: { is: "prefix", prefix } } : { problem: "is not an address, prefix or MAC address" };
};

/** The URL of a broker or a web hook. Its path may be all that protects it, so it is not shown. */
export const url: ValueParser<string> = (text) => {
  const expected = "expected e.g. mqtts://broker.lan:8883 or https://ntfy.sh/topic";
  if (!URL.canParse(text)) return { problem: `is not a URL, ${expected}`, secret: true };
  const { protocol, hostname, username, password } = new URL(text);
  // Anybody who may read this file, LuCI and `uci show` included, would see the password.
  if (username !== "" || password !== "") return { problem: "a user name or password in the URL, use the options username and password_file", secret: true };
  const known = ["mqtt:", "mqtts:", "ws:", "wss:", "http:", "https:"].includes(protocol) && hostname !== "";
  return known ? { value: text } : { problem: `is not a URL that can be used here, ${expected}`, secret: true };
};

/** `a`, `a or b`, `a, b or c`. */
function listWords(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
