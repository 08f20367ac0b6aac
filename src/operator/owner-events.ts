import { waitsForProof } from "../model/acting.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import { questionAbout } from "../model/question.ts";
import { describeMitigation, type MitigationView } from "./describe-mitigation.ts";
import type { UpstreamView } from "./describe-status.ts";

/** What the owner is told without having asked: over ubus, MQTT and the other notifiers alike. */
export type OwnerEvent =
  /** `isOnlySurer`: told before, but the packets have confirmed the device since; for who shows it, no message of its own. */
  | { readonly event: "request" | "blocked" | "ended"; readonly about: MitigationView; readonly isOnlySurer?: boolean }
  | { readonly event: "upstream"; readonly about: UpstreamView };

export interface OwnerEvents {
  /**
   * What there is to tell now that a mitigation has changed; each thing once, however often it changes. Of several requests that
   * are one question only the oldest is told; when it ends otherwise than by an answer, the next one is.
   */
  eventsOf(changed: Mitigation, all: readonly Mitigation[]): readonly OwnerEvent[];
}

const mostRemembered = 1024;

/** `known` are mitigations of an earlier run: what holds of them already is no news. */
export function createOwnerEvents(known: Iterable<Mitigation>): OwnerEvents {
  const told = new Map<MitigationId, Set<string>>();
  const noveltyOf = (mitigation: Mitigation, event: OwnerEvent["event"]): "news" | "surer" | undefined => {
    const { id } = mitigation;
    const events = told.get(id) ?? new Set();
    told.set(id, events);
    if (told.size > mostRemembered) {
      for (const oldest of told.keys()) {
        told.delete(oldest);
        break;
      }
    }
    const isAdded = (text: string): boolean => events.size !== events.add(text).size;
    const isSurer = event !== "ended" && isAdded(`${event} of ${mitigation.devices.map(({ certainty }) => certainty).join(" ")}`);
    return isAdded(`${event} ${event === "ended" ? "" : correctionOf(mitigation)}`) ? "news" : isSurer ? "surer" : undefined;
  };
  for (const mitigation of known) {
    const event = eventOf(mitigation);
    if (event) noveltyOf(mitigation, event);
  }
  return {
    eventsOf(changed, all) {
      const next = changed.state === "pending" ? [] : questionAbout(changed.devices, all).slice(0, 1);
      return [changed, ...next].flatMap((mitigation): OwnerEvent[] => {
        const event = eventOf(mitigation);
        const isFolded = event === "request" && mitigation.state === "pending" && questionAbout(mitigation.devices, all)[0]?.id !== mitigation.id;
        const novelty = event && !isFolded ? noveltyOf(mitigation, event) : undefined;
        return event && novelty ? [{ event, about: describeMitigation(mitigation), ...(novelty === "surer" ? { isOnlySurer: true } : {}) }] : [];
      });
    },
  };
}

/** What makes it news again: another device than was told, or a quarantine that has only blocked until now. */
function correctionOf(mitigation: Mitigation): string {
  return [...mitigation.devices.flatMap(({ mac, insteadOf }) => (insteadOf ? [mac] : [])), ...(waitsForProof(mitigation) ? ["waits"] : [])].join(" ");
}

/** Nothing is called blocked that the packet filter has not taken: it may be broken. */
function eventOf(mitigation: Mitigation): "request" | "blocked" | "ended" | undefined {
  switch (mitigation.state) {
    case "ended":
      return "ended";
    case "pending":
      return mitigation.devices.length > 0 ? "request" : undefined;
    case "active":
    case "terminating":
      if (mitigation.action === "observe") return mitigation.devices.length > 0 ? "request" : undefined;
      return mitigation.startedAt === null ? undefined : "blocked";
  }
}
