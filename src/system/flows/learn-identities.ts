import { between, milliseconds, steadyInstant, type SteadyClock, type WallInstant } from "../../model/time.ts";
import type { IpPrefix } from "../../model/ip-prefix.ts";
import type { HomeDirectory, HomeNetwork, Log } from "../../model/ports.ts";
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
  readonly clock: SteadyClock;
  /** For the times that the journal keeps. */
  readonly wallTime: () => WallInstant;
  readonly log: Log;
  readonly journal: Pick<NatJournal, "identities" | "setBorders">;
  readonly directory: HomeDirectory;
  readonly network: Pick<HomeNetwork, "addresses">;
  /** Makes the kernel find out who has an address. */
  readonly solicit?: ((address: string) => void) | undefined;
}

/** How soon the neighbour table is asked for a new address, and how often for those that are known, while flows come. */
const askAfter = milliseconds(1_000);
const askNewEvery = milliseconds(5_000);
const askKnownEvery = milliseconds(20_000);
/** Addresses asked about at a time, and remembered as asked about: once is enough for each. */
const mostNudges = 16;
const mostRemembered = 1024;

/** Tells the journal whose the addresses are that its flows come from, while flows come. */
export function learnIdentities({ clock, wallTime, log, journal, directory, network, solicit }: IdentityLearnerDeps): IdentityLearner {
  const timers = createTimers(clock);
  const solicited = new Set<string>();
  let askedAt = steadyInstant(-Infinity);

  /** Whose the addresses are now, and which of them are ours. */
  const ask = (): void => {
    askedAt = clock.now();
    Promise.all([directory.neighbours(), directory.names(), network.addresses()]).then(([neighbours, names, home]) => {
      journal.setBorders(home);
      journal.identities.refresh(neighbours, names, wallTime());
      solicitUnknown(home.inside);
    }).catch((error: unknown) => {
      log("debug", `the flow journal cannot read who holds which address: ${errorText(error)}`);
    });
  };

  /** Who only sends is not answered, so that the kernel need not know who it is: it has to be asked once. */
  const solicitUnknown = (inside: readonly IpPrefix[]): void => {
    if (!solicit) return;
    const isInside = addressSet(inside);
    for (const address of journal.identities.unknown(mostNudges)) {
      if (solicited.has(address) || !isInside(address)) continue;
      if (solicited.size >= mostRemembered) solicited.clear();
      solicited.add(address);
      solicit(address);
      timers.after("ask", askAfter, ask);
    }
  };

  return {
    flowsCame() {
      const since = between(askedAt, clock.now());
      if (journal.identities.hasNew) timers.after("ask", milliseconds(Math.max(askAfter, askNewEvery - since)), ask);
      else if (since >= askKnownEvery) timers.after("ask", askAfter, ask);
    },
    stop() {
      timers.stop();
    },
  };
}
