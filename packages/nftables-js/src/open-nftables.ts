import { NftError } from "./nft-error.ts";
import { readCounters, readCountersByTable, readElements, readNames } from "./read-json.ts";
import type { CounterValue, HeldElement, TableNames } from "./read-json.ts";
import { renderStatement } from "./render-statement.ts";
import { spawnNft } from "./spawn-nft.ts";
import type { NftProgram } from "./spawn-nft.ts";
import type { Statement, Table } from "./statement.ts";

/** The kernel's packet filter. Every method rejects with NftError. */
export interface Nftables {
  /** All of the statements take effect at once, or none does. */
  runTransaction(statements: readonly Statement[]): Promise<void>;
  /** Named counters of a table, by name; none when the table does not exist. */
  listCounters(table: Table): Promise<ReadonlyMap<string, CounterValue>>;
  /** Named counters of all these tables, read at once: as `listCounters` for each. */
  listCountersOf(tables: readonly Table[]): Promise<readonly ReadonlyMap<string, CounterValue>[]>;
  /** Elements of a set or map; none when it does not exist. */
  listSet(table: Table, kind: "set" | "map", name: string): Promise<readonly HeldElement[]>;
  /** The names of all that a table holds; undefined when it does not exist. */
  listNames(table: Table): Promise<TableNames | undefined>;
}

/** Runs transactions and listings through `program`: by default one nft process for each. Methods reject with NftError. */
export function openNftables(program: NftProgram = spawnNft()): Nftables {
  /** The parsed answer to `nft -j`, or undefined if what was asked for is not there. */
  const list = async (...what: string[]): Promise<unknown> => {
    try {
      return parseJson(await program.run(["-j", ...what]));
    } catch (error) {
      if (error instanceof NftError && error.failure === "not-found") return undefined;
      throw error;
    }
  };
  return {
    async runTransaction(statements) {
      const texts = statements.map(renderStatement);
      try {
        // Not -j: nft 1.0.6 cannot read JSON from a socket, and that is what Node gives a child as standard input.
        if (program.transact) await program.transact(texts);
        else await program.run(["-f", "-"], texts.map((text) => `${text}\n`).join(""));
      } catch (error) {
        throw error instanceof NftError ? nameStatement(error, statements, texts) : error;
      }
    },
    listCounters: async (table) => readCounters(await list("list", "counters", "table", table.family, table.name)),
    async listCountersOf(tables) {
      const all = readCountersByTable(await list("list", "counters"));
      return tables.map(({ family, name }) => all.get(`${family} ${name}`) ?? new Map<string, CounterValue>());
    },
    listSet: async (table, kind, name) => readElements(await list("list", kind, table.family, table.name, name)),
    listNames: async (table) => {
      const answer = await list("-t", "list", "table", table.family, table.name);
      return answer === undefined ? undefined : readNames(answer);
    },
  };
}

/** Adds the statement that nft means by `/dev/stdin:12:5-9: Error: …`. */
function nameStatement(error: NftError, statements: readonly Statement[], texts: readonly string[]): NftError {
  const line = /^[^\s:]+:(\d+):\d+-\d+: Error:/m.exec(error.detail)?.[1];
  if (line === undefined) return error;
  let last = 0;
  const index = texts.findIndex((text) => {
    last += text.split("\n").length;
    return Number(line) <= last;
  });
  const text = texts[index];
  if (text === undefined) return error;
  return new NftError(error.failure, `${error.message} (in: ${text.slice(0, 200)})`, error.detail, statements[index]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NftError("unreadable", "nft did not answer with JSON", text);
  }
}
