import type { Element, Expression, Field, KeyType, Statement, Table, Value } from "nftables-js";
import { keyText } from "./memoise.ts";

/**
 * The lists that rules of one table compare packets with. A short one stands in the rule. A longer one is a set with a name, written once
 * however many rules and chains use it: so the text grows with the sum of what is listed, not with its product.
 */
export interface Lists {
  /**
   * The step of a rule that passes what is listed; nothing where the list is empty. `name`: of the set, should it take one. `isRepeated`: many rules
   * list the same; in each of them a list that has no name would be another set.
   */
  match(name: string, field: Field, values: readonly Value[], isRepeated?: boolean): readonly Expression[];
  declared(): readonly Statement[];
  /** Without a timeout: what ends by itself is the element that leads a packet to the rule. */
  elements(): readonly Statement[];
}

/** Values that stand in a rule, such as the five protocols that have ports. */
const mostInRule = 5;

interface Held {
  readonly name: string;
  readonly text: string;
  readonly field: Field;
  readonly values: readonly Value[];
}

/** Collects the named sets of a table: a long list becomes a set once, however many rules match it. */
export function createLists(table: Table): Lists {
  /** By the name asked for; of one name usually one. */
  const held = new Map<string, Held[]>();
  const all = (): readonly Held[] => [...held.values()].flat();
  return {
    match(name, field, values, isRepeated = false) {
      if (values.length === 0) return [];
      if (values.length <= (isRepeated ? 1 : mostInRule)) return [{ match: field, values }];
      const same = held.get(name) ?? [];
      held.set(name, same);
      const text = keyText(values);
      let list = same.find((each) => each.text === text);
      if (!list) {
        list = { name: same.length === 0 ? name : `${name}_${String(same.length + 1)}`, text, field, values };
        same.push(list);
      }
      return [{ match: field, set: list.name }];
    },
    declared: () =>
      all().map(({ name, field, values }): Statement => ({
        do: "add set",
        table,
        name,
        key: [typeOf(field)],
        flags: values.some(isInterval) ? ["interval"] : [],
      })),
    elements: () =>
      all().map(({ name, values }): Statement => ({ do: "add elements", table, set: name, elements: values.map((value): Element => ({ key: [value] })) })),
  };
}

function isInterval(value: Value): boolean {
  return "range" in value || ("ip" in value && value.ip.includes("/"));
}

function typeOf(field: Field): KeyType {
  switch (field) {
    case "ether saddr":
      return "ether_addr";
    case "ip saddr":
    case "ip daddr":
    case "ct original ip saddr":
    case "ct reply ip saddr":
      return "ipv4_addr";
    case "ip6 saddr":
    case "ip6 daddr":
    case "ct original ip6 saddr":
    case "ct reply ip6 saddr":
      return "ipv6_addr";
    case "meta l4proto":
      return "inet_proto";
    case "th sport":
    case "th dport":
      return "inet_service";
    case "icmp type":
      return "icmp_type";
    case "icmpv6 type":
      return "icmpv6_type";
    default:
      throw new Error(`no lists of ${field}`);
  }
}
