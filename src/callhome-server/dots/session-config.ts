import { seconds, type Seconds } from "../../model/time.ts";
import { BodyError } from "../cbor/body-error.ts";
import { readBody, writeBody, type TypeOf } from "../cbor/schema.ts";
import { SignalConfigBody } from "./messages.ts";

/** One set of negotiable parameters (RFC 9132 §4.5.1); seconds, bytes/second, counts. */
export interface ChannelParameters {
  /** 0 = heartbeats are off. */
  readonly heartbeatInterval: number;
  readonly missingHbAllowed: number;
  readonly probingRate: number;
  readonly maxRetransmit: number;
  readonly ackTimeout: number;
  readonly ackRandomFactor: number;
}

/** The configuration of one session; each set applies in its time (RFC 9132 §4.5). */
export interface SessionConfig {
  readonly sid: number | null;
  readonly mitigating: ChannelParameters;
  readonly idle: ChannelParameters;
}

type Name = keyof ChannelParameters;
interface Range {
  readonly min: number;
  readonly max: number;
}

/** What we accept: the acceptable values of RFC 9132 figure 20. NAT bindings need the heartbeat at 15-240 s (§4.5.2). */
const ranges: Readonly<Record<Name, Range>> = {
  heartbeatInterval: { min: 15, max: 240 },
  missingHbAllowed: { min: 3, max: 20 },
  probingRate: { min: 5, max: 20 },
  maxRetransmit: { min: 2, max: 15 },
  ackTimeout: { min: 1, max: 30 },
  ackRandomFactor: { min: 1.1, max: 4 },
};
const names = Object.keys(ranges) as Name[];
const isDecimal = (name: Name): boolean => name === "ackTimeout" || name === "ackRandomFactor";

/** The RECOMMENDED values of RFC 9132 §4.5.2. */
const defaults: ChannelParameters = {
  heartbeatInterval: 30,
  missingHbAllowed: 15,
  probingRate: 5,
  maxRetransmit: 3,
  ackTimeout: 2,
  ackRandomFactor: 1.5,
};
/** Heartbeats at most so far apart keep the bindings of most NATs (RFC 9132 §4.5.2); a path that has shown otherwise needs them closer. */
export const longestHeartbeat = seconds(ranges.heartbeatInterval.max);

/** The defaults on a path that needs a heartbeat every `longest` seconds at least (RFC 9066 §5.2.1). */
export function defaultSessionConfig(longest: Seconds = longestHeartbeat): SessionConfig {
  const adjusted = { ...defaults, heartbeatInterval: Math.min(defaults.heartbeatInterval, longest) };
  return { sid: null, mitigating: adjusted, idle: adjusted };
}

/** What a path is given the benefit of after it fell silent with heartbeats so far apart: half, but not below the least that RFC 8085 allows. */
export function closerHeartbeat(interval: Seconds): Seconds {
  return seconds(Math.max(ranges.heartbeatInterval.min, Math.floor(interval / 2)));
}

type WireConfig = TypeOf<typeof SignalConfigBody>["signalConfig"];
type WireSet = NonNullable<WireConfig["idleConfig"]>;

/** What a PUT to 'config' asks for, or why it is refused (RFC 9132 §4.5.2). */
export function readSessionConfig(sid: number, payload: Uint8Array, longest: Seconds = longestHeartbeat): SessionConfig | {
  readonly code: "4.00" | "4.22";
  readonly diagnostic: string;
} {
  let wire: WireConfig;
  try {
    wire = readBody(SignalConfigBody, payload).signalConfig;
  } catch (error) {
    if (error instanceof BodyError) return { code: "4.00", diagnostic: error.message };
    throw error;
  }
  const mitigating = readSet(wire.mitigatingConfig);
  const idle = readSet(wire.idleConfig);
  if (Object.keys(mitigating).length + Object.keys(idle).length === 0) return { code: "4.00", diagnostic: "no parameter with a current value" };
  for (const set of [mitigating, idle]) {
    for (const name of names) {
      const value = set[name];
      const range = rangeOf(name, longest);
      if (value === undefined || isAcceptable(name, value, range)) continue;
      return { code: "4.22", diagnostic: `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} must be from ${range.min} to ${range.max}` };
    }
  }
  // §4.5.2: what is not negotiated has its default value.
  const start = defaultSessionConfig(longest);
  return { sid, mitigating: { ...start.mitigating, ...mitigating }, idle: { ...start.idle, ...idle } };
}

/** The answer to a GET on 'config': current and acceptable values of both sets (RFC 9132 §4.5.1). */
export function sessionConfigBody(config: SessionConfig, longest: Seconds = longestHeartbeat): Uint8Array {
  return writeBody(SignalConfigBody, { signalConfig: { mitigatingConfig: writeSet(config.mitigating, longest), idleConfig: writeSet(config.idle, longest) } });
}

function rangeOf(name: Name, longest: Seconds): Range {
  return name === "heartbeatInterval" ? { ...ranges[name], max: Math.min(ranges[name].max, longest) } : ranges[name];
}

function isAcceptable(name: Name, value: number, range: Range): boolean {
  if (name === "heartbeatInterval" && value === 0) return true; // §4.5.1: 0 disables the mechanism
  return value >= range.min && value <= range.max;
}

function readSet(set: WireSet | undefined): Partial<ChannelParameters> {
  const read: Partial<Record<Name, number>> = {};
  if (!set) return read;
  for (const name of names) {
    const entry = set[name];
    const value = entry && ("currentValueDecimal" in entry ? entry.currentValueDecimal : "currentValue" in entry ? entry.currentValue : undefined);
    if (value !== undefined) read[name] = value;
  }
  return read;
}

function writeSet(set: ChannelParameters, longest: Seconds): WireSet {
  const entry = (name: Name): object =>
    isDecimal(name)
      ? { maxValueDecimal: ranges[name].max, minValueDecimal: ranges[name].min, currentValueDecimal: set[name] }
      : { maxValue: rangeOf(name, longest).max, minValue: ranges[name].min, currentValue: set[name] };
  return Object.fromEntries(names.map((name) => [name, entry(name)]));
}
