import { excerpt } from "../../text/escape-text.ts";
import { fail, type Failed } from "../../operator/methods.ts";

/** A request of the control socket; `method` and `params` are checked by the dispatcher. */
export interface ControlRequest {
  /** Goes back with the answer: a number or a text. */
  readonly id: number | string | null;
  readonly method: unknown;
  readonly params: unknown;
  /** The person, as the client knows them; null if it does not say. */
  readonly who: string | null;
}

const deepest = 8; // levels of [] and {}; the deepest parameter has three

/** Reads `{"id":1,"method":"approve","params":{"id":17}}`. */
export function readRequest(line: Uint8Array): ControlRequest | Failed {
  let request: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(line);
    if (depthOf(text) > deepest) return fail("bad-request", `the request is nested more than ${deepest} levels deep`);
    request = JSON.parse(text);
  } catch {
    return fail("bad-request", "the line is not JSON");
  }
  if (typeof request !== "object" || request === null || Array.isArray(request)) return fail("bad-request", "the request is not a JSON object");
  const { id = null, method, params, who } = request as Partial<Record<"id" | "method" | "params" | "who", unknown>>;
  if (id !== null && typeof id !== "number" && typeof id !== "string") return fail("bad-request", "id is neither a number nor a text");
  if (method === undefined) return fail("bad-request", 'the request has no method, expected {"id":1,"method":"status"}');
  return { id, method, params, who: typeof who === "string" && who !== "" ? excerpt(who, 64) : null };
}

/** How deep a JSON text nests, without parsing it: JSON.parse() is recursive. */
function depthOf(text: string): number {
  let depth = 0;
  let greatest = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted) {
      if (character === "\\") at++;
      else if (character === '"') isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === "{" || character === "[") greatest = Math.max(greatest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return greatest;
}
