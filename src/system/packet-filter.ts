import { buildRuleset, namesDeclared, nothingHeld } from "../enforcer/build-ruleset.ts";
import { dropsByMitigation, table } from "../enforcer/names.ts";
import type { DropCount, MitigationId } from "../model/mitigation.ts";
import { NftError } from "../nftables/nft-error.ts";
import { openNftables } from "../nftables/open-nftables.ts";
import type { Nftables } from "../nftables/open-nftables.ts";
import type { TableNames } from "../nftables/read-json.ts";
import { InvalidStatement } from "../nftables/render-value.ts";
import type { Statement } from "../nftables/statement.ts";
import type { PacketFilter } from "../ports.ts";

/** Enforcement in the kernel, by nft. Calls take effect one after the other; both methods reject with NftError. */
export function openPacketFilter(nftables: Nftables = openNftables()): PacketFilter {
  let held: TableNames | undefined; // unknown until the first transaction, and after one that failed
  let counted: ReadonlyMap<MitigationId, DropCount> = new Map();
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined); // who called hears of it; who calls next does not
    return result;
  };
  const countDrops = async (): Promise<ReadonlyMap<MitigationId, DropCount>> => {
    const drops = dropsByMitigation(await nftables.listCounters(table));
    // Kept where the table has been lost: the next transaction starts the counters from there.
    counted = new Map([...counted, ...drops]);
    return drops;
  };
  const apply = async (statements: readonly Statement[]): Promise<void> => {
    held = undefined;
    await nftables.runTransaction(statements);
    held = namesDeclared(statements);
  };

  return {
    replaceRules: (rules) => inTurn(async () => {
      const enforced = new Set(rules.map(({ mitigation }) => mitigation));
      const before = held ?? (await nftables.listNames(table)) ?? nothingHeld;
      counted = new Map([...counted].filter(([mitigation]) => enforced.has(mitigation)));
      try {
        await apply(buildRuleset(rules, before, counted));
      } catch (error) {
        if (!isRepairable(error)) throw error;
        // The table is not as we left it: flushed, or edited by hand. Begin again, with what was counted.
        await countDrops();
        await apply([{ do: "add table", table }, { do: "delete table", table }, ...buildRuleset(rules, nothingHeld, counted)]);
      }
    }),
    readCounters: () => inTurn(countDrops),
  };
}

function isRepairable(error: unknown): boolean {
  // InvalidStatement: a name in the table that is not one of ours, and that we would not render.
  return error instanceof InvalidStatement || (error instanceof NftError && (error.failure === "refused" || error.failure === "not-found"));
}
