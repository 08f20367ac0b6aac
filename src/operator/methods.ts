import type { AttackFlows } from "../model/mitigation-request.ts";
import type { Caller } from "./caller.ts";
import type { DeviceView } from "./describe-device.ts";
import type { HistoryView } from "./describe-history.ts";
import type { LookupView } from "./describe-lookup.ts";
import type { MitigationView } from "./describe-mitigation.ts";
import type { TrafficListView } from "./describe-traffic.ts";
import type { StatusView } from "./describe-status.ts";
import {
  macAddress,
  oneOf,
  optional,
  portRanges,
  prefixes,
  protocols,
  required,
  sectionName,
  wholeNumber,
  type OptionalParameter,
  type Parameter,
  type RequiredParameter,
} from "./parameters.ts";

/** A control method, for every way in: control socket, command line, ubus, MQTT. */
export interface Method {
  readonly help: string;
  /** Whether it changes anything; what only reads may be open to more callers (rpcd ACL). */
  readonly changes: boolean;
  readonly params: Readonly<Record<string, Parameter<unknown>>>;
}

const id = required(wholeNumber(1, Number.MAX_SAFE_INTEGER), "number of the mitigation, as list shows it");

/** All control methods, once. Names and parameters are those of the contract. */
export const methods = {
  status: { help: "sessions with the upstreams, counts, warnings", changes: false, params: {} },
  list: {
    help: "mitigations, newest first",
    changes: false,
    params: { state: optional(oneOf("pending", "active", "terminating", "ended"), "only those in this state") },
  },
  approve: {
    help: "stop the device's traffic to the target, as the provider asks",
    changes: true,
    params: {
      id,
      action: optional(oneOf("block", "limit", "quarantine"), "instead of the device's or the default action"),
      seconds: optional(wholeNumber(1, 366 * 86_400), "for how long; default: as long as the request lives"),
    },
  },
  deny: { help: "this is not an attack: leave the device alone and tell the provider", changes: true, params: { id } },
  release: { help: "end a block now", changes: true, params: { id } },
  devices: { help: "devices that have been reported", changes: false, params: {} },
  policy: {
    help: "what to do about a device from now on",
    changes: true,
    params: {
      mac: required(macAddress, "the device"),
      policy: required(oneOf("ask", "auto", "never"), "ask the owner, act at once, or never touch it"),
    },
  },
  history: {
    help: "ended mitigations and decisions, newest first",
    changes: false,
    params: { limit: optional(wholeNumber(1, 1000), "the most entries to show; default 50") },
  },
  lookup: {
    help: "which device a report would point to now, and why",
    changes: false,
    params: {
      source: required(prefixes, "where the attack comes from, as seen from outside the home"),
      source_port: optional(portRanges, "port or range A-B that it comes from"),
      target: required(prefixes, "what is attacked"),
      target_port: optional(portRanges, "port or range A-B that is attacked"),
      protocol: optional(protocols, "IP protocol, number or name"),
    },
  },
  test: {
    help: "send a sample message to a receiver of messages",
    changes: true,
    params: { notify: required(sectionName, "the receiver's name in the configuration, or its type where it has none") },
  },
  traffic: {
    help: "packets a second that reported devices send, over the last minutes; counted only while somebody asks",
    changes: false,
    params: {},
  },
  reconnect: {
    help: "drop the session with an upstream and dial again at once",
    changes: true,
    params: { upstream: optional(sectionName, "its name in the configuration; default: all") },
  },
} as const satisfies Readonly<Record<string, Method>>;

export type MethodName = keyof typeof methods;

/** The parameters of a method, read and checked. Absent ones are absent, never undefined. */
export type ParamsOf<Name extends MethodName> = ReadParams<(typeof methods)[Name]["params"]>;
type ReadParams<Table> =
  & { readonly [Key in keyof Table as Table[Key] extends RequiredParameter<unknown> ? Key : never]: ValueOf<Table[Key]> }
  & { readonly [Key in keyof Table as Table[Key] extends OptionalParameter<unknown> ? Key : never]?: ValueOf<Table[Key]> };
type ValueOf<P> = P extends Parameter<infer T> ? T : never;

export type OperatorErrorCode =
  | "bad-request" // not a JSON object with a method
  | "unknown-method"
  | "bad-params"
  | "not-found" // no such mitigation, device or upstream
  | "wrong-state" // e.g. approved after it had ended
  | "forbidden" // the caller may only look
  | "busy"
  | "internal"
  | "unreachable"
  | "timeout"; // made by the client: no daemon there, or it does not answer

/** Why a method did not do what was asked; `message` is for the person who asked. */
export interface OperatorError {
  readonly code: OperatorErrorCode;
  readonly message: string;
}

export interface Failed {
  readonly error: OperatorError;
}

/** What a method answers: a view that JSON can carry, or why not. Sync or async. */
export type Answer<View> = View | Failed | Promise<View | Failed>;

/** What a decision has made of a mitigation. */
export interface DecidedView extends MitigationView {
  /** Requests about the same device that waited for the same answer. */
  readonly also?: readonly number[];
}

/** What became of a sample message. */
export interface TestView {
  readonly notify: string;
  readonly delivered: boolean;
  /** Why it was not, in words. */
  readonly problem: string | null;
}

/** What the pipeline does for an operator: one function a method. Results are objects, as ubus carries tables only. */
export interface OperatorActions {
  status(params: ParamsOf<"status">): Answer<StatusView>;
  list(params: ParamsOf<"list">): Answer<{ readonly mitigations: readonly MitigationView[] }>;
  approve(params: ParamsOf<"approve">, caller: Caller): Answer<DecidedView>;
  deny(params: ParamsOf<"deny">, caller: Caller): Answer<DecidedView>;
  release(params: ParamsOf<"release">, caller: Caller): Answer<DecidedView>;
  devices(params: ParamsOf<"devices">): Answer<{ readonly devices: readonly DeviceView[] }>;
  policy(params: ParamsOf<"policy">, caller: Caller): Answer<DeviceView>;
  history(params: ParamsOf<"history">): Answer<{ readonly history: readonly HistoryView[] }>;
  lookup(params: ParamsOf<"lookup">): Answer<LookupView>;
  test(params: ParamsOf<"test">, caller: Caller): Answer<TestView>;
  traffic(params: ParamsOf<"traffic">): Answer<TrafficListView>;
  reconnect(params: ParamsOf<"reconnect">, caller: Caller): Answer<{ readonly upstreams: readonly string[] }>;
}

/** What a method answers when it succeeds. */
export type ResultOf<Name extends MethodName> = Exclude<Awaited<ReturnType<OperatorActions[Name]>>, Failed>;

/** For actions: `return fail("not-found", "there is no mitigation 17")`. */
export function fail(code: OperatorErrorCode, message: string): Failed {
  return { error: { code, message } };
}

/** The flows that `lookup` asks about. */
export function toAttackFlows(asked: ParamsOf<"lookup">): AttackFlows {
  return {
    source: { prefixes: asked.source, ports: asked.source_port ?? [], icmpTypes: [] },
    target: { prefixes: asked.target, ports: asked.target_port ?? [], protocols: asked.protocol ?? [], fqdns: [], uris: [] },
  };
}
