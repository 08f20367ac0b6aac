import type { Instant, Milliseconds } from "../../model/time.ts";
import type { IpPrefix } from "../../model/ip-prefix.ts";
import type { Clock, HomeDirectory, HomeNetwork, Log } from "../../model/ports.ts";
import type { NatJournal } from "../../nat-lookup/journal/nat-journal.ts";
import { addressSet } from "../../nat-lookup/match/address-set.ts";
import { errorText } from "../../text/error-text.ts";
import { createTimers } from "./timers.ts";

export interface IdentityLearner {
  /** Flows have come: their senders may be new, or have changed. */
  flowsCame(): void;
  stop(): void;
}

export interface IdentityLearnerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: Pick<NatJournal, "identities" | "setBorders">;
  readonly directory: HomeDirectory;
  readonly network: Pick<HomeNetwork, "addresses">;
  /** Makes the kernel find out who has an address. */
  readonly nudge?: ((address: string) => void) | undefined;
}

/** How soon the neighbour table is asked for a new address, and how often for those that are known, while flows come. */
const askAfter: Milliseconds = 1_000;
const askNewEvery: Milliseconds = 5_000;
const askKnownEvery: Milliseconds = 20_000;
/** Addresses asked about at a time, and remembered as asked about: once is enough for each. */
const mostNudges = 16;
const mostRemembered = 1024;

/** Tells the journal whose the addresses are that its flows come from, while flows come. */
export function learnIdentities({ clock, log, journal, directory, network, nudge }: IdentityLearnerDeps): IdentityLearner {
  const timers = createTimers(clock);
  const nudged = new Set<string>();
  let askedAt: Instant = 0;

  /** Whose the addresses are now, and which of them are ours. */
  const ask = (): void => {
    askedAt = clock.now();
    Promise.all([directory.neighbours(), directory.names(), network.addresses()]).then(([neighbours, names, home]) => {
      journal.setBorders(home);
      journal.identities.refresh(neighbours, names, clock.now());
      nudgeUnknown(home.inside);
    }).catch((error: unknown) => { log("debug", `the flow journal cannot read who holds which address: ${errorText(error)}`); });
  };

  /** Who only sends is not answered, so that the kernel need not know who it is: it has to be asked once. */
  const nudgeUnknown = (inside: readonly IpPrefix[]): void => {
    if (!nudge) return;
    const isInside = addressSet(inside);
    for (const address of journal.identities.unknown(mostNudges)) {
      if (nudged.has(address) || !isInside(address)) continue;
      if (nudged.size >= mostRemembered) nudged.clear();
      nudged.add(address);
      nudge(address);
      timers.after("ask", askAfter, ask);
    }
  };

  return {
    flowsCame() {
      const since = clock.now() - askedAt;
      if (journal.identities.hasNew) timers.after("ask", Math.max(askAfter, askNewEvery - since), ask);
      else if (since >= askKnownEvery) timers.after("ask", askAfter, ask);
    },
    stop() { timers.stop(); },
  };
}
