import { InvalidStatement, renderComment, renderInteger, renderInterface, renderName, renderQuotedName, renderValue } from "./render-value.ts";
import type { BaseChain, Element, Expression, Field, Statement, Table, Value, Verdict } from "./statement.ts";

/** Seconds. nft's scanner reads eight digits before the `s`, and takes a ninth for a syntax error: some three years. */
export const longestTimeout = 99_999_999;

/** The text for `nft -f`: a statement begins on a line of its own. Throws InvalidStatement. */
export function renderTransaction(statements: readonly Statement[]): string {
  return statements.map((statement) => `${renderStatement(statement)}\n`).join("");
}

/** One statement, without a final newline; elements stand on lines of their own when there are several. */
export function renderStatement(statement: Statement): string {
  if ("comment" in statement) return renderComment(statement.comment);
  const table = renderTable(statement.table);
  switch (statement.do) {
    case "add table":
    case "delete table":
    case "flush table":
      return `${statement.do} ${table}`;
    case "add chain":
      return `add chain ${table} ${renderName(statement.name)}${statement.base ? ` { ${renderBaseChain(statement.base)} }` : ""}`;
    case "add set":
    case "add map": {
      const value = statement.do === "add map" ? ` : ${statement.holds}` : "";
      const flags = statement.flags.length > 0 ? ` flags ${statement.flags.join(",")};` : "";
      const bounds = statement.do === "add set" ? renderBounds(statement) : "";
      return `${statement.do} ${table} ${renderName(statement.name)} { type ${statement.key.join(" . ")}${value};${flags}${bounds} }`;
    }
    case "add counter": {
      const { packets = 0, bytes = 0 } = statement;
      const start = packets !== 0 || bytes !== 0 ? ` { packets ${renderCount(packets)} bytes ${renderCount(bytes)} }` : "";
      return `add counter ${table} ${renderName(statement.name)}${start}`;
    }
    case "add limit": {
      const rate = renderInteger(statement.packetsPerSecond, 1, 0xffff_ffff, "rate");
      const burst = renderInteger(statement.burst, 1, 0xffff_ffff, "burst");
      return `add limit ${table} ${renderName(statement.name)} { rate ${statement.within === true ? "" : "over "}${rate}/second burst ${burst} packets }`;
    }
    case "add elements":
    case "delete elements":
      return `${statement.do.replace("elements", "element")} ${table} ${renderName(statement.set)} ${renderElements(statement.elements)}`;
    case "add rule":
    case "insert rule":
      return `${statement.do} ${table} ${renderName(statement.chain)} ${renderRule(statement.rule)}`;
    default:
      return `${statement.do} ${table} ${renderName(statement.name)}`;
  }
}

function renderBounds({ size, timeout }: { readonly size?: number; readonly timeout?: number }): string {
  return (size === undefined ? "" : ` size ${renderInteger(size, 1, 0xffff_ffff, "size")};`)
    + (timeout === undefined ? "" : ` timeout ${renderInteger(timeout, 1, longestTimeout, "timeout")}s;`);
}

function renderTable(table: Table): string {
  return `${table.family} ${renderName(table.name)}`;
}

function renderBaseChain(base: BaseChain): string {
  const device = base.device === undefined ? "" : ` device ${renderInterface(base.device)}`;
  return `type ${base.type} hook ${base.hook}${device} priority ${renderPriority(base.priority)}; policy ${base.policy};`;
}

function renderPriority(priority: BaseChain["priority"]): string {
  const offset = renderInteger(Math.abs(typeof priority === "number" ? priority : priority.offset), 0, 0x7fff_ffff, "priority");
  if (typeof priority === "number") return `${priority < 0 ? "-" : ""}${offset}`;
  if (priority.offset === 0) return priority.base;
  return `${priority.base} ${priority.offset < 0 ? "-" : "+"} ${offset}`;
}

function renderElements(elements: readonly Element[]): string {
  const rendered = elements.map(renderElement);
  if (rendered.length === 0) throw new InvalidStatement("no elements");
  return rendered.length === 1 ? `{ ${rendered.join("")} }` : `{\n  ${rendered.join(",\n  ")}\n}`;
}

function renderElement(element: Element): string {
  const key = element.key.map(renderValue).join(" . ");
  if (key === "") throw new InvalidStatement("an element without a key");
  const timeout = element.timeout === undefined ? "" : ` timeout ${renderInteger(element.timeout, 1, longestTimeout, "timeout")}s`;
  if (element.value === undefined) return `${key}${timeout}`;
  const value = "object" in element.value ? renderQuotedName(element.value.object) : renderVerdict(element.value.verdict);
  return `${key}${timeout} : ${value}`;
}

function renderRule(rule: readonly Expression[]): string {
  if (rule.length === 0) throw new InvalidStatement("an empty rule");
  return rule.map(renderExpression).join(" ");
}

function renderExpression(expression: Expression): string {
  if ("match" in expression) {
    const operator = expression.not === true ? "!= " : "";
    return "set" in expression
      ? `${renderKey(typeof expression.match === "string" ? [expression.match] : expression.match)} ${operator}@${renderName(expression.set)}`
      : `${expression.match} ${operator}${renderValues(expression.values)}`;
  }
  if ("verdict" in expression) return renderVerdict(expression.verdict);
  if ("assign" in expression) return `${expression.assign} set ${renderInteger(expression.value, 0, 0xffff_ffff, "mark")}`;
  if ("redirect" in expression) return `redirect to :${renderInteger(expression.redirect, 1, 65535, "port")}`;
  if ("vmap" in expression) {
    const mask = expression.mask === undefined ? "" : ` & ${renderValue({ ip: expression.mask })}`;
    return `${renderKey(expression.key)}${mask} vmap @${renderName(expression.vmap)}`;
  }
  if ("update" in expression) return `update @${renderName(expression.update)} { ${renderKey(expression.key)} counter }`;
  return "map" in expression
    ? `${expression.object} name ${renderKey(expression.key)} map @${renderName(expression.map)}`
    : `${expression.object} name ${renderQuotedName(expression.name)}`;
}

function renderKey(fields: readonly Field[]): string {
  return fields.join(" . ");
}

function renderValues(values: readonly Value[]): string {
  const [first, ...others] = values;
  if (!first) throw new InvalidStatement("a match without a value");
  return others.length === 0 ? renderValue(first) : `{ ${values.map(renderValue).join(", ")} }`;
}

function renderVerdict(verdict: Verdict): string {
  if (typeof verdict === "string") return verdict;
  return "jump" in verdict ? `jump ${renderName(verdict.jump)}` : `goto ${renderName(verdict.goto)}`;
}

function renderCount(count: number): string {
  return renderInteger(count, 0, Number.MAX_SAFE_INTEGER, "count");
}
