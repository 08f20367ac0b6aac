import { milliseconds, type SteadyClock } from "../../model/time.ts";
import { errorText } from "../../text/error-text.ts";
import { BrokerOffence, guardBroker } from "./mqtt-guard.ts";
import type { NotifierTarget } from "./notifier.ts";
import { openStream } from "./open-stream.ts";

export interface MqttMessage {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

/** One connection with a broker, from its CONNACK to its end. */
export interface MqttConnection {
  /** False: too much waits for the broker's acknowledgement already; `events.ready` says when it is worth asking again. */
  publish(message: MqttMessage): boolean;
  /** Topics whose messages the broker has not acknowledged. */
  unacknowledged(): readonly string[];
  /** Says goodbye with this message. `events.closed` does not follow. */
  close(last: MqttMessage): Promise<void>;
}

export interface MqttConnectionEvents {
  /** There is room again. */
  ready(): void;
  acknowledged(topic: string): void;
  message(topic: string, payload: Buffer, retain: boolean): void;
  /** The broker has answered the subscription. */
  subscribed(isGranted: boolean): void;
  /** The broker keeps a message on this topic, of those to be listed. */
  found(topic: string): void;
  /** Those were all, as far as the broker tells them. */
  listed(): void;
  /** Once, unless close() was called. `isOffence`: the broker sent what it must not. */
  closed(reason: string, isOffence: boolean): void;
}

export interface MqttDial {
  readonly target: NotifierTarget;
  readonly will: MqttMessage;
  /** The only topics on which messages are taken; undefined: none. */
  readonly subscription: { readonly filter: string; readonly isSubscribed: (topic: string) => boolean } | undefined;
  /** Topics to be listed first, of those that the broker keeps messages on; undefined: none. */
  readonly listing: { readonly filter: string; readonly isListed: (topic: string) => boolean } | undefined;
  /** At most this many messages wait for their acknowledgement. */
  readonly window: number;
  readonly clock: SteadyClock;
  /** Ends the dialling. */
  readonly signal: AbortSignal;
}

export const mqttLimits = {
  unacknowledged: 64,
  /** Of messages that wait for their acknowledgement; one message may be larger. */
  unacknowledgedBytes: 256 * 1024,
  /** For connecting, and then for CONNACK. */
  patience: milliseconds(20_000),
  /** For an acknowledgement. */
  silence: milliseconds(60_000),
} as const;

const keepalive = 60; // seconds

/** Why there is no connection, though the broker could be reached. */
export class MqttDialError extends Error {
  readonly isOffence: boolean;

  constructor(message: string, isOffence: boolean) {
    super(message);
    this.isOffence = isOffence;
  }
}

/**
 * Connects, once. Rejects with an Error that says why not. Each connection is a client of MQTT.js of its own, which never dials by itself: what
 * it keeps for a connection ends with that. The library is 369 KB, costs 17 MB of memory, and is unpacked and loaded only here.
 */
export async function openMqttConnection({ target, will, subscription, listing, window, clock, signal }: MqttDial,
  events: MqttConnectionEvents): Promise<MqttConnection> {
  const { MqttClient } = await import("mqtt");
  const url = new URL(target.url);
  const isSecure = url.protocol === "mqtts:";
  const socket = await openStream({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port === "" ? (isSecure ? 8883 : 1883) : url.port),
    ...(isSecure ? { tls: { ca: target.ca } } : {}),
  }, mqttLimits.patience, clock, signal);
  const stream = guardBroker(socket, {
    isSubscribed: subscription?.isSubscribed ?? (() => false),
    clock,
    listing: listing && {
      isListed: listing.isListed,
      found: (topic) => {
        events.found(topic);
      },
    },
  });

  let reason: { readonly text: string; readonly isOffence: boolean } | undefined;
  stream.on("error", (error) => {
    const isOffence = error instanceof BrokerOffence;
    reason ??= { text: isOffence ? `the broker ${error.message}` : errorText(error), isOffence };
  });
  const client = new MqttClient(() => stream, {
    protocolVersion: 4,
    clean: true,
    connectTimeout: mqttLimits.patience,
    reconnectPeriod: 0,
    keepalive,
    queueQoSZero: false,
    resubscribe: false,
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: will.retain },
    ...(target.username === null ? {} : { username: target.username }),
    ...(target.password === null ? {} : { password: target.password }),
  });
  client.on("error", (error) => {
    reason ??= { text: errorText(error), isOffence: false };
    stream.destroy();
  });
  const callOff = (): void => {
    stream.destroy();
  };
  signal.addEventListener("abort", callOff, { once: true });
  if (signal.aborted) callOff();
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => {
      resolve();
    });
    client.once("close", () => {
      reject(new MqttDialError(reason?.text ?? "the broker closed the connection", reason?.isOffence ?? false));
    });
  }).finally(() => {
    signal.removeEventListener("abort", callOff);
  });

  /** In the order in which they were sent. */
  const waiting = new Map<number, { readonly topic: string; readonly bytes: number }>();
  let sent = 0;
  let bytesWaiting = 0;
  let isFull = false;
  let isOver = false;
  let stopWaiting = (): void => undefined;

  const finish = (text: string, isOffence = false): void => {
    if (isOver) return;
    isOver = true;
    stopWaiting();
    stream.destroy();
    client.end(true);
    events.closed(text, isOffence);
  };
  const awaitAcknowledgement = (): void => {
    stopWaiting();
    stopWaiting = waiting.size === 0 ? () => undefined : clock.after(mqttLimits.silence, () => {
      finish(`the broker acknowledged nothing for ${mqttLimits.silence / 1000} s`);
    });
  };
  const acknowledged = (number: number): void => {
    const one = waiting.get(number);
    if (!one || isOver) return;
    waiting.delete(number);
    bytesWaiting -= one.bytes;
    awaitAcknowledgement();
    events.acknowledged(one.topic);
    if (!isFull) return;
    isFull = false;
    events.ready();
  };

  client.on("close", () => {
    finish(reason?.text ?? "the broker closed the connection", reason?.isOffence);
  });
  client.on("message", (topic, payload, { retain }) => {
    if (!isOver) events.message(topic, payload, retain);
  });
  if (subscription) {
    client.subscribe(subscription.filter, { qos: 1 }, (error, granted) => {
      if (!isOver) events.subscribed(!error && granted?.some(({ qos }) => qos > 2) !== true);
    });
  }

  // What it keeps comes behind the SUBACK, and no more is wanted.
  if (listing) {
    client.subscribe(listing.filter, { qos: 0 }, (error) => {
      if (!isOver && !error)
        client.unsubscribe(listing.filter, () => {
          if (!isOver) events.listed();
        });
    });
  }

  return {
    publish({ topic, payload, retain }) {
      const bytes = Buffer.byteLength(payload) + topic.length;
      if (isOver) return false;
      if (waiting.size >= window || (waiting.size > 0 && bytesWaiting + bytes > mqttLimits.unacknowledgedBytes)) {
        isFull = true;
        return false;
      }
      const number = ++sent;
      waiting.set(number, { topic, bytes });
      bytesWaiting += bytes;
      if (waiting.size === 1) awaitAcknowledgement();
      client.publish(topic, payload, { qos: 1, retain }, (error) => {
        if (!error) acknowledged(number);
      });
      return true;
    },
    unacknowledged: () => [...new Set([...waiting.values()].map(({ topic }) => topic))],
    async close(last) {
      isOver = true;
      stopWaiting();
      await new Promise<void>((resolve) => {
        const stop = clock.after(milliseconds(1_000), resolve);
        const done = (): void => {
          stop();
          resolve();
        };
        client.once("close", done);
        client.publish(last.topic, last.payload, { qos: 1, retain: last.retain }, done);
      });
      client.end(true);
      stream.destroy();
    },
  };
}
