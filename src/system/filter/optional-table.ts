import { additionsTo, changesTo, layDown, type Laid } from "../../enforcer/ruleset-diff.ts";
import { type BaseChain, type CounterValue, type Nftables, NftError, type Statement, type Table } from "nftables-js";
import { errorText } from "../../text/error-text.ts";
import { steadyInstant } from "../../model/time.ts";

type Counters = ReadonlyMap<string, CounterValue>;

/**
 * The whole table; nothing if it is not needed. `counted`: so far. `refused`: hooks that the kernel did not have a moment ago; without
 * them it may take the rest.
 */
type Build = (counted: Counters, refused: readonly BaseChain[]) => readonly Statement[];

/** A table in a family that a kernel may be without: what it adds is then missing, and the rest holds all the same. */
export interface OptionalTable {
  replace(build: Build): Promise<void>;
  /** These are its counters now: by name, with those that it no longer has. */
  note(now: Counters): Counters;
  /** Somebody else may have changed it. */
  forget(): void;
  /** Why it is missing although it is needed. */
  problem(): string | undefined;
}

/** Transactions that are tried before all is given up: there is a hook at most for each network card. */
const mostAttempts = 8;

/** `isCurrent`: of a counter's name, whether anybody still asks for it. */
export function openOptionalTable(
  nftables: Nftables,
  table: Table,
  run: (statements: readonly Statement[]) => Promise<void>,
  isCurrent: (counter: string) => boolean,
): OptionalTable {
  const removal: readonly Statement[] = [{ do: "add table", table }, { do: "delete table", table }];
  let isThere = true; // an earlier run may have left it, with what it has counted
  let laid: Laid | undefined;
  let mayHold = true; // an earlier run may have left it
  let counted: Counters = new Map();
  let refused: readonly BaseChain[] = [];
  let problem: string | undefined;
  const note = (now: Counters): Counters => counted = new Map([...counted, ...now].filter(([name]) => isCurrent(name)));
  /** What the kernel took of it. */
  const runWhole = async (build: Build): Promise<readonly Statement[]> => {
    refused = [];
    for (let attempt = 1;; attempt += 1) {
      const whole = build(counted, refused);
      try {
        await run(whole.length === 0 ? removal : whole);
        return whole;
      } catch (error) {
        const hook = error instanceof NftError && error.statement && "base" in error.statement ? error.statement.base : undefined;
        // The whole may be repeated where nobody knows whether it has happened.
        const isUnknown = error instanceof NftError && error.failure === "died";
        if ((!hook && !isUnknown) || attempt === mostAttempts) throw error;
        if (hook) refused = [...refused, hook];
      }
    }
  };
  return {
    note,
    async replace(build) {
      const wanted = build(counted, refused);
      const isNeeded = wanted.length > 0;
      if (!isNeeded && !mayHold) return;
      const next = isNeeded && laid ? layDown(wanted, steadyInstant(performance.now())) : undefined;
      const step = laid && next && (additionsTo(laid, next) ?? changesTo(laid, next));
      try {
        // Where a step is refused the table is not as we left it: the whole mends that.
        if (step && (step.statements.length === 0 || await run(step.statements).then(() => true, () => false))) {
          laid = step.laid;
          return;
        }
        laid = undefined;
        // A kernel without the family says so when it is to take the table.
        if (isThere) note(await nftables.listCounters(table).catch(() => new Map<string, CounterValue>()));
        const whole = await runWhole(build);
        isThere = whole.length > 0;
        laid = isThere ? layDown(whole, steadyInstant(performance.now())) : undefined;
        problem = undefined;
      } catch (error) {
        // Where it is not needed there is nothing to complain of, nor anything left behind.
        problem = !isNeeded ? undefined : errorText(error);
        isThere = false;
        laid = undefined;
      }
      mayHold = isNeeded;
    },
    forget() {
      laid = undefined;
    },
    problem: () => problem,
  };
}
