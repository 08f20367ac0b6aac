import { startNft } from "./start-nft.ts";
import type { SpawnOptions } from "./spawn-nft.ts";
import type { Table } from "./statement.ts";

export interface MonitorOptions extends Pick<SpawnOptions, "command"> {
  /** A transaction, of whomever, has changed one of the tables. */
  readonly changed: () => void;
  /** Nothing is known of what happened until now: on starting again after the program died. */
  readonly missed: () => void;
  /** Why it does not run; it is tried again. */
  readonly failed?: (reason: string) => void;
}

/** Milliseconds until a program that died is started again; the last one from then on. */
const restartAfter: readonly number[] = [200, 1_000, 5_000, 30_000];
/** A longer line can only be about other tables' elements: its tail is thrown away, characters. */
const longestLine = 4096;

/**
 * Follows `nft monitor`: one process, idle between changes, where a check every second would cost a process every second.
 * Returns the function that ends it.
 */
export function monitorNft(tables: readonly Table[], { command = ["nft"], changed, missed, failed = () => undefined }: MonitorOptions): () => void {
  const isOurs = new RegExp(`^\\s*(add|delete|insert|replace|destroy|flush) .*\\b(${tables.map(({ family, name }) => `${family} ${name}`).join("|")})\\b`);
  let stopped = false;
  let deaths = 0;
  let timer: NodeJS.Timeout | undefined;
  let child: ReturnType<typeof start> | undefined;

  const start = () => {
    const started = startNft(command, ["monitor"], (error) => { over(error.message); }, { complaints: false });
    let line = "";
    let touched = false;
    const finishLine = (): void => {
      if (isOurs.test(line)) touched = true;
      // The kernel announces a transaction's end by its generation.
      else if (touched && line.startsWith("# new generation")) {
        touched = false;
        deaths = 0;
        changed();
      }
      line = "";
    };
    started?.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      const [first = "", ...others] = chunk.split("\n");
      line = (line + first).slice(0, longestLine);
      for (const next of others) {
        finishLine();
        line = next.slice(0, longestLine);
      }
    });
    let isOver = false;
    const over = (reason: string): void => {
      if (isOver || stopped) return;
      isOver = true;
      failed(reason);
      timer = setTimeout(() => {
        child = start();
        missed();
      }, restartAfter[Math.min(deaths, restartAfter.length - 1)]);
      deaths += 1;
    };
    started?.on("close", (code, signal) => { over(`nft monitor ended: ${signal ?? `exit code ${String(code)}`}`); });
    return started;
  };
  child = start();
  return () => {
    stopped = true;
    clearTimeout(timer);
    child?.kill("SIGKILL");
  };
}
