import { buildRuleset, namesDeclared, nothingHeld } from "../enforcer/build-ruleset.ts";
import { buildEgressRuleset } from "../enforcer/egress-chains.ts";
import { additionsTo, layDown } from "../enforcer/additions.ts";
import type { Laid } from "../enforcer/additions.ts";
import { bridgeTable, countsByMitigation, egressTable, table, withOtherCounts, witnessSetName } from "../enforcer/names.ts";
import { buildBridgeRuleset } from "../enforcer/quarantine-chains.ts";
import { nothingReported } from "../enforcer/reported-chains.ts";
import type { EnforcementRule, FilterCount, ReportedTraffic, Witnessed } from "../model/enforcement.ts";
import type { MitigationId } from "../model/mitigation.ts";
import { NftError } from "../nftables/nft-error.ts";
import { openNftables } from "../nftables/open-nftables.ts";
import type { Nftables } from "../nftables/open-nftables.ts";
import type { TableNames } from "../nftables/read-json.ts";
import { InvalidStatement } from "../nftables/render-value.ts";
import type { SpawnOptions } from "../nftables/spawn-nft.ts";
import type { Statement } from "../nftables/statement.ts";
import type { PacketFilter } from "../ports.ts";
import { guardTables } from "./guarded-table.ts";
import { openOptionalTable } from "./optional-table.ts";

type Counts = ReadonlyMap<MitigationId, FilterCount>;

export interface PacketFilterOptions extends Pick<SpawnOptions, "command"> {
  /** Where the home's traffic leaves; without them, what left is counted a step before the network card. */
  readonly wanDevices?: () => Promise<readonly string[]>;
}

/**
 * Enforcement in the kernel, by nft. Calls take effect one after the other; all methods reject with NftError.
 * `command`: as for `spawnNft`, for the process that watches over the tables.
 */
export function openPacketFilter(nftables: Nftables = openNftables(), { command, wanDevices = () => Promise.resolve([]) }: PacketFilterOptions = {}): PacketFilter {
  /** Mitigations that the kernel is to hold something for. */
  let enforced: ReadonlySet<MitigationId> = new Set();
  // Both unknown until the first transaction, and after one that failed.
  let held: TableNames | undefined;
  let laid: Laid | undefined;
  let counted: Counts = new Map();
  let last: Promise<unknown> = Promise.resolve();
  let disturbed: (() => void) | undefined;
  const guard = guardTables([table, bridgeTable, egressTable], command ? { command } : {}, () => {
    held = laid = undefined;
    bridge.forget();
    egress.forget();
    disturbed?.();
  });
  const runOwn = (statements: readonly Statement[]): Promise<void> => guard.own(() => nftables.runTransaction(statements));
  const bridge = openOptionalTable(nftables, bridgeTable, runOwn);
  const egress = openOptionalTable(nftables, egressTable, runOwn);

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined); // who called hears of it; who calls next does not
    return result;
  };
  const countTraffic = async (): Promise<Counts> => {
    const counts = countsByMitigation(await nftables.listCounters(table));
    if ([...enforced].some((mitigation) => !counts.has(mitigation))) guard.raise();
    // Kept where the table has been lost: the next transaction starts the counters from there.
    counted = new Map([...counted, ...counts]);
    return withOtherCounts(counts, await bridge.count(), await egress.count());
  };
  const apply = async (statements: readonly Statement[], after: Laid | undefined): Promise<void> => {
    held = laid = undefined;
    if (statements.length > 0) await runOwn(statements);
    laid = after;
  };
  const replace = async (rules: readonly EnforcementRule[], reported: ReportedTraffic): Promise<void> => {
    enforced = new Set([...rules, ...reported.flows].map(({ mitigation }) => mitigation));
    // Before, so that nothing that happens after the transaction is missed.
    if (disturbed) guard.holds(enforced.size > 0);
    counted = new Map([...counted].filter(([mitigation]) => enforced.has(mitigation)));
    const before = held ?? (await nftables.listNames(table)) ?? nothingHeld;
    const statements = buildRuleset(rules, before, counted, reported);
    // Where nobody watches over the table it may have changed by the next time: then it is written whole.
    const next = disturbed && enforced.size > 0 ? layDown(statements, performance.now()) : undefined;
    const added = laid && next && additionsTo(laid, next);
    try {
      // A new decision only adds; a renewal, an end and a doubt take the whole.
      await apply(added ? added.statements : statements, added ? added.laid : next);
    } catch (error) {
      if (!isRepairable(error)) throw error;
      // The table is not as we left it: flushed, or edited by hand. Begin again, with what was counted.
      await countTraffic();
      await apply([{ do: "add table", table }, { do: "delete table", table }, ...buildRuleset(rules, nothingHeld, counted, reported)], next);
    }
    held = namesDeclared(statements);
    await bridge.replace(rules.some(({ action, mac }) => action === "quarantine" && mac !== null) ? (before) => buildBridgeRuleset(rules, before) : null);
    const devices = reported.flows.some(({ action }) => action === "drop") ? await wanDevices().catch(() => []) : [];
    await egress.replace(devices.length > 0 ? (before) => buildEgressRuleset(reported, devices, before) : null);
  };

  return {
    replaceRules: (rules, reported = nothingReported) => inTurn(() => replace(rules, reported)),
    readCounters: () => inTurn(countTraffic),
    watch(changed) {
      disturbed = changed;
      return () => {
        disturbed = undefined;
        guard.stop();
      };
    },
    readWitness: (mitigation) => inTurn(async () => {
      const seen = [...await nftables.listSet(table, "set", witnessSetName(mitigation, 4)), ...await nftables.listSet(table, "set", witnessSetName(mitigation, 6))];
      return seen.map(({ key: [mac = "", address = ""], counter }): Witnessed => ({ mac, address, packets: counter?.packets ?? 0, bytes: counter?.bytes ?? 0 }));
    }),
    warnings: () => (bridge.problem() === undefined ? [] : [`quarantine does not reach devices on the same bridge: ${bridge.problem() ?? ""}`]),
  };
}

function isRepairable(error: unknown): boolean {
  // InvalidStatement: a name in the table that is not one of ours, and that we would not render.
  return error instanceof InvalidStatement || (error instanceof NftError && (error.failure === "refused" || error.failure === "not-found"));
}
