import type { Caller } from "./caller.ts";
import { excerpt } from "./escape-text.ts";
import type { MethodName } from "./methods.ts";

/** What a message to `P/mitigation/ID/set` asks for: a method to be dispatched, or why it is not honoured, for the log. */
export type MqttCommand =
  | { readonly method: MethodName; readonly params: { readonly id: number }; readonly caller: Caller }
  | { readonly refused: string };

export interface MqttMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
}

export interface MqttCommandOptions {
  /** `topic_prefix` of the notify section. */
  readonly prefix: string;
  /** `commands '1'` of the notify section: whoever may write to the topic at the broker may then decide. */
  readonly commands: boolean;
  /** Name of the notify section, for history and log: MQTT does not say who sent a message. */
  readonly name: string;
}

const words = ["approve", "deny", "release"] as const;
const longestPayload = 64; // bytes

/** The topic to subscribe to. */
export function mqttCommandTopic(prefix: string): string {
  return `${prefix}/mitigation/+/set`;
}

/** Undefined if the topic is none for commands. */
export function readMqttCommand({ topic, payload, retained }: MqttMessage, { prefix, commands, name }: MqttCommandOptions): MqttCommand | undefined {
  const [before, after] = [`${prefix}/mitigation/`, "/set"];
  if (!topic.startsWith(before) || !topic.endsWith(after) || topic.length < before.length + after.length) return undefined;
  const idText = topic.slice(before.length, -after.length);
  const refuse = (why: string): MqttCommand => ({ refused: `MQTT command to ${excerpt(topic, 80)} ignored: ${why}` });
  if (!commands) return refuse("commands are off, option commands '1' of the notify section turns them on");
  // The broker would give it again at every connection, and to the wrong mitigation after a change of memory.
  if (retained) return refuse("it is retained");
  if (!/^[1-9]\d{0,14}$/.test(idText)) return refuse("its topic has no mitigation's number");
  if (payload.length > longestPayload) return refuse(`it is longer than ${longestPayload} bytes`);
  const text = new TextDecoder().decode(payload).trim();
  const method = words.find((word) => word === text);
  if (method === undefined) return refuse(`'${excerpt(text, 40)}' is not ${words.join(", ").replace(/, ([^,]*)$/, " or $1")}`);
  return { method, params: { id: Number(idText) }, caller: { via: "mqtt", who: name, mayChange: true } };
}
