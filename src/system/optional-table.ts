import { additionsTo, layDown, type Laid } from "../enforcer/additions.ts";
import type { CounterValue } from "../nftables/read-json.ts";
import type { Nftables } from "../nftables/open-nftables.ts";
import type { Statement, Table } from "../nftables/statement.ts";

/** A table in a family that a kernel may be without: what it adds is then missing, and the rest holds all the same. */
export interface OptionalTable {
  /** `build` gets what was counted so far. `null`: it is not needed. */
  replace(build: ((counted: ReadonlyMap<string, CounterValue>) => readonly Statement[]) | null): Promise<void>;
  /** Counters by name; none while the kernel does not have the table. */
  count(): Promise<ReadonlyMap<string, CounterValue>>;
  /** Somebody else may have changed it. */
  forget(): void;
  /** Why it is missing although it is needed. */
  problem(): string | undefined;
}

export function openOptionalTable(nftables: Nftables, table: Table, run: (statements: readonly Statement[]) => Promise<void>): OptionalTable {
  let isThere = false;
  let laid: Laid | undefined;
  let mayHold = true; // an earlier run may have left it
  let counted: ReadonlyMap<string, CounterValue> = new Map();
  let problem: string | undefined;
  const count = async (): Promise<ReadonlyMap<string, CounterValue>> => {
    if (!isThere) return new Map();
    const counters = await nftables.listCounters(table);
    counted = new Map([...counted, ...counters]);
    return counters;
  };
  return {
    count,
    async replace(build) {
      if (build === null && !mayHold) return;
      const added = build && laid && additionsTo(laid, layDown(build(counted), performance.now()));
      try {
        if (added) {
          if (added.statements.length > 0) await run(added.statements);
          laid = added.laid;
          return;
        }
        laid = undefined;
        await count();
        const whole = build?.(counted);
        await run(whole ?? [{ do: "add table", table }, { do: "delete table", table }]);
        laid = whole && layDown(whole, performance.now());
        problem = undefined;
        isThere = build !== null;
      } catch (error) {
        // Where it is not needed there is nothing to complain of, nor anything left behind.
        problem = build === null ? undefined : error instanceof Error ? error.message : String(error);
        isThere = false;
        laid = undefined;
      }
      mayHold = build !== null;
      if (build === null) counted = new Map();
    },
    forget() { laid = undefined; },
    problem: () => problem,
  };
}
