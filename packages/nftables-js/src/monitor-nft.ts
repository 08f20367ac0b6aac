import { startNft } from "./start-nft.ts";
import type { SpawnOptions } from "./spawn-nft.ts";
import type { Table } from "./statement.ts";

export interface MonitorOptions extends Pick<SpawnOptions, "command"> {
  /** A transaction, of whomever, has changed one of the tables. */
  readonly changed: () => void;
  /** Nothing is known of what happened until now: on starting again after the program died. */
  readonly missed: () => void;
  /** Why it does not run, and in how many milliseconds it is started again. */
  readonly failed?: (reason: string, startsIn: number) => void;
  /** Another process takes over from one that has printed this many lines: nft keeps something of all that it has seen. */
  readonly mostLines?: number;
}

/** Milliseconds until a program that died is started again; the last one from then on. */
const restartAfter: readonly number[] = [200, 1_000, 5_000, 30_000];
/** A longer line can only be about other tables' elements: its tail is thrown away, characters. */
const longestLine = 4096;
/** Until a new one listens for sure, milliseconds. Meanwhile both do. */
const listensAfter = 5_000;

/** One transaction: its number, and whether it touched one of the tables. */
interface Transaction {
  readonly number: number;
  readonly isOurs: boolean;
}

/**
 * Follows `nft monitor`: one process, idle between changes, where a check every second would cost a process every second.
 * Returns the function that ends it.
 */
export function monitorNft(tables: readonly Table[],
  { command = ["nft"], changed, missed, failed = () => undefined, mostLines = 8_000 }: MonitorOptions): () => void {
  const isOurs = new RegExp(`^\\s*(add|delete|insert|replace|destroy|flush) .*\\b(${tables.map(({ family, name }) => `${family} ${name}`).join("|")})\\b`);
  let stopped = false;
  let deaths = 0;
  let timer: NodeJS.Timeout | undefined;
  let current: Follower | undefined;
  let next: { readonly follower: Follower; readonly heard: Transaction[] } | undefined;
  /** The last that was heard of. */
  let last = NaN;

  const hear = ({ number, isOurs: isTouched }: Transaction): void => {
    last = number;
    if (!isTouched) return;
    deaths = 0;
    changed();
  };
  const begin = (): Follower => {
    const follower = follow(command, isOurs, {
      heard(transaction) {
        if (next?.follower === follower) next.heard.push(transaction);
        else if (current === follower) hear(transaction);
        if (current === follower && next === undefined && follower.lines() > mostLines) succeed();
      },
      over(reason) {
        if (stopped || (current !== follower && next?.follower !== follower)) return;
        const startsIn = restartAfter[Math.min(deaths, restartAfter.length - 1)] ?? 30_000;
        failed(reason, startsIn);
        next?.follower.end();
        current?.end();
        current = next = undefined;
        clearTimeout(timer);
        timer = setTimeout(() => {
          current = begin();
          missed();
        }, startsIn);
        deaths += 1;
      },
    });
    return follower;
  };
  /** Another takes over once it listens; by their numbers nothing is heard twice, or missed. */
  const succeed = (): void => {
    next = { follower: begin(), heard: [] };
    timer = setTimeout(() => {
      const { follower, heard } = next ?? {};
      if (!follower || !heard) return;
      current?.end();
      current = follower;
      next = undefined;
      const first = heard.find(({ number }) => number > last);
      if (first && first.number > last + 1) missed();
      for (const transaction of heard) if (transaction.number > last) hear(transaction);
    }, listensAfter);
  };
  current = begin();
  return () => {
    stopped = true;
    clearTimeout(timer);
    current?.end();
    next?.follower.end();
  };
}

interface Follower {
  /** So many has it printed. */
  lines(): number;
  end(): void;
}

function follow(
  command: readonly [string, ...string[]],
  isOurs: RegExp,
  { heard, over }: { readonly heard: (transaction: Transaction) => void; readonly over: (reason: string) => void },
): Follower {
  const child = startNft(command, ["monitor"], (error) => {
    over(error.message);
  }, { complaints: false });
  let line = "";
  let lines = 0;
  let touched = false;
  const finishLine = (): void => {
    lines += 1;
    // The kernel announces a transaction's end by its generation.
    const generation = /^# new generation (\d*)/.exec(line);
    if (generation) {
      heard({ number: Number(generation[1]), isOurs: touched });
      touched = false;
    } else if (isOurs.test(line)) touched = true;
    line = "";
  };
  child?.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    const [first = "", ...others] = chunk.split("\n");
    line = (line + first).slice(0, longestLine);
    for (const further of others) {
      finishLine();
      line = further.slice(0, longestLine);
    }
  });
  child?.on("close", (code, signal) => {
    over(`nft monitor ended: ${signal ?? `exit code ${String(code)}`}`);
  });
  return {
    lines: () => lines,
    end: () => {
      child?.kill("SIGKILL");
    },
  };
}
