import { describeCaller, type Caller } from "./caller.ts";
import { excerpt } from "../text/escape-text.ts";
import { fail, methods, type Failed, type Method, type MethodName, type OperatorActions } from "./methods.ts";
import { isRecord } from "../text/is-record.ts";

/** The answer to a request, as every way in sends it. */
export type Reply = { readonly result: object } | Failed;

/** Those who hear of what callers do: for the log. */
export interface DispatchLog {
  /** An action threw: a bug, or broken I/O. */
  fault(method: MethodName, error: unknown): void;
  /** Somebody changed something, or tried to: a line for the log. */
  changed(line: string): void;
}

/**
 * Checks a request and its caller against the table of methods and has the actions answer it. `method` and `params` may be
 * anything. Never rejects: what an action throws goes to the log, the caller hears `internal`.
 */
export async function dispatch(actions: OperatorActions, caller: Caller, method: unknown, params: unknown, log: DispatchLog): Promise<Reply> {
  if (!isMethodName(method)) {
    return fail("unknown-method",
      `there is no method ${typeof method === "string" ? `'${excerpt(method, 40)}'` : "of that kind"}, expected ${Object.keys(methods).join(", ")}`);
  }
  const { changes } = methods[method];
  if (changes && !caller.mayChange) {
    log.changed(`${method} refused to ${describeCaller(caller)}: no right to change anything`);
    return fail("forbidden", `you may look, but not change anything: ${method} needs the right to`);
  }
  const read = readParams(methods[method], params);
  if ("error" in read) return read;
  const reply = await act(actions, caller, method, read.params, log);
  if (changes)
    log.changed(`${[method, ...textsOf(read.params)].join(" ")} by ${describeCaller(caller)}${"error" in reply ? `: refused, ${reply.error.message}` : ""}`);
  return reply;
}

async function act(actions: OperatorActions, caller: Caller, method: MethodName, params: ReadParams, log: DispatchLog): Promise<Reply> {
  try {
    // The table and OperatorActions agree on the types of each method's parameters (ParamsOf); here they are looked up by name.
    const action = actions[method].bind(actions) as (params: ReadParams, caller: Caller) => unknown;
    const answer = await action(params, caller);
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) throw new Error(`method ${method} answered with something else than an object`);
    return isFailed(answer) ? answer : { result: answer };
  } catch (error) {
    log.fault(method, error);
    return fail("internal", "something went wrong inside the daemon, its log says what");
  }
}

/** What was read, and so was bounded. Methods that change something have no other kinds of values. */
function textsOf(params: ReadParams): unknown[] {
  return Object.values(params).filter((value) => typeof value === "string" || typeof value === "number");
}

/** Whether there is a control method of this name. */
function isMethodName(name: unknown): name is MethodName {
  return typeof name === "string" && Object.hasOwn(methods, name);
}

type ReadParams = Readonly<Record<string, unknown>>;

/** Reads parameters by the method's table. Null is as good as absent: ubus and JavaScript callers send it. */
export function readParams(method: Method, given: unknown): { readonly params: ReadParams } | Failed {
  const object: unknown = given ?? {};
  if (!isRecord(object)) return fail("bad-params", "the parameters are not a JSON object");
  for (const name of Object.keys(object)) {
    // rpcd and uhttpd add their session to every call (ubus_rpc_session).
    if (Object.hasOwn(method.params, name) || name.startsWith("ubus_")) continue;
    const known = Object.keys(method.params);
    return fail("bad-params", `there is no parameter '${excerpt(name, 40)}' here, expected ${known.length === 0 ? "none" : known.join(", ")}`);
  }
  const params: Record<string, unknown> = {};
  for (const [name, parameter] of Object.entries(method.params)) {
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    if (value === undefined || value === null) {
      if (parameter.required) return fail("bad-params", `${name} is missing: ${parameter.help}`);
      continue;
    }
    const reading = parameter.read(value);
    if ("expected" in reading) return fail("bad-params", `${name}: expected ${reading.expected}`);
    params[name] = reading.value;
  }
  // An empty list restricts nothing, so a required one must not be empty.
  const empty = Object.entries(method.params).find(([name, parameter]) => parameter.required && isEmptyList(params[name]));
  return empty ? fail("bad-params", `${empty[0]} is empty: ${empty[1].help}`) : { params };
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isFailed(answer: object): answer is Failed {
  return "error" in answer;
}
