import { renderStatement } from "../nftables/render-statement.ts";
import { renderValue } from "../nftables/render-value.ts";
import type { Element, Statement } from "../nftables/statement.ts";
import type { Instant, Seconds } from "../model/time.ts";

type AddElements = Extract<Statement, { readonly do: "add elements" | "delete elements" }>;
type AddRule = Extract<Statement, { readonly do: "add rule" }>;

/** What a transaction left in the kernel. */
export interface Laid {
  /** When all of it was begun anew. */
  readonly at: Instant;
  /** Of everything that has a name, by its text. */
  readonly declared: ReadonlyMap<string, Statement>;
  /** By chain, in order. */
  readonly rules: ReadonlyMap<string, readonly { readonly text: string; readonly statement: AddRule }[]>;
  /** By set and key: what for, and until when. */
  readonly elements: ReadonlyMap<string, { readonly into: AddElements; readonly element: Element; readonly until: Instant }>;
}

/** An element that lasts as long as this is left to the next renewal, seconds. */
const restsFor: Seconds = 300;
/** So long after all was begun anew it is again, seconds: rules are renewed every four minutes. */
const addedFor: Seconds = 200;

/** What the kernel holds after the statements of `buildRuleset`, taken as a whole. */
export function layDown(statements: readonly Statement[], at: Instant): Laid {
  const declared = new Map<string, Statement>();
  const rules = new Map<string, { text: string; statement: AddRule }[]>();
  const elements = new Map<string, { into: AddElements; element: Element; until: Instant }>();
  for (const statement of statements) {
    if ("comment" in statement) continue;
    if (statement.do === "add rule") {
      const chain = rules.get(statement.chain) ?? [];
      rules.set(statement.chain, chain);
      chain.push({ text: renderStatement(statement), statement });
    } else if (statement.do === "add elements") {
      for (const element of statement.elements) {
        elements.set(`${statement.set} ${element.key.map(renderValue).join(" . ")}`, { into: statement, element, until: at + (element.timeout ?? 0) * 1000 });
      }
    // Where a counter begins is of no interest once it is there.
    } else if (statement.do === "add counter") declared.set(`counter ${statement.name}`, statement);
    else if ("name" in statement && statement.do.startsWith("add ")) declared.set(renderStatement(statement), statement);
  }
  return { at, declared, rules, elements };
}

/**
 * The statements that lead from what is laid to what is wanted next, if adding is all that it takes: the kernel need not wait for
 * readers of what is replaced, and the time it takes does not grow with what is held. Undefined if it takes more: rules before
 * others, something gone, or something that must last longer.
 */
export function additionsTo(laid: Laid, next: Laid): { readonly statements: readonly Statement[]; readonly laid: Laid } | undefined {
  if (next.at - laid.at > addedFor * 1000) return undefined;
  for (const name of laid.declared.keys()) if (!next.declared.has(name)) return undefined;
  for (const [chain, rules] of laid.rules) {
    const after = next.rules.get(chain) ?? [];
    if (rules.some(({ text }, place) => text !== after[place]?.text)) return undefined;
  }
  for (const [key, { element, until }] of laid.elements) {
    const after = next.elements.get(key);
    if (!after || !isSameValue(after.element, element)) return undefined;
    // Rounding apart, the same end; or one that is far enough for the next renewal.
    if (until > after.until + 2_000 || (until < after.until - 2_000 && until - next.at < restsFor * 1000)) return undefined;
  }
  const elements = new Map<AddElements, Element[]>();
  for (const [key, { into, element }] of next.elements) {
    if (laid.elements.has(key)) continue;
    const added = elements.get(into) ?? [];
    elements.set(into, added);
    added.push(element);
  }
  return {
    statements: [
      ...[...next.declared].flatMap(([name, statement]) => (laid.declared.has(name) ? [] : [statement])),
      ...[...elements].map(([into, added]): Statement => ({ ...into, elements: added })),
      ...[...next.rules].flatMap(([chain, rules]) => rules.slice(laid.rules.get(chain)?.length ?? 0).map(({ statement }) => statement)),
    ],
    laid: { ...next, at: laid.at, elements: new Map([...next.elements, ...laid.elements]) },
  };
}

function isSameValue({ value: a }: Element, { value: b }: Element): boolean {
  if (a && b && "object" in a && "object" in b) return a.object === b.object;
  return JSON.stringify(a) === JSON.stringify(b);
}
