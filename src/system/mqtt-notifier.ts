import type { MqttClient } from "mqtt";
import type { Caller } from "../operator/caller.ts";
import type { MitigationView } from "../operator/describe-mitigation.ts";
import type { Reply } from "../operator/dispatch.ts";
import { announceAnswers, announceSensors, describeState } from "../operator/notification-homeassistant.ts";
import type { NotifierSurroundings, NotifierTarget } from "./notifier.ts";
import type { Told } from "./webhook-notifier.ts";

export interface MqttTarget extends NotifierTarget {
  readonly topicPrefix: string;
  readonly homeassistant: boolean;
  readonly commands: boolean;
}

export interface MqttSurroundings extends NotifierSurroundings {
  /** All that the daemon remembers. */
  mitigations(): readonly MitigationView[];
  isConnected(): boolean;
  answer(caller: Caller, method: string, params: unknown): Promise<Reply>;
}

export interface MqttNotifier {
  add(told: Told): void;
  /** Publishes what has changed since it was last published. */
  sync(): void;
  close(): Promise<void>;
}

const mostEvents = 100;
const mostUnacknowledged = 64;
const syncEvery = 10_000; // milliseconds
const keptAfterEnd = 600_000; // milliseconds
const mostCommands = 20; // in syncEvery
const verbs = ["approve", "deny", "release"] as const;

/**
 * Keeps the mitigations as retained topics, and publishes events. The client library is 369 KB, costs 17 MB of memory, and is unpacked and loaded only here.
 * Its own queue has no bound, so nothing is handed to it while the broker is away: retained topics are compared with what was
 * published when it is back, events wait in a list that forgets the oldest.
 */
export async function openMqtt(target: MqttTarget, around: MqttSurroundings): Promise<MqttNotifier> {
  const { connect } = await import("mqtt");
  const { clock, log } = around;
  const prefix = target.topicPrefix;
  const available = { topic: `${prefix}/availability`, qos: 1, retain: true } as const;
  const published = new Map<string, string>();
  const endedAt = new Map<number, number>();
  const events: string[] = [];
  let unacknowledged = 0;
  let commands = 0;
  let lastProblem = "";
  let isClosed = false;

  const client: MqttClient = connect(target.url, {
    protocolVersion: 4, clean: true, connectTimeout: 10_000, reconnectPeriod: 5_000, keepalive: 60, queueQoSZero: false, resubscribe: false,
    will: { ...available, payload: Buffer.from("offline") },
    ...(target.username === null ? {} : { username: target.username }), ...(target.password === null ? {} : { password: target.password }),
    ...(target.ca === undefined ? {} : { ca: target.ca }),
  });
  const complain = (problem: string): void => {
    if (problem !== lastProblem && !isClosed) log("warn", `notify ${target.name}: ${problem}`);
    lastProblem = problem;
  };

  /** False if it cannot be sent now. */
  const publish = (topic: string, payload: string, retain: boolean): boolean => {
    if (!client.connected || unacknowledged >= mostUnacknowledged) return false;
    unacknowledged++;
    client.publish(topic, payload, { qos: 1, retain }, (error) => {
      unacknowledged = Math.max(0, unacknowledged - 1);
      if (error) published.delete(topic);
    });
    return true;
  };
  const keep = (topic: string, payload: string): void => {
    if (published.get(topic) === payload || (payload === "" && !published.has(topic))) return;
    if (publish(topic, payload, true)) {
      if (payload === "") published.delete(topic);
      else published.set(topic, payload);
    }
  };
  const sync = (): void => {
    if (!client.connected) return;
    const mitigations = around.mitigations();
    if (target.homeassistant) for (const { topic, payload } of announceSensors(prefix)) keep(topic, payload);
    keep(`${prefix}/state`, JSON.stringify(describeState(mitigations, around.isConnected())));
    for (const mitigation of mitigations) {
      const { id } = mitigation;
      if (mitigation.state === "ended") endedAt.set(id, endedAt.get(id) ?? clock.now());
      const isOver = mitigation.state === "ended" && clock.now() - (endedAt.get(id) ?? 0) > keptAfterEnd;
      keep(`${prefix}/mitigation/${id}`, isOver ? "" : JSON.stringify(mitigation));
      if (target.homeassistant && target.commands) for (const { topic, payload } of announceAnswers(prefix, mitigation, target.language)) keep(topic, payload);
    }
    const living = new Set(mitigations.map(({ id }) => id));
    for (const topic of published.keys()) {
      const id = topic.startsWith(`${prefix}/mitigation/`) ? Number(topic.slice(prefix.length + 12)) : NaN;
      if (!Number.isNaN(id) && !living.has(id)) keep(topic, "");
    }
    for (const id of endedAt.keys()) if (!living.has(id)) endedAt.delete(id);
    while (events[0] !== undefined && publish(`${prefix}/event`, events[0], false)) events.shift();
  };

  client.on("connect", () => {
    unacknowledged = 0;
    published.clear(); // the broker may have lost what it kept
    lastProblem = "";
    log("info", `notify ${target.name}: connected`);
    client.publish(available.topic, "online", { qos: 1, retain: true });
    if (target.commands) {
      client.subscribe(`${prefix}/mitigation/+/set`, { qos: 1 }, (error, granted) => {
        if (error ?? granted?.some(({ qos }) => qos > 2)) complain("the broker does not let us subscribe to commands, see its access rules");
      });
    }
    sync();
  });
  client.on("error", (error) => { complain(error.message); });
  client.on("close", () => { complain("no connection with the broker; it is tried again"); });

  client.on("message", (topic, payload, packet) => {
    if (!target.commands) return;
    const id = Number(/^\/mitigation\/([1-9]\d{0,14})\/set$/.exec(topic.startsWith(prefix) ? topic.slice(prefix.length) : "")?.[1]);
    const verb = payload.length <= 16 ? verbs.find((each) => each === payload.toString("utf8")) : undefined;
    // One that the broker kept would be obeyed again at each connection.
    if (packet.retain || Number.isNaN(id) || verb === undefined) {
      complain("something that is no command came on the command topic; it is ignored");
      return;
    }
    if (++commands > mostCommands) {
      complain("too many commands; they are ignored");
      return;
    }
    void around.answer({ via: "mqtt", who: target.name, mayChange: true }, verb, { id }).then(sync, () => undefined);
  });

  let stopTicking = (): void => undefined;
  const tick = (): void => {
    commands = 0;
    sync();
    stopTicking = clock.after(syncEvery, tick);
  };
  tick();

  return {
    add({ notification, announcement }) {
      events.push(JSON.stringify({ ...notification, about: announcement.about }));
      if (events.length > mostEvents) events.shift();
      sync();
    },
    sync,
    async close() {
      isClosed = true;
      stopTicking();
      if (client.connected) {
        await new Promise<void>((resolve) => {
          const stop = clock.after(1_000, resolve);
          client.publish(available.topic, "offline", { qos: 1, retain: true }, () => { stop(); resolve(); });
        });
      }
      client.end(true);
    },
  };
}
