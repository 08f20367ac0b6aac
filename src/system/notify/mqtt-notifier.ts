import type { Caller } from "../../operator/caller.ts";
import type { MitigationView } from "../../operator/describe-mitigation.ts";
import type { Reply } from "../../operator/dispatch.ts";
import { announceAnswers, answerOf, answerTopics, announceSensors, describeState } from "../../operator/notification-homeassistant.ts";
import { errorText } from "../../text/error-text.ts";
import { MqttDialError, mqttLimits, openMqttConnection, type MqttConnection, type MqttDial, type MqttMessage } from "./mqtt-connection.ts";
import { createMqttDenials } from "./mqtt-denials.ts";
import type { NotifierDeps, NotifierTarget } from "./notifier.ts";
import type { Told } from "./webhook-notifier.ts";
import { between, milliseconds, type SteadyInstant } from "../../model/time.ts";

export interface MqttTarget extends NotifierTarget {
  readonly topicPrefix: string;
  readonly homeassistant: boolean;
  readonly commands: boolean;
}

export interface MqttDeps extends NotifierDeps {
  /** All that the daemon remembers. */
  mitigations(): readonly MitigationView[];
  isConnected(): boolean;
  answer(caller: Caller, method: string, params: unknown): Promise<Reply>;
}

export interface MqttNotifier {
  add(told: Told): void;
  /** Publishes it now; rejects with why the broker does not have it. */
  try(told: Told): Promise<void>;
  /** Publishes what has changed since it was last published. */
  sync(): void;
  /** Dials now, instead of when it is next due. */
  retryNow(): void;
  warnings(): readonly string[];
  close(): Promise<void>;
}

const mostEvents = 100;
const mostEventBytes = 256 * 1024;
const syncEvery = milliseconds(10_000);
const keptAfterEnd = milliseconds(600_000);
/** So long a test waits for the broker. */
const tryFor = milliseconds(10_000);
const mostCommands = 20; // in syncEvery
const verbs = ["approve", "deny", "release"] as const;
/** Until the next attempt: 5 s, 10 s, 20 s … 5 minutes; a broker that sends what it must not is left alone for a minute at least. */
const wait = { first: 5_000, afterOffence: 60_000, longest: 300_000 } as const; // milliseconds
/** A connection that lasts this long resets the waits. */
const settledAfter = milliseconds(60_000);
/** After this many in a row, no commands are asked for: offences, perhaps by what others write to their topic, and ends over the subscription. */
const mostOffences = 3;
/** How often the broker is asked which mitigations it still keeps of an earlier run: some brokers end a connection over a subscription that they do not allow. */
const mostListings = 2;
/** Topics that are known at a time: three for each mitigation, living or of an earlier run. */
const mostTopics = 4_096;
/** So long nothing is sent of a kind that the broker denies, and no commands are asked for again. */
const deniedFor = milliseconds(3_600_000);

/**
 * Keeps the mitigations as retained topics, and publishes events. Nothing is handed on while the broker is away: retained topics are
 * compared with what was published on this connection, events wait in a list that forgets the oldest.
 */
export function openMqtt(target: MqttTarget, around: MqttDeps): MqttNotifier {
  const { clock, log } = around;
  const prefix = target.topicPrefix;
  const available = (payload: "online" | "offline"): MqttMessage => ({ topic: `${prefix}/availability`, payload, retain: true });
  /** What is kept at the broker; null: something that was published before this connection. */
  const published = new Map<string, string | null>();
  const endedAt = new Map<number, SteadyInstant>();
  const events: string[] = [];
  /** Who waits for the broker to take an event. */
  const taken: (() => void)[] = [];
  const denials = createMqttDenials();
  let connection: MqttConnection | undefined;
  let dialling: AbortController | undefined;
  let hasTaken = false;
  /** Whether commands were asked for on this connection, and the broker has yet to answer that. */
  let [takesCommands, awaitsAnswer] = [false, false];
  let isListed = false;
  let listings = 0;
  let [failures, offences, commands] = [0, 0, 0];
  let problem: string | undefined;
  let cannotSubscribe = false;
  let isClosed = false;
  const nothing = (): void => undefined;
  const stops = { dial: nothing, settle: nothing, tick: nothing, forgive: nothing, askAgain: nothing };

  const idOf = (topic: string): number | undefined => {
    const id = topic.startsWith(`${prefix}/mitigation/`) ? /^[1-9]\d{0,14}$/.exec(topic.slice(prefix.length + 12))?.[0] : undefined;
    return id === undefined ? undefined : Number(id);
  };
  const isMitigationTopic = (topic: string): boolean => topic.startsWith(`${prefix}/mitigation/`) && !topic.slice(prefix.length + 12).includes("/");
  const isCommandTopic = (topic: string): boolean => topic.startsWith(`${prefix}/mitigation/`) && /^\/mitigation\/[^/]+\/set$/.test(topic.slice(prefix.length));
  /** Topics that share an access rule, as one would write them for the broker. */
  const kindOf = (topic: string): string =>
    topic.startsWith(`${prefix}/mitigation/`) ? `${prefix}/mitigation/+` : topic.startsWith("homeassistant/") ? "homeassistant/#" : topic;

  const complain = (next: string): void => {
    if (!isClosed) log("warn", `notify ${target.name}: ${next}`);
  };

  /** What is to be at the broker, in the order in which it matters. */
  const wanted = (): MqttMessage[] => {
    const mitigations = around.mitigations();
    const living = new Set(mitigations.map(({ id }) => id));
    const messages = [available("online"), {
      topic: `${prefix}/state`,
      payload: JSON.stringify(describeState(mitigations, around.isConnected())),
      retain: true,
    }];
    for (const mitigation of mitigations) {
      const { id } = mitigation;
      const now = clock.now();
      const ended = endedAt.get(id) ?? now;
      if (mitigation.state === "ended") endedAt.set(id, ended);
      const isOver = mitigation.state === "ended" && between(ended, now) > keptAfterEnd;
      messages.push({ topic: `${prefix}/mitigation/${id}`, payload: isOver ? "" : JSON.stringify(mitigation), retain: true });
    }
    for (const topic of published.keys()) {
      const [id, answers] = [idOf(topic), answerOf(prefix, topic)];
      if ((id !== undefined && !living.has(id)) || (answers !== undefined && (!living.has(answers) || !target.commands)))
        messages.push({ topic, payload: "", retain: true });
    }
    for (const id of endedAt.keys()) if (!living.has(id)) endedAt.delete(id);
    return messages;
  };
  /** Last: at many brokers not even allowed. */
  const discovery = (): MqttMessage[] => (!target.homeassistant ? [] : [
    ...announceSensors(prefix),
    ...(target.commands ? around.mitigations().flatMap((mitigation) => announceAnswers(prefix, mitigation, target.language)) : []),
  ].map((message) => ({ ...message, retain: true })));

  /** False: no more can be sent now. */
  const keep = ({ topic, payload, retain }: MqttMessage): boolean => {
    if (published.get(topic) === payload || (payload === "" && !published.has(topic))) return true;
    if (denials.isLeftOut(kindOf(topic))) return true;
    if (!connection?.publish({ topic, payload, retain })) return false;
    if (payload === "") published.delete(topic);
    else published.set(topic, payload);
    return true;
  };
  const sendEvents = (): boolean => {
    const topic = `${prefix}/event`;
    if (denials.isLeftOut(kindOf(topic))) events.length = 0;
    while (events[0] !== undefined) {
      if (!connection?.publish({ topic, payload: events[0], retain: false })) return false;
      events.shift();
    }
    return true;
  };
  const sync = (): void => {
    if (!connection || isClosed) return;
    // What was once denied comes behind all else.
    const steps = [
      ...wanted().map((message) => ({ rank: denials.rank(kindOf(message.topic)), send: () => keep(message) })),
      { rank: denials.rank(`${prefix}/event`), send: sendEvents },
      ...discovery().map((message) => ({ rank: denials.rank(kindOf(message.topic)), send: () => keep(message) })),
    ].sort((a, b) => a.rank - b.rank);
    steps.every(({ send }) => send());
  };

  const obey = (topic: string, payload: Buffer, retain: boolean): void => {
    const id = Number(/^\/mitigation\/([1-9]\d{0,14})\/set$/.exec(topic.slice(prefix.length))?.[1]);
    const verb = payload.length <= 16 ? verbs.find((each) => each === payload.toString("utf8")) : undefined;
    if (++commands > mostCommands) {
      if (commands === mostCommands + 1) complain("too many commands; they are ignored");
      return;
    }
    // One that the broker kept would be obeyed again at each connection.
    if (retain || Number.isNaN(id) || verb === undefined) {
      complain("something that is no command came on the command topic; it is ignored");
      return;
    }
    void around.answer({ via: "mqtt", who: target.name, mayChange: true }, verb, { id }).then(sync, () => undefined);
  };

  /** An earlier run has left it at the broker, perhaps with its buttons. */
  const found = (topic: string): void => {
    const id = idOf(topic);
    if (id === undefined) return;
    for (const each of [topic, ...(target.homeassistant ? answerTopics(prefix, id) : [])]) {
      if (!published.has(each) && published.size < mostTopics) published.set(each, null);
    }
  };

  const dialLater = (reason: string, isOffence: boolean): void => {
    if (isClosed) return;
    failures++;
    const delay = Math.min(wait.longest, Math.max(isOffence ? wait.afterOffence : 0, wait.first * 2 ** Math.min(failures - 1, 10)));
    problem = reason;
    complain(`no connection with the broker: ${reason}; next attempt in ${delay / 1000} s`);
    stops.dial = clock.after(milliseconds(delay), dial);
  };
  const ended = (reason: string, isOffence: boolean): void => {
    const waiting = connection?.unacknowledged().map(kindOf) ?? [];
    connection = undefined;
    stops.settle();
    stops.askAgain();
    const isOverCommands = isOffence || awaitsAnswer;
    offences = isOverCommands ? offences + 1 : 0;
    const leftOut = isOverCommands ? undefined : denials.ended(waiting, hasTaken);
    if (leftOut !== undefined) {
      complain(`the broker ends the connection over ${leftOut}; it is left out for an hour, see the broker's access rules`);
      stops.forgive();
      stops.forgive = clock.after(deniedFor, () => {
        denials.forgive();
      });
    }
    dialLater(reason, isOffence);
  };
  const begin = (opened: MqttConnection): void => {
    dialling = undefined;
    if (isClosed) {
      void opened.close(available("offline"));
      return;
    }
    connection = opened;
    hasTaken = false;
    awaitsAnswer = takesCommands;
    cannotSubscribe = target.commands && !takesCommands;
    listings++;
    problem = undefined;
    for (const topic of published.keys()) published.set(topic, null); // the broker may have lost what it kept, or not
    log("info", `notify ${target.name}: connected`);
    stops.settle = clock.after(settledAfter, () => {
      failures = offences = 0;
    });
    if (cannotSubscribe)
      stops.askAgain = clock.after(deniedFor, () => {
        redial(opened);
      });
    sync();
  };
  /** With commands, which this connection goes without. */
  const redial = (without: MqttConnection): void => {
    connection = undefined;
    offences = 0;
    void without.close(available("online")).then(() => {
      if (!isClosed) dial();
    });
  };
  const dial = (): void => {
    stops.dial();
    const abort = new AbortController();
    dialling = abort;
    takesCommands = target.commands && offences < mostOffences;
    if (target.commands && !takesCommands) complain(`commands are not asked for on the next connection, since the last ${mostOffences} with them failed`);
    const how: MqttDial = {
      target,
      will: available("offline"),
      clock,
      signal: abort.signal,
      window: denials.isCareful() ? 1 : mqttLimits.unacknowledged,
      listing: isListed || listings >= mostListings ? undefined : { filter: `${prefix}/mitigation/+`, isListed: isMitigationTopic },
      subscription: takesCommands ? { filter: `${prefix}/mitigation/+/set`, isSubscribed: isCommandTopic } : undefined,
    };
    openMqttConnection(how, {
      ready: () => {
        clock.after(milliseconds(0), sync);
      },
      acknowledged(topic) {
        hasTaken = true;
        if (topic === `${prefix}/event`) { for (const tell of taken.splice(0)) tell(); }
        denials.acknowledged(kindOf(topic));
      },
      message: obey,
      subscribed(isGranted) {
        awaitsAnswer = false;
        cannotSubscribe = !isGranted;
        if (!isGranted) complain("the broker does not let us subscribe to commands, see its access rules");
      },
      found,
      listed() {
        isListed = true;
        sync();
      },
      closed: ended,
    }).then(begin, (error: unknown) => {
      dialling = undefined;
      dialLater(errorText(error), error instanceof MqttDialError && error.isOffence);
    });
  };

  const tick = (): void => {
    commands = 0;
    sync();
    stops.tick = clock.after(syncEvery, tick);
  };
  dial();
  tick();

  const add: MqttNotifier["add"] = ({ notification, announcement }) => {
    events.push(JSON.stringify({ ...notification, about: announcement.about }));
    while (events.length > mostEvents || events.reduce((sum, { length }) => sum + length, 0) > mostEventBytes) events.shift();
    sync();
  };
  return {
    add,
    try: (told) =>
      new Promise((resolve, reject) => {
        if (!connection) {
          reject(new Error(problem === undefined ? "there is no connection with the broker yet" : `no connection with the broker: ${problem}`));
          return;
        }
        const stop = clock.after(tryFor, () => {
          reject(new Error("the broker did not take it"));
        });
        if (taken.length < mostEvents)
          taken.push(() => {
            stop();
            resolve();
          });
        add(told);
      }),
    sync,
    retryNow() {
      if (connection || dialling || isClosed) return;
      failures = 0;
      dial();
    },
    warnings: () => [
      ...(problem === undefined ? [] : [`notify ${target.name}: no connection with the broker: ${problem}`]),
      ...denials.leftOut().map((kind) => `notify ${target.name}: the broker ends the connection over ${kind}; it is left out`),
      ...(cannotSubscribe ? [`notify ${target.name}: the broker does not let us subscribe to commands`] : []),
    ],
    async close() {
      isClosed = true;
      for (const stop of Object.values(stops)) stop();
      dialling?.abort();
      await connection?.close(available("offline"));
      connection = undefined;
    },
  };
}
