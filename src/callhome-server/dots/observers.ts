import { between, later, milliseconds, steadyInstant, type SteadyClock, type SteadyInstant } from "../../model/time.ts";
import type { Block } from "../coap/block.ts";
import { tokenKey } from "../coap/message.ts";
import { diagnosticResponse, type CoapRequest, type CoapResponse } from "../coap/request.ts";

/** What an observer watches; `represent` makes the notification's content at the moment of sending, undefined = there is nothing any more. */
export interface Observation {
  readonly token: Uint8Array;
  readonly resource: string;
  /** Of the GET that registered it. */
  readonly path: readonly string[];
  readonly query: readonly string[];
  /** The size of blocks that it wants. */
  readonly block2?: Block | undefined;
  represent(): { readonly response: CoapResponse; readonly final: boolean } | undefined;
}

export interface Observers {
  /** Registers, or replaces the same token's registration; the sequence number for the answer, undefined = no room. */
  add(observation: Observation): number | undefined;
  remove(token: Uint8Array): void;
  /** Something about these resources has changed. */
  changed(concerns: (resource: string) => boolean): void;
  /** The peer, which did not respond, has been heard again: what waited for that goes out. */
  heard(): void;
  /** Sends the state again, for notifications get lost (RFC 9132 §4.4.2.1 "periodically"). */
  repeat(): void;
  close(): void;
}

/** RFC 9132 §4.4.2.1: no more than one notification every 3 seconds to a peer without an RTT estimate, whatever it observes. */
const minimumGap = milliseconds(3_000);
/** Longer queries than any that means something are not kept, be they as many as there may be. */
const longestQuery = 64;
/** RFC 7641 §4.2: what is gone is told by an error, without Observe, and not told again. */
const gone = diagnosticResponse("4.04", "there is nothing to observe any more");

interface Registered {
  readonly observation: Observation;
  sequence: number;
  /** What it has to hear: that something has changed, or the same again. */
  due: "change" | "repeat" | null;
}

/**
 * The observers of one session (RFC 7641), `most` of them; they end with it. Nothing is sent before `notBefore`, while that lies ahead.
 * As each notification takes its three seconds, changes come before repetitions.
 */
export function createObservers(
  clock: SteadyClock,
  notify: (observation: Observation, response: CoapResponse) => void,
  most: () => number,
  notBefore: () => SteadyInstant = () => steadyInstant(-Infinity),
): Observers {
  const registered = new Map<string, Registered>();
  let lastSent = steadyInstant(-Infinity);
  let cancel: (() => void) | undefined;

  const send = (entry: Registered): void => {
    const key = tokenKey(entry.observation.token);
    registered.delete(key);
    const content = entry.observation.represent();
    entry.due = null;
    entry.sequence += 1;
    lastSent = clock.now();
    if (content && !content.final) registered.set(key, entry); // behind the others: each has its turn
    notify(entry.observation, content ? { ...content.response, observe: entry.sequence } : gone);
  };

  const sendNext = (): void => {
    const waiting = [...registered.values()];
    const next = waiting.find(({ due }) => due === "change") ?? waiting.find(({ due }) => due === "repeat");
    if (!next) return;
    const wait = Math.max(Math.min(minimumGap, between(clock.now(), later(lastSent, minimumGap))), between(clock.now(), notBefore()));
    if (wait > 0) {
      cancel = clock.after(milliseconds(wait), () => {
        cancel = undefined;
        sendNext();
      });
      return;
    }
    send(next);
    sendNext();
  };

  const mark = (due: "change" | "repeat", concerns: (resource: string) => boolean): void => {
    for (const entry of registered.values()) if (entry.due !== "change" && concerns(entry.observation.resource)) entry.due = due;
    if (!cancel) sendNext();
  };

  return {
    add(observation) {
      const key = tokenKey(observation.token);
      const before = registered.get(key);
      if (!before && registered.size >= most()) return undefined;
      if (observation.query.join("&").length > longestQuery) return undefined;
      // The answer to the registration is the first notification.
      const entry: Registered = { observation, sequence: (before?.sequence ?? 0) + 1, due: null };
      registered.set(key, entry);
      return entry.sequence;
    },
    remove: (token) => {
      registered.delete(tokenKey(token));
    },
    changed: (concerns) => {
      mark("change", concerns);
    },
    heard() {
      cancel?.();
      cancel = undefined;
      sendNext();
    },
    repeat: () => {
      mark("repeat", () => true);
    },
    close() {
      cancel?.();
      cancel = undefined;
      registered.clear();
    },
  };
}

/** What a GET that observes says of the notifications that it wants. */
export function observationOf({ token, path, query, block2 }: CoapRequest): Pick<Observation, "token" | "path" | "query" | "block2"> {
  return { token, path, query, block2 };
}
