const longest = 900; // UTF-16 units
const mostCauses = 4;

/**
 * What went wrong, in words for the log and the owner: one line, never empty, whatever was thrown. An AggregateError, whose own text is empty
 * in Node, gives the texts of what it holds.
 */
export function errorText(error: unknown): string {
  const text = describe(error, 3).replaceAll(/\s*[\r\n]+\s*/g, " ").trim();
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

function describe(error: unknown, depth: number): string {
  if (!(error instanceof Error)) return describeThrown(error);
  const message = error.message.trim();
  const inner = depth > 0 ? innerErrors(error).map((each) => describe(each, depth - 1)) : [];
  if (message !== "") return error instanceof AggregateError && inner.length > 0 ? `${message}: ${join(inner)}` : message;
  if (inner.length > 0) return join(inner);
  const code = codeOf(error);
  if (code !== "") return code;
  return error.name.trim() === "" || error.name === "Error" ? "an error without a text" : error.name;
}

function innerErrors(error: Error): readonly unknown[] {
  if (error instanceof AggregateError) return error.errors.slice(0, mostCauses);
  return error.cause === undefined || error.cause === error ? [] : [error.cause];
}

function join(texts: readonly string[]): string {
  return [...new Set(texts)].join("; ");
}

function codeOf(error: Error): string {
  return "code" in error && (typeof error.code === "string" || typeof error.code === "number") ? String(error.code).trim() : "";
}

function describeThrown(thrown: unknown): string {
  if (typeof thrown === "string" && thrown.trim() !== "") return thrown;
  if (typeof thrown === "number" || typeof thrown === "bigint" || typeof thrown === "boolean") return String(thrown);
  if (typeof thrown === "object" && thrown !== null && "message" in thrown && typeof thrown.message === "string" && thrown.message.trim() !== "")
    return thrown.message;
  return "an error without a text";
}
