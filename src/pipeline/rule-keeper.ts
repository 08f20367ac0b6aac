import { quarantinedDevices } from "../enforcer/quarantined-devices.ts";
import { renewEvery, reportedFor, rulesFor } from "../enforcer/rules-for.ts";
import type { FilterCount, QuarantinedDevice } from "../model/enforcement.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { between, inMilliseconds, milliseconds, type SteadyClock, type WallClock } from "../model/time.ts";
import { saidOfTarget } from "../policy/owners-nos.ts";
import type { Log, PacketFilter } from "../model/ports.ts";
import type { Schedule } from "../model/schedule.ts";
import { shareRuns } from "./share-runs.ts";
import type { Store } from "../memory/store.ts";
import { errorText } from "../text/error-text.ts";

/** Keeps in the kernel what the mitigations need, and counts what it does there. */
export interface RuleKeeper {
  /**
   * Makes the packet filter hold what all mitigations together need; without need, only `evenIfNothing` writes. Resolves once a transaction
   * that began after the call has ended: however many ask meanwhile, it is one more for all of them. Never rejects.
   */
  enforce(how?: { readonly evenIfNothing: boolean }): Promise<void>;
  /** Reads the counters now, and has all of them heard of. Never rejects. */
  count(): Promise<void>;
  /** What the counters say now; nothing if they cannot be read. Never rejects. */
  counts(how?: { /** The owner waits for them. */ readonly isUrgent: boolean }): Promise<ReadonlyMap<MitigationId, FilterCount>>;
  /** Whether the kernel may hold anything of ours. */
  isHolding(): boolean;
  warnings(): readonly string[];
  stop(): void;
}

export interface RuleKeeperDeps {
  readonly clock: WallClock;
  readonly steady: SteadyClock;
  readonly log: Log;
  readonly filter: PacketFilter;
  readonly schedule: Schedule;
  readonly store: Store;
  readonly policy: () => Policy;
  /** Whether something that has ended is counted all the same, as somebody looks. */
  readonly isWatched: (mitigation: Mitigation) => boolean;
}

export interface RuleKeeperEvents {
  /** What is held is about to be renewed. */
  renewing(): Promise<unknown>;
  /** The packet filter has taken the rules of this mitigation. */
  enforced(id: MitigationId): Promise<unknown>;
  /** It has taken them for these devices, and for no others: told at each renewal, too. */
  quarantined(devices: readonly QuarantinedDevice[]): void;
  counted(id: MitigationId, count: FilterCount): Promise<unknown>;
}

/** How soon drops are looked for after rules changed, and then how often: status 2 is to come as soon as packets are dropped. */
const countAfter = [200, 300, 500, 1_000, 2_000, 5_000].map(milliseconds);
const retryEnforcement = milliseconds(5_000);
/** Between two readings, as many times what one takes ... */
const restsBetween = 100;
/** ... up to this: whether an attack goes on is to be known within a minute. */
const longestRest = milliseconds(30_000);
/** However slow the router is, it is looked again within a minute. */
const longestReading = milliseconds(1_000);

/** Keeps the kernel's rules as the mitigations need them, and reads what they drop. */
export function createRuleKeeper({ clock, steady, log, filter, schedule, store, policy, isWatched }: RuleKeeperDeps, events: RuleKeeperEvents): RuleKeeper {
  let failed: string | undefined;
  let holding = false;
  /** How long the last reading of the counters took. */
  let reading = milliseconds(0);

  interface Needed {
    readonly rules: ReturnType<typeof rulesFor>;
    readonly reported: ReturnType<typeof reportedFor>;
    readonly any: boolean;
  }
  const needed = (): Needed => {
    const rules = rulesFor(store.all(), policy(), clock.now());
    const reported = reportedFor(store.all(), policy(), clock.now(), (target) => saidOfTarget(store.nos(), target, clock.now()).any, isWatched);
    return { rules, reported, any: rules.length > 0 || reported.flows.length > 0 };
  };

  let isWanted = false;
  /** One transaction, of the state of then; `told` once everybody has heard of it. */
  const transaction = shareRuns(async (): Promise<{ readonly told?: Promise<void> }> => {
    const wanted = needed();
    if (!wanted.any && !holding && !isWanted) return {};
    isWanted = false;
    return await transact(wanted) ? { told: tell(wanted) } : {};
  });

  const enforce: RuleKeeper["enforce"] = async ({ evenIfNothing } = { evenIfNothing: false }) => {
    isWanted ||= evenIfNothing;
    await (await transaction()).told;
  };

  const transact = async ({ rules, reported }: Needed): Promise<boolean> => {
    holding = true;
    try {
      await filter.replaceRules(rules, reported);
      failed = undefined;
      return true;
    } catch (error) {
      const complaint = `blocking does not work: ${errorText(error)}`;
      if (complaint !== failed) log("error", `${complaint}; next attempt in ${retryEnforcement / 1000} s`);
      failed = complaint;
      schedule.once("enforce", retryEnforcement, enforce);
      return false;
    }
  };

  const tell = async ({ rules, reported, any }: Needed): Promise<void> => {
    events.quarantined(quarantinedDevices(rules));
    // Also what is held where it leaves the home alone, as its device is not certain yet.
    const acting = reported.flows.filter(({ action }) => action !== "watch");
    for (const id of new Set([...rules, ...acting].map(({ mitigation }) => mitigation))) await events.enforced(id);
    // Others may have asked for rules meanwhile.
    if (!any && !needed().any) {
      holding = false;
      schedule.cancel("enforce", "count");
    } else {
      schedule.once("enforce", inMilliseconds(renewEvery), renew);
      countLater(0);
    }
  };

  const renew = async (): Promise<void> => {
    await events.renewing().catch((error: unknown) => {
      log("warn", `could not refresh the addresses of blocked devices: ${errorText(error)}`);
    });
    await enforce();
  };

  const countLater = (attempt: number): void => {
    // Somebody is still to be named: their next packet tells.
    const last = store.all().some(isNameless) ? countAfter.length - 2 : countAfter.length - 1;
    const usual = countAfter[Math.min(attempt, last)] ?? milliseconds(5_000);
    // The first ones matter most; then reading takes a small part of the time, however much there is to read.
    schedule.once("count", attempt < 3 ? usual : milliseconds(Math.max(usual, Math.min(longestRest, reading * restsBetween))), async () => {
      await count();
      if (holding) countLater(attempt + 1);
    });
  };

  const read = (isUrgent: boolean) => async (): Promise<ReadonlyMap<MitigationId, FilterCount>> => {
    const began = steady.now();
    try {
      return await filter.readCounters({ isUrgent });
    } catch (error) {
      log("warn", `could not read the drop counters: ${errorText(error)}`);
      return new Map();
    } finally {
      reading = milliseconds(Math.min(longestReading, between(began, steady.now())));
    }
  };
  const [urgentCounts, sharedCounts] = [shareRuns(read(true)), shareRuns(read(false))];
  const counts: RuleKeeper["counts"] = ({ isUrgent } = { isUrgent: false }) => (isUrgent ? urgentCounts() : sharedCounts());
  const count = async (): Promise<void> => {
    for (const [id, counted] of await counts()) await events.counted(id, counted);
  };

  const unwatch = filter.watch((why) => {
    if (why === "changed") log("warn", "another program changed our nftables rules; restored");
    else log("info", "nft monitor has been started again; our nftables rules are rewritten, as nobody watched over them meanwhile");
    void enforce();
  });

  return {
    enforce,
    count,
    counts,
    isHolding: () => holding,
    warnings: () => [...failed === undefined ? [] : [failed], ...filter.warnings()],
    stop: unwatch,
  };
}

/** Living, and nobody knows whose traffic it is. */
export function isNameless(mitigation: Mitigation): boolean {
  return mitigation.devices.length === 0 && (mitigation.state === "pending" || mitigation.state === "active");
}
