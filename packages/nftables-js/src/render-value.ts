import type { Value } from "./statement.ts";

/** A name, address or number that must not reach nft: the caller's mistake, found before anything is sent. */
export class InvalidStatement extends Error {
  override readonly name = "InvalidStatement";
}

/** The name of a table, chain, set or object. nft itself refuses its own reserved words, such as `devices` and `fwd`. */
export function renderName(name: string): string {
  return verbatim(name, /^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "name");
}

/** The name of an object where it is used, as nft itself prints it. */
export function renderQuotedName(name: string): string {
  return `"${renderName(name)}"`;
}

/** The name of an interface, quoted. */
export function renderInterface(name: string): string {
  return `"${verbatim(name, /^[A-Za-z0-9_.:@-]{1,15}$/, "interface name")}"`;
}

/** Words for people; nothing in them can end the comment. */
export function renderComment(text: string): string {
  return `# ${verbatim(text, /^[A-Za-z0-9 .,:;_/()'-]{0,200}$/, "comment")}`;
}

/** A whole number for a transaction; throws InvalidStatement, which calls it `what`, outside the bounds. */
export function renderInteger(value: number, lowest: number, highest: number, what: string): string {
  if (!Number.isSafeInteger(value) || value < lowest || value > highest) {
    throw new InvalidStatement(`${what} ${String(value)} is not an integer from ${String(lowest)} to ${String(highest)}`);
  }
  return String(value);
}

/** A value as nft(8) reads it. Throws InvalidStatement for anything that could be read as more than one value. */
export function renderValue(value: Value): string {
  if ("mac" in value) return verbatim(value.mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, "MAC address");
  if ("ip" in value) return renderIp(value.ip);
  if ("number" in value) return renderNumber(value.number);
  if ("nfproto" in value) return verbatim(value.nfproto, /^ipv[46]$/, "nfproto");
  if ("word" in value) return verbatim(value.word, /^(original|reply|ether|arp|ip6?)$/, "word");
  if ("interface" in value) return renderInterface(value.interface);
  const [lower, upper] = value.range;
  if (lower > upper) throw new InvalidStatement(`range ${String(lower)}-${String(upper)} runs backwards`);
  return `${renderNumber(lower)}-${renderNumber(upper)}`;
}

const octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const ipv4 = `(${octet}\\.){3}${octet}(/(3[0-2]|[12]?[0-9]))?`;
const ipv6 = "(?=[0-9a-f]*:)[0-9a-f:]{2,39}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?";
const ipText = new RegExp(`^(${ipv4}|${ipv6})$`);

// Whether an IPv6 address is well formed is left to nft; that it is nothing but an address is not.
function renderIp(text: string): string {
  return verbatim(text, ipText, "IP address or prefix");
}

function renderNumber(value: number): string {
  return renderInteger(value, 0, 0xffff_ffff, "number");
}

function verbatim(text: string, allowed: RegExp, what: string): string {
  // In JavaScript `$` without the m flag does not match before a final newline: nothing can hide behind it.
  if (!allowed.test(text)) throw new InvalidStatement(`${JSON.stringify(text.slice(0, 80))} is not a valid ${what}`);
  return text;
}
