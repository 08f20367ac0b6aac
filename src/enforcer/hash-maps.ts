import type { Element, Expression, Statement } from "nftables-js";
import type { IpFamily } from "../model/ip-prefix.ts";
import type { Selector } from "./traffic-match.ts";
import { shapeFields, shapes, shapeTypes } from "./exact-keys.ts";
import type { Shape } from "./exact-keys.ts";
import { keyText } from "./memoise.ts";
import { counterName, forwardChain, shapeMapName, table } from "./names.ts";
import type { ExactClaim, Parts } from "./ruleset-parts.ts";

interface HashMap {
  readonly shape: Shape;
  readonly by: Selector["by"];
  readonly family: IpFamily;
  /** By key, as text. */
  readonly elements: Map<string, Element & { readonly timeout: number }>;
}

/** One map and one rule for each kind of key in use: a packet costs the same with one element and with thousands. */
export function layHashMaps(claims: readonly ExactClaim[]): Parts {
  const maps = fillMaps(claims);
  return {
    declared: maps.map(({ shape, by, family }): Statement => ({
      do: "add map",
      table,
      name: shapeMapName(shape, by, family),
      key: shapeTypes(shape, by, family),
      holds: "counter",
      flags: ["timeout"],
    })),
    elements: maps.map(({ shape, by, family, elements }): Statement => (
      { do: "add elements", table, set: shapeMapName(shape, by, family), elements: [...elements.values()] }
    )),
    rules: maps.map(({ shape, by, family }): Statement => ({ do: "add rule", table, chain: forwardChain, rule: dropMapped(shape, by, family) })),
  };
}

function dropMapped(shape: Shape, by: Selector["by"], family: IpFamily): Expression[] {
  // A key without an element ends the rule before the drop. An Ethernet address alone says nothing of the family.
  const familyOnly: Expression[] = shape === "any" && by === "mac" ? [{ match: "meta nfproto", values: [{ nfproto: `ipv${family}` }] }] : [];
  return [...familyOnly, { object: "counter", key: shapeFields(shape, by, family), map: shapeMapName(shape, by, family) }, { verdict: "drop" }];
}

function fillMaps(claims: readonly ExactClaim[]): HashMap[] {
  const maps = new Map<string, HashMap>();
  for (const { claim, keys } of claims) {
    const { selector: { by }, family } = claim;
    for (const { shape, key } of keys) {
      const name = shapeMapName(shape, by, family);
      const map = maps.get(name) ?? { shape, by, family, elements: new Map<string, Element & { timeout: number }>() };
      maps.set(name, map);
      const text = keyText(key);
      // Rules of one mitigation may repeat each other: the longest holds.
      const timeout = Math.max(claim.timeout, map.elements.get(text)?.timeout ?? 0);
      map.elements.set(text, { key, timeout, value: { object: counterName(claim.mitigation) } });
    }
  }
  return [...maps.values()].sort((a, b) => order(a) - order(b));
}

/** Of the rules in the chain, so that the same rules make the same text. */
function order({ shape, by, family }: HashMap): number {
  return shapes.indexOf(shape) * 100 + ["mac", "source", "destination"].indexOf(by) * 10 + family;
}
