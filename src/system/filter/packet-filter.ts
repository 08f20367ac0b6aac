import { buildRuleset, namesDeclared, nothingHeld } from "../../enforcer/build-ruleset.ts";
import { buildNetdevRuleset } from "../../enforcer/netdev-ruleset.ts";
import { additionsTo, changesTo, layDown } from "../../enforcer/ruleset-diff.ts";
import type { Laid } from "../../enforcer/ruleset-diff.ts";
import { bridgeTable, countsByMitigation, netdevTable, noticeChain, table, withOtherCounts, witnessSetName } from "../../enforcer/names.ts";
import { buildBridgeRuleset } from "../../enforcer/quarantine-chains.ts";
import { nothingReported, reportedNow } from "../../enforcer/reported-chains.ts";
import type { MacAddress } from "../../model/device.ts";
import type { EnforcementRule, FilterCount, ReportedTraffic, ObservedSender } from "../../model/enforcement.ts";
import type { MitigationId } from "../../model/mitigation.ts";
import {
  type CounterValue,
  type HeldElement,
  InvalidStatement,
  type Nftables,
  NftError,
  type NftFailure,
  openNftables,
  type SpawnOptions,
  type Statement,
  type TableNames,
} from "nftables-js";
import type { Log, PacketFilter } from "../../model/ports.ts";
import { guardTables } from "./guarded-table.ts";
import { openOptionalTable } from "./optional-table.ts";
import { createTurns } from "./turns.ts";
import { steadyInstant } from "../../model/time.ts";

type Counts = ReadonlyMap<MitigationId, FilterCount>;
const none: ReadonlyMap<string, CounterValue> = new Map();

export interface PacketFilterOptions extends Pick<SpawnOptions, "command"> {
  /** Where the home's traffic leaves; without them, what left is counted a step before the network card. */
  readonly wanDevices?: () => Promise<readonly string[]>;
  /** Whether the notice page listens: else nobody is led to it. */
  readonly isNoticeOpen?: () => boolean;
  /** The bridge port that each device is on; a device without one is held in the forward chain alone. */
  readonly bridgePorts?: () => Promise<ReadonlyMap<MacAddress, string>>;
  readonly log?: Log;
}

/** Milliseconds from a transaction until the tables are watched; what happens meanwhile is seen when the counters are read. */
const watchedAfter = 50;

/**
 * Enforcement in the kernel, by nft. Calls take effect one after the other, rules before what only reads; all methods reject with NftError.
 * `command`: as for `spawnNft`, for the process that watches over the tables.
 */
export function openPacketFilter(nftables: Nftables = openNftables(), {
  command,
  isNoticeOpen = () => true,
  wanDevices = () => Promise.resolve([]),
  bridgePorts = () => Promise.resolve(new Map()),
  log = () => undefined,
}: PacketFilterOptions = {}): PacketFilter {
  /** Mitigations that the kernel is to hold something for; undefined until that is said: an earlier run may have left anything. */
  let enforced: ReadonlySet<MitigationId> | undefined;
  // Both unknown until the first transaction, and after one that failed.
  let held: TableNames | undefined;
  let laid: Laid | undefined;
  let counted: Counts = new Map();
  /** Whether a quarantined device can be led to the notice page: not by a kernel that refused to. */
  let notice = true;
  const turns = createTurns();
  /** What the network cards are to hold; only the newest is of interest. */
  let cardsWanted: (() => Promise<void>) | undefined;
  let disturbed: Parameters<PacketFilter["watch"]>[0] | undefined;
  const guard = guardTables([table, bridgeTable, netdevTable], { log, ...(command ? { command } : {}) }, (why) => {
    held = laid = undefined;
    bridge.forget();
    netdev.forget();
    disturbed?.(why);
  });
  const runOwn = (statements: readonly Statement[]): Promise<void> => guard.own(() => nftables.runTransaction(statements));
  /** The mitigation in a counter's name. */
  const isEnforced = (name: string): boolean => enforced?.has(Number(name.slice(1))) ?? true;
  const bridge = openOptionalTable(nftables, bridgeTable, runOwn, isEnforced);
  const netdev = openOptionalTable(nftables, netdevTable, runOwn, isEnforced);

  const countTraffic = async (): Promise<Counts> => {
    const [own = none, bridged = none, atCards = none] = await nftables.listCountersOf([table, bridgeTable, netdevTable]);
    const counts = countsByMitigation(own);
    if ([...enforced ?? []].some((mitigation) => !counts.has(mitigation))) guard.raise();
    // Kept where the table has been lost: the next transaction starts the counters from there.
    counted = new Map([...counted, ...counts]);
    return withOtherCounts(counts, [bridge.note(bridged), netdev.note(atCards)], atCards);
  };
  const apply = async (statements: readonly Statement[], after: Laid | undefined): Promise<void> => {
    held = laid = undefined;
    if (statements.length > 0) await runOwn(statements);
    laid = after;
  };
  const replace = async (rules: readonly EnforcementRule[], reported: ReportedTraffic): Promise<void> => {
    // Of what was reported only what is laid down: a counter that was never there is not missing.
    const needed = new Set([...rules, ...reportedNow(reported)].map(({ mitigation }) => mitigation));
    enforced = needed;
    // After the upstream's answer: starting a process holds up the event loop for as long as a transaction takes.
    setTimeout(() => {
      if (disturbed) guard.holds(enforced !== undefined && enforced.size > 0);
    }, watchedAfter).unref();
    counted = new Map([...counted].filter(([mitigation]) => needed.has(mitigation)));
    const before = held ?? (await nftables.listNames(table)) ?? nothingHeld;
    let statements = buildRuleset(rules, before, counted, reported, notice && isNoticeOpen());
    // Where nobody watches over the table it may have changed by the next time: then it is written whole.
    const next = disturbed && needed.size > 0 ? layDown(statements, steadyInstant(performance.now())) : undefined;
    const step = laid && next && (additionsTo(laid, next) ?? changesTo(laid, next));
    try {
      // A decision and an end take what they change; a renewal and a doubt take the whole.
      await apply(step ? step.statements : statements, step ? step.laid : next);
    } catch (error) {
      if (!isRepairable(error)) throw error;
      // The table is not as we left it: flushed, or edited by hand. Begin again, with what was counted.
      await countTraffic();
      const applyAnew = (): Promise<void> => {
        statements = buildRuleset(rules, nothingHeld, counted, reported, notice && isNoticeOpen());
        return apply([{ do: "add table", table }, { do: "delete table", table }, ...statements], next && layDown(statements, next.at));
      };
      await applyAnew().catch((again: unknown) => {
        if (!isAboutNotice(again)) throw again;
        notice = false;
        return applyAnew();
      });
    }
    held = namesDeclared(statements);
    await bridge.replace((before) => buildBridgeRuleset(rules, before));
  };
  const replaceAtCards = async (rules: readonly EnforcementRule[], reported: ReportedTraffic): Promise<void> => {
    const ports = rules.some(({ mac }) => mac !== null) ? await bridgePorts().catch(() => new Map<MacAddress, string>()) : new Map<MacAddress, string>();
    const wan = reported.flows.some(({ action }) => action === "drop") ? await wanDevices().catch(() => []) : [];
    await netdev.replace((before, refused) => buildNetdevRuleset(rules, reported, { wan, ports }, before, refused));
  };

  return {
    replaceRules(rules, reported = nothingReported) {
      return turns.take("at once", async () => {
        await replace(rules, reported);
        // The rules hold by now: nobody waits for what is done at the network cards beside.
        const isWaiting = cardsWanted !== undefined;
        cardsWanted = () => replaceAtCards(rules, reported);
        if (!isWaiting)
          void turns.take("soon", async () => {
            const work = cardsWanted;
            cardsWanted = undefined;
            await work?.();
          });
      });
    },
    readCounters: ({ isUrgent } = { isUrgent: false }) => turns.take(isUrgent ? "owner" : "soon", countTraffic),
    watch(changed) {
      disturbed = changed;
      return () => {
        disturbed = undefined;
        guard.stop();
      };
    },
    readWitness: (mitigation) =>
      turns.take("soon", async () => {
        const sets = ([4, 6] as const).map((family) => witnessSetName(mitigation, family)).filter((name) => held?.sets.includes(name) ?? true);
        const seen: HeldElement[] = [];
        for (const name of sets) seen.push(...await nftables.listSet(table, "set", name));
        return seen.map(({ key: [mac = "", address = ""], counter }): ObservedSender => ({
          mac,
          address,
          packets: counter?.packets ?? 0,
          bytes: counter?.bytes ?? 0,
        }));
      }),
    warnings() {
      const atBridge = bridge.problem();
      return [...atBridge === undefined ? [] : [`quarantine does not reach devices on the same bridge: ${atBridge}`], ...guard.problems()];
    },
  };
}

/** A kernel without NAT in this family, or without `redirect`. */
function isAboutNotice(error: unknown): boolean {
  const statement = error instanceof NftError ? error.statement : undefined;
  if (statement === undefined || "comment" in statement) return false;
  return (statement.do === "add chain" && statement.name === noticeChain) || (statement.do === "add rule" && statement.chain === noticeChain);
}

/** What a full rewrite mends: the table is not as we left it, or nobody knows. It may be repeated, unlike a part. */
const repairable: ReadonlySet<NftFailure> = new Set<NftFailure>(["refused", "not-found", "died", "unreadable"]);

function isRepairable(error: unknown): boolean {
  // InvalidStatement: a name in the table that is not one of ours, and that we would not render.
  return error instanceof InvalidStatement || (error instanceof NftError && repairable.has(error.failure));
}
