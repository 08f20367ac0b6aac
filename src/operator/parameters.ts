import { parseMac, type MacAddress } from "../model/device.ts";
import { parseIpPrefix, type IpPrefix } from "../model/ip-prefix.ts";
import { ipProtocol } from "../model/ip-protocol.ts";
import type { PortRange } from "../model/number-range.ts";

/** A value that was read, or what was expected instead: `a number from 1 to 1000`. */
export type Reading<T> = { readonly value: T } | { readonly expected: string };

/** A parameter of a control method: its type on the wire, its bounds, and how it becomes a value of the model. */
export interface Parameter<T> {
  /** What JSON and ubus carry; `texts` is an array of texts or a single one. */
  readonly wire: "number" | "text" | "texts";
  readonly required: boolean;
  /** Reads a JSON value of any kind. */
  read(value: unknown): Reading<T>;
  readonly help: string;
}

export interface RequiredParameter<T> extends Parameter<T> {
  readonly required: true;
}
export interface OptionalParameter<T> extends Parameter<T> {
  readonly required: false;
}

/** A parameter that must be given. */
export function required<T>(parameter: Omit<Parameter<T>, "required" | "help">, help: string): RequiredParameter<T> {
  return { ...parameter, required: true, help };
}

/** A parameter that may be left out. */
export function optional<T>(parameter: Omit<Parameter<T>, "required" | "help">, help: string): OptionalParameter<T> {
  return { ...parameter, required: false, help };
}

type Kind<T> = Omit<Parameter<T>, "required" | "help">;

/** A whole number within bounds, both included. */
export function wholeNumber(lowest: number, highest: number): Kind<number> {
  const expected = `a whole number from ${lowest} to ${highest}`;
  return {
    wire: "number",
    read: (value) => typeof value === "number" && Number.isInteger(value) && lowest <= value && value <= highest ? { value } : { expected },
  };
}

/** One of these words. */
export function oneOf<const Choice extends string>(...choices: readonly Choice[]): Kind<Choice> {
  return {
    wire: "text",
    read: (text) => {
      const value = choices.find((choice) => choice === text);
      return value === undefined ? { expected: choices.join(", ").replace(/, ([^,]*)$/, " or $1") } : { value };
    },
  };
}

/** The name of a section of the configuration. */
export const sectionName: Kind<string> = {
  wire: "text",
  read: (text) => (typeof text === "string" && /^[A-Za-z0-9_]{1,64}$/.test(text) ? { value: text } : { expected: "a name of letters, digits and _" }),
};

export const macAddress: Kind<MacAddress> = {
  wire: "text",
  read: (text) => {
    const value = typeof text === "string" && text.length <= 64 ? parseMac(text) : undefined;
    return value === undefined ? { expected: "a MAC address such as aa:bb:cc:dd:ee:ff" } : { value };
  },
};

export const prefixes = listOf<IpPrefix>("an address or prefix such as 203.0.113.7 or 2001:db8::/56", parseIpPrefix);

export const portRanges = listOf<PortRange>("a port or a range such as 443 or 40000-40100", (text) => {
  const [, lower = "", upper = lower] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { lower: Number(lower), upper: Number(upper) };
  return lower !== "" && range.lower <= range.upper && range.upper <= 65535 ? range : undefined;
});

export const protocols = listOf<number>(`an IP protocol number from 0 to 255, or ${Object.keys(ipProtocol).join(", ")}`, (text) => {
  const named = Object.entries(ipProtocol).find(([name]) => name === text.toLowerCase());
  if (named) return named[1];
  return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
});

/** An array of at most 64 items, or one item without its array. Numbers are taken for their decimal text. */
function listOf<T>(item: string, parse: (text: string) => T | undefined): Kind<readonly T[]> {
  const expected = `${item}, or a list of at most 64`;
  return {
    wire: "texts",
    read: (given) => {
      const items: readonly unknown[] = Array.isArray(given) ? given : [given];
      if (items.length > 64) return { expected };
      const values: T[] = [];
      for (const one of items) {
        const text = typeof one === "number" ? String(one) : one;
        const value = typeof text === "string" && text.length <= 64 ? parse(text) : undefined;
        if (value === undefined) return { expected };
        values.push(value);
      }
      return { value: values };
    },
  };
}
