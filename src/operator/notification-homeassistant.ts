import type { MitigationView } from "./describe-mitigation.ts";
import { composeNotification } from "./notification.ts";
import type { Language } from "./notification-words.ts";

/** A retained message for Home Assistant's MQTT discovery; an empty payload takes back what was announced. */
export interface DiscoveryMessage {
  readonly topic: string;
  readonly payload: string;
}

/** `P/state`, which the sensors read. */
export function describeState(mitigations: readonly MitigationView[], connected: boolean): object {
  const of = (state: MitigationView["state"]): MitigationView[] => mitigations.filter((each) => each.state === state);
  return {
    pending: of("pending").length,
    blocked: of("active").filter(({ action }) => action !== "observe").length,
    packets_stopped: mitigations.reduce((sum, { dropped }) => sum + dropped.packets, 0),
    provider: connected ? "ON" : "OFF",
  };
}

/** The sensors of the daemon, for MQTT discovery of Home Assistant. */
export function announceSensors(prefix: string): readonly DiscoveryMessage[] {
  const node = nodeOf(prefix);
  const sensor = (platform: "sensor" | "binary_sensor", field: string, name: string, more: object): [string, object] => [field, {
    platform,
    name,
    unique_id: `${node}_${field}`,
    default_entity_id: `${platform}.${entityOf(prefix)}_${field}`,
    state_topic: `${prefix}/state`,
    value_template: `{{ value_json.${field} }}`,
    ...more,
  }];
  return [{
    topic: `homeassistant/device/${node}/config`,
    payload: JSON.stringify({
      ...common(prefix),
      components: Object.fromEntries([
        sensor("sensor", "pending", "Questions", { icon: "mdi:help-circle" }),
        sensor("sensor", "blocked", "Blocked", { icon: "mdi:shield-check" }),
        sensor("sensor", "packets_stopped", "Packets stopped", { state_class: "total", icon: "mdi:shield" }),
        sensor("binary_sensor", "provider", "Internet provider", { device_class: "connectivity" }),
      ]),
    }),
  }];
}

const answers = ["approve", "deny"] as const;

/** Two buttons for each question, as long as it waits. */
export function announceAnswers(prefix: string, mitigation: MitigationView, language: Language): readonly DiscoveryMessage[] {
  const { title, actions } = composeNotification({ event: "request", about: mitigation }, language);
  return answers.map((does, at) => {
    const action = mitigation.state === "pending" ? actions.find((each) => each.does === does) : undefined;
    return {
      topic: answerTopics(prefix, mitigation.id)[at] ?? "",
      payload: action === undefined ? "" : JSON.stringify({
        name: `${title}: ${action.label}`,
        unique_id: `${nodeOf(prefix)}_${mitigation.id}_${does}`,
        default_entity_id: `button.${entityOf(prefix)}_${mitigation.id}_${does}`,
        command_topic: `${prefix}/mitigation/${mitigation.id}/set`,
        payload_press: does,
        ...common(prefix),
      }),
    };
  });
}

/** The topics of its buttons. */
export function answerTopics(prefix: string, id: number): string[] {
  return answers.map((does) => `homeassistant/button/${nodeOf(prefix)}/${id}_${does}/config`);
}

/** The mitigation that a button's topic belongs to; undefined for any other topic. */
export function answerOf(prefix: string, topic: string): number | undefined {
  const start = `homeassistant/button/${nodeOf(prefix)}/`;
  const id = topic.startsWith(start) ? /^(\d{1,15})_(?:approve|deny)\/config$/.exec(topic.slice(start.length))?.[1] : undefined;
  return id === undefined ? undefined : Number(id);
}

function nodeOf(prefix: string): string {
  return prefix.replace(/[^A-Za-z0-9_-]/g, "_");
}

/** As Home Assistant writes entities: lower case, digits and underscores. */
function entityOf(prefix: string): string {
  return nodeOf(prefix).toLowerCase().replaceAll("-", "_");
}

/** `origin` is required with device-based discovery (https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery). */
function common(prefix: string): object {
  return {
    origin: { name: "dots-callhome" },
    availability_topic: `${prefix}/availability`,
    device: { identifiers: [nodeOf(prefix)], name: "dots-callhome", model: "Outgoing attacks" },
  };
}
