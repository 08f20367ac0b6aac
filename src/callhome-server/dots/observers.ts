import type { Clock, Instant } from "../../model/time.ts";
import { tokenKey } from "../coap/message.ts";
import type { CoapResponse } from "../coap/request.ts";

/** What an observer watches; `represent` makes the notification's content at the moment of sending, undefined = gone. */
export interface Observation {
  readonly token: Uint8Array;
  readonly resource: string;
  /** Of the GET that registered it. */
  readonly path: readonly string[];
  readonly query: readonly string[];
  represent(): { readonly response: CoapResponse; readonly final: boolean } | undefined;
}

export interface Observers {
  /** Registers, or replaces the same token's registration; the sequence number for the answer, undefined = no room. */
  add(observation: Observation): number | undefined;
  remove(token: Uint8Array): void;
  /** Something about these resources has changed. */
  changed(concerns: (resource: string) => boolean): void;
  /** Sends the state again, for notifications get lost (RFC 9132 §4.4.2.1 "periodically"). */
  repeat(): void;
  close(): void;
}

/** RFC 9132 §4.4.2.1: no more than one notification every 3 seconds without an RTT estimate. */
const minimumGap = 3_000;
const maxObservations = 16;

interface Registered {
  readonly observation: Observation;
  sequence: number;
  lastSent: Instant;
  cancel: (() => void) | undefined;
}

/** The observers of one session (RFC 7641); they end with it. */
export function createObservers(clock: Clock, notify: (observation: Observation, response: CoapResponse) => void): Observers {
  const registered = new Map<string, Registered>();

  const remove = (token: Uint8Array): void => {
    registered.get(tokenKey(token))?.cancel?.();
    registered.delete(tokenKey(token));
  };

  const send = (entry: Registered): void => {
    entry.cancel = undefined;
    const content = entry.observation.represent();
    if (!content || content.final) remove(entry.observation.token);
    if (!content) return;
    entry.lastSent = clock.now();
    entry.sequence += 1;
    notify(entry.observation, { ...content.response, observe: entry.sequence });
  };

  const schedule = (entry: Registered): void => {
    const wait = Math.min(minimumGap, entry.lastSent + minimumGap - clock.now());
    if (entry.cancel) return;
    if (wait <= 0) send(entry);
    else entry.cancel = clock.after(wait, () => { send(entry); });
  };

  return {
    add(observation) {
      const key = tokenKey(observation.token);
      const before = registered.get(key);
      if (!before && registered.size >= maxObservations) return undefined;
      before?.cancel?.();
      // The answer to the registration is the first notification, but a change that follows it at once is news.
      const entry: Registered = { observation, sequence: (before?.sequence ?? 0) + 1, lastSent: before?.lastSent ?? 0, cancel: undefined };
      registered.set(key, entry);
      return entry.sequence;
    },
    remove,
    changed(concerns) {
      for (const entry of [...registered.values()]) if (concerns(entry.observation.resource)) schedule(entry);
    },
    repeat() {
      for (const entry of [...registered.values()]) schedule(entry);
    },
    close() {
      for (const entry of registered.values()) entry.cancel?.();
      registered.clear();
    },
  };
}
