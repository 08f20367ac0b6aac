import { type Element, type Expression, renderStatement, type Statement, type Table } from "nftables-js";
import { between, later, milliseconds, seconds, type SteadyInstant } from "../model/time.ts";
import { keyText } from "./memoise.ts";

type AddElements = Extract<Statement, { readonly do: "add elements" | "delete elements" }>;
type AddRule = Extract<Statement, { readonly do: "add rule" }>;
type Declaration = Extract<Statement, { readonly name: string }>;

/** What a transaction left in the kernel. */
export interface Laid {
  /** When all of it was last rewritten. */
  readonly at: SteadyInstant;
  /** Of everything that has a name, by its text. */
  readonly declared: ReadonlyMap<string, Declaration>;
  /** By chain, in order. */
  readonly rules: ReadonlyMap<string, readonly LaidRule[]>;
  /** By set and key: what for, and until when. */
  readonly elements: ReadonlyMap<string, { readonly into: AddElements; readonly held: ReadonlyMap<string, LaidElement> }>;
}

interface LaidRule {
  readonly text: string;
  readonly statement: AddRule;
}

interface LaidElement {
  readonly element: Element;
  /** Infinity: it stays. */
  readonly until: SteadyInstant;
}

/** What leads from one to the next. */
interface Difference {
  readonly declared: readonly Declaration[];
  readonly undeclared: readonly Declaration[];
  readonly elements: readonly { readonly into: AddElements; readonly added: readonly Element[]; /** As they were. */ readonly removed: readonly Element[] }[];
  /** Where a rule is another, or gone, all of the chain's are written again: nft tells rules by numbers that are not ours to know. */
  readonly chains: readonly {
    readonly chain: string;
    readonly table: Table;
    readonly how: "append" | "insert" | "rewrite";
    /** To be added at the end, and at the beginning. */
    readonly rules: readonly LaidRule[];
    readonly first: readonly LaidRule[];
  }[];
  readonly laid: Laid;
}

export interface Step {
  readonly statements: readonly Statement[];
  readonly laid: Laid;
}

/** An element that lasts as long as this is left to the next renewal, seconds. */
const restsFor = seconds(300);
/** Interval between full rewrites, seconds: rules are renewed every four minutes. */
const addedFor = seconds(200);

/** What the kernel holds after the statements of `buildRuleset`, taken as a whole. */
export function layDown(statements: readonly Statement[], at: SteadyInstant): Laid {
  const declared = new Map<string, Declaration>();
  const rules = new Map<string, LaidRule[]>();
  const elements = new Map<string, { into: AddElements; held: Map<string, LaidElement> }>();
  for (const statement of statements) {
    if ("comment" in statement) continue;
    if (statement.do === "add rule") {
      const chain = rules.get(statement.chain) ?? [];
      rules.set(statement.chain, chain);
      chain.push({ text: renderStatement(statement), statement });
    } else if (statement.do === "add elements") {
      const set = elements.get(statement.set) ?? { into: statement, held: new Map<string, LaidElement>() };
      elements.set(statement.set, set);
      for (const element of statement.elements)
        set.held.set(keyText(element.key), { element, until: later(at, milliseconds((element.timeout ?? Infinity) * 1000)) });
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
export function additionsTo(laid: Laid, next: Laid): Step | undefined {
  const found = differenceOf(laid, next);
  if (!found || found.undeclared.length > 0 || !found.chains.every(({ how }) => how === "append")) return undefined;
  if (found.elements.some(({ removed }) => removed.length > 0)) return undefined;
  return { statements: [...found.declared, ...addElements(found), ...addRules(found)], laid: found.laid };
}

/**
 * The same where something has to go or to change: an end costs what has ended, not what is held. Undefined where the whole is due
 * for renewal, and where nft does not let a part be replaced.
 */
export function changesTo(laid: Laid, next: Laid): Step | undefined {
  const found = differenceOf(laid, next);
  if (!found) return undefined;
  const names = new Set(found.declared.map(({ name }) => name));
  // What is declared otherwise now: its name must be free first. Elements that are intervals may be merged in the kernel.
  if (found.undeclared.some(({ name }) => names.has(name)) || found.elements.some(({ into, removed }) => removed.length > 0 && isInterval(next, into.set)))
    return undefined;
  const gone = new Set(found.undeclared.map(({ name }) => name));
  return {
    statements: [
      ...found.declared,
      ...found.chains.flatMap(({ chain, table, how }): Statement[] => (how === "rewrite" ? [{ do: "flush chain", table, name: chain }] : [])),
      ...found.elements.flatMap(({ into, removed }) => (removed.length === 0 || gone.has(into.set) ? [] : removeElements(into, removed))),
      ...addElements(found),
      ...addRules(found),
      ...removalOrder.flatMap((kind) =>
        found.undeclared.flatMap((statement): Statement[] => (
          statement.do === `add ${kind}` ? [{ do: `delete ${kind}`, table: statement.table, name: statement.name }] : []
        ))
      ),
    ],
    laid: found.laid,
  };
}

/** Maps first: their elements refer to chains and counters. */
const removalOrder = ["map", "set", "chain", "counter", "limit"] as const;

/** Nothing if what is laid is due for renewal. */
function differenceOf(laid: Laid, next: Laid): Difference | undefined {
  if (between(laid.at, next.at) > addedFor * 1000) return undefined;
  const elements = elementDifferences(laid, next);
  return {
    declared: [...next.declared].flatMap(([text, statement]) => (laid.declared.has(text) ? [] : [statement])),
    undeclared: [...laid.declared].flatMap(([text, statement]) => (next.declared.has(text) ? [] : [statement])),
    elements: elements.differences,
    chains: chainDifferences(laid, next),
    laid: { ...next, at: laid.at, elements: elements.held },
  };
}

function elementDifferences(laid: Laid, next: Laid): { differences: Difference["elements"]; held: Laid["elements"] } {
  const held = new Map<string, { into: AddElements; held: ReadonlyMap<string, LaidElement> }>();
  const differences: { into: AddElements; added: Element[]; removed: Element[] }[] = [];
  for (const [set, { into, held: wanted }] of next.elements) {
    const before = laid.elements.get(set)?.held;
    const after = new Map<string, LaidElement>();
    const added: Element[] = [];
    const removed: Element[] = [];
    for (const [key, element] of wanted) {
      const old = before?.get(key);
      const stays = old !== undefined && mayStay(old, element, next.at);
      after.set(key, stays ? old : element);
      if (stays) continue;
      added.push(element.element);
      if (old) removed.push(old.element);
    }
    for (const [key, { element }] of before ?? []) if (!wanted.has(key)) removed.push(element);
    held.set(set, { into, held: after });
    if (added.length > 0 || removed.length > 0) differences.push({ into, added, removed });
  }
  for (const [set, { into, held: before }] of laid.elements) {
    if (!next.elements.has(set)) differences.push({ into, added: [], removed: [...before.values()].map(({ element }) => element) });
  }
  return { differences, held };
}

/** Rounding apart, the same end; or one that is far enough for the next renewal. */
function mayStay(old: LaidElement, wanted: LaidElement, now: SteadyInstant): boolean {
  if (!isSameValue(old.element, wanted.element)) return false;
  return old.until <= later(wanted.until, milliseconds(2_000))
    && (old.until >= later(wanted.until, milliseconds(-2_000)) || between(now, old.until) >= restsFor * 1000);
}

function chainDifferences(laid: Laid, next: Laid): Difference["chains"] {
  return [...new Set([...laid.rules.keys(), ...next.rules.keys()])].flatMap((chain): Difference["chains"] => {
    const before = laid.rules.get(chain) ?? [];
    const after = next.rules.get(chain) ?? [];
    const table = (before[0] ?? after[0])?.statement.table;
    if (!table) return [];
    if (startsWith(after, before)) return after.length === before.length ? [] : [{ chain, table, how: "append", rules: after.slice(before.length), first: [] }];
    const inserted = insertedBefore(before, after);
    return inserted ? [{ chain, table, how: "insert", ...inserted }] : [{ chain, table, how: "rewrite", rules: after, first: [] }];
  });
}

/**
 * Rules that only count, or ask a chain that does, do not care who stands before whom: new ones among those that a chain begins with may as well
 * be the first of it. So another mitigation of a device or target takes its own rules only, however many overlap there.
 */
function insertedBefore(before: readonly LaidRule[], after: readonly LaidRule[]):
  | { readonly first: readonly LaidRule[]; readonly rules: readonly LaidRule[] }
  | undefined {
  const [counting, others] = [countingOf(before), countingOf(after)];
  const known = new Set(counting.map(({ text }) => text));
  const first = others.filter(({ text }) => !known.has(text));
  const [rest, restAfter] = [before.slice(counting.length), after.slice(others.length)];
  if (others.length - first.length !== counting.length || !startsWith(restAfter, rest)) return undefined;
  return { first, rules: restAfter.slice(rest.length) };
}

function startsWith(rules: readonly LaidRule[], start: readonly LaidRule[]): boolean {
  return start.every(({ text }, place) => text === rules[place]?.text);
}

/** The rules at the beginning that do nothing but count, or jump to where that is done: in the chains of this table only what they go to drops. */
function countingOf(rules: readonly LaidRule[]): readonly LaidRule[] {
  const isCounting = (step: Expression): boolean =>
    "match" in step || ("object" in step && step.object === "counter") || ("verdict" in step && typeof step.verdict === "object" && "jump" in step.verdict);
  const end = rules.findIndex(({ statement: { rule } }) => !rule.every(isCounting));
  return end < 0 ? rules : rules.slice(0, end);
}

function addElements({ elements }: Difference): Statement[] {
  return elements.flatMap(({ into, added }) => (added.length > 0 ? [{ ...into, elements: added }] : []));
}

function addRules({ chains }: Difference): Statement[] {
  return chains.flatMap(({ rules, first }) => [
    ...first.map(({ statement }): Statement => ({ ...statement, do: "insert rule" })),
    ...rules.map(({ statement }) => statement),
  ]);
}

/** Of what may have run out a moment ago: `delete` alone would then be refused. */
function removeElements(into: AddElements, removed: readonly Element[]): Statement[] {
  return [{ ...into, elements: removed }, { ...into, do: "delete elements", elements: removed.map(({ key }) => ({ key })) }];
}

function isInterval({ declared }: Laid, set: string): boolean {
  return [...declared.values()].some((statement) => statement.name === set && "flags" in statement && statement.flags.includes("interval"));
}

function isSameValue({ value: a }: Element, { value: b }: Element): boolean {
  if (a && b && "object" in a && "object" in b) return a.object === b.object;
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
