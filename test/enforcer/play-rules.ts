import { addressLength, parseIpAddress, parseIpPrefix, prefixContains } from "../../src/model/ip-prefix.ts";
import type { Element, Expression, Field, Statement, Value } from "nftables-js";

/** What rules read of a packet. */
export type Packet = Readonly<Partial<Record<Field, string | number>>>;

/** What became of it: the objects that counted it, the sets that recorded it, whether it was dropped. */
export interface Fate {
  readonly counted: readonly string[];
  readonly recorded: readonly string[];
  readonly isDropped: boolean;
}

/** Plays the kernel: a packet at a base chain of the table that these statements make. Whatever is limited is over its limit. */
export function playRules(statements: readonly Statement[], chain: string, sent: Packet): Fate {
  const packet = { ...sent };
  const chains = new Map<string, Expression[][]>();
  const held = new Map<string, Element[]>();
  for (const statement of statements) {
    if ("comment" in statement) continue;
    if (statement.do === "add rule") chains.set(statement.chain, [...chains.get(statement.chain) ?? [], [...statement.rule]]);
    else if (statement.do === "add elements") held.set(statement.set, [...held.get(statement.set) ?? [], ...statement.elements]);
  }
  const counted: string[] = [];
  const recorded: string[] = [];
  const elementFor = (set: string, fields: readonly Field[], mask?: string): Element | undefined => (
    held.get(set)?.find(({ key }) => fields.every((field, at) => key[at] !== undefined && fits(masked(packet[field], mask), key[at])))
  );
  /** `end`: nothing more is asked of this packet. */
  const walk = (name: string): "end" | "return" => {
    for (const rule of chains.get(name) ?? []) {
      const verdict = playRule(rule);
      if (verdict === "drop" || verdict === "accept") {
        isDropped = verdict === "drop";
        return "end";
      }
      if (typeof verdict === "object" && "jump" in verdict && walk(verdict.jump) === "end") return "end";
      if (typeof verdict === "object" && "goto" in verdict) return walk(verdict.goto);
    }
    return "return";
  };
  const playRule = (rule: readonly Expression[]): Extract<Expression, { verdict: unknown }>["verdict"] | undefined => {
    for (const step of rule) {
      if ("verdict" in step) return step.verdict;
      if ("match" in step) {
        const fields = [step.match].flat();
        const found = "set" in step
          ? elementFor(step.set, fields) !== undefined
          : fields.every((field) => step.values.some((value) => fits(packet[field], value)));
        if (found === (step.not === true)) return undefined;
      } else if ("vmap" in step) {
        const value = elementFor(step.vmap, step.key, step.mask)?.value;
        return value && "verdict" in value ? value.verdict : undefined;
      } else if ("assign" in step) packet[step.assign] = step.value;
      else if ("update" in step) recorded.push(step.update);
      else if ("object" in step) {
        const element = "map" in step ? elementFor(step.map, step.key)?.value : undefined;
        const object = "name" in step ? step.name : element && "object" in element ? element.object : undefined;
        if (object === undefined) return undefined;
        if (step.object === "counter") counted.push(object);
      }
    }
    return undefined;
  };
  let isDropped = false;
  walk(chain);
  return { counted: counted.sort(), recorded: [...new Set(recorded)].sort(), isDropped };
}

function masked(value: string | number | undefined, mask: string | undefined): string | number | undefined {
  if (mask === undefined || typeof value !== "string") return value;
  const [address, bits] = [parseIpAddress(value), parseIpAddress(mask)];
  if (!address || !bits) return value;
  const length = bits.bits.toString(2).padStart(addressLength(bits.family), "0").replaceAll("0", "").length;
  const prefix = parseIpPrefix(`${value}/${String(length)}`);
  return prefix ? addressText(prefix.bits, prefix.family) : value;
}

function addressText(bits: bigint, family: 4 | 6): string {
  const hex = bits.toString(16).padStart(family === 4 ? 8 : 32, "0");
  return family === 4 ? (hex.match(/../g) ?? []).map((each) => parseInt(each, 16)).join(".") : (hex.match(/..../g) ?? []).join(":");
}

function fits(given: string | number | undefined, value: Value): boolean {
  if (given === undefined) return false;
  if ("ip" in value) {
    const [prefix, address] = [parseIpPrefix(value.ip), parseIpAddress(String(given))];
    return prefix !== undefined && address !== undefined && prefixContains(prefix, address);
  }
  if ("number" in value) return given === value.number;
  if ("range" in value) return typeof given === "number" && value.range[0] <= given && given <= value.range[1];
  return given === Object.values(value)[0];
}
