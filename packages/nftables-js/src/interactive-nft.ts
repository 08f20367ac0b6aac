import { readFileSync } from "node:fs";
import { NftError } from "./nft-error.ts";
import { spawnNft } from "./spawn-nft.ts";
import type { NftProgram, SpawnOptions } from "./spawn-nft.ts";
import { startNft } from "./start-nft.ts";

export interface InteractiveOptions extends Omit<SpawnOptions, "outputLimit"> {
  /** Runs what is not for `nft -i`: lists, long transactions, and all of it where nft was built without `-i`. */
  readonly spawned?: NftProgram;
  /** An idle process ends after this many milliseconds: it costs memory. */
  readonly idle?: number;
  /** A process with more resident memory than this, in bytes, ends after a second of idleness: nft keeps what it has read of the rules. */
  readonly mostMemory?: number;
  /** A process is replaced after this many transactions: nft remembers every line of its input. */
  readonly mostTransactions?: number;
  /** Where no process answered when it started, none is tried for so long, milliseconds: a router may have been busy. */
  readonly retryAfter?: number;
  /** Longer transactions are left to `spawned`, characters: starting a process is then the smaller part. */
  readonly longestLine?: number;
}

export interface InteractiveNft extends NftProgram {
  transact(texts: readonly string[]): Promise<void>;
  /** Ends the process, if there is one; the next transaction starts another. */
  end(): void;
}

type Process = ReturnType<typeof startProcess>;

/** What is asked of the process that lives, in the words of `nft -j`. The answer must be short. */
const quickQuery = /^list (counters|set \w+ \w+ \w+)$/;

/** A process is replaced after this many characters, for the same reason. */
const mostCharacters = 1024 * 1024;
/** Of one that has grown, milliseconds. */
const shortIdle = 1_000;
/** Milliseconds. */
const startsWithin = 2_000;
/** Ten errors, each with the line that it is about. */
const outputLimit = 1024 * 1024;

/**
 * Runs transactions in one long-lived `nft -i`, one after the other: no process to start for each.
 *
 * To nft a line is a transaction. Each is followed by a line that no grammar has, and nft's complaint about it says that all
 * before it is done. What stands before that complaint is the transaction's own. A transaction that is refused has changed nothing:
 * it is given to `spawned`, whose errors tell the place. One whose fate is unknown is never repeated: `died`, `timed-out`,
 * `too-much-output`, `unreadable`. A process is trusted with a transaction only once it has answered; where none does (OpenWrt's nft
 * is built without `-i`) all goes to `spawned` for ten minutes.
 */
export function interactiveNft({
  command = ["nft"],
  timeout = 10_000,
  spawned = spawnNft({ command, timeout }),
  idle = 30_000,
  mostMemory = 12 * 1024 * 1024,
  mostTransactions = 2_000,
  longestLine = 16 * 1024,
  retryAfter = 600_000,
}: InteractiveOptions = {}): InteractiveNft {
  let notBefore = 0;
  let live: Process | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let idleTimer: NodeJS.Timeout | undefined;

  const end = (): void => {
    clearTimeout(idleTimer);
    live?.kill();
    live = undefined;
  };
  const rest = (process: Process): void => {
    idleTimer = setTimeout(end, process.memory() > mostMemory ? Math.min(idle, shortIdle) : idle).unref();
  };
  const ready = async (): Promise<Process | undefined> => {
    if (live?.isAlive() === true) return live;
    end();
    const started = startProcess(command);
    try {
      if (await started.ask("", Math.min(timeout, startsWithin)) === "") return live = started;
    } catch {
      // No `-i`, or nothing that can be relied on.
    }
    started.kill();
    if (!started.couldNotStart()) notBefore = performance.now() + retryAfter;
    return undefined;
  };
  /** Whether nft took it. */
  const runLine = async (process: Process, line: string): Promise<boolean> => {
    clearTimeout(idleTimer);
    try {
      const complaint = await process.ask(line, timeout);
      if (complaint !== "") end();
      else if (process.asked() > mostTransactions || process.written() > mostCharacters) end();
      else rest(process);
      if (complaint !== "" && !complaint.includes("Error:")) throw new NftError("unreadable", "nft's answer is not what nft answers", complaint);
      return complaint === "";
    } catch (error) {
      end();
      throw error;
    }
  };
  const runTransaction = async (texts: readonly string[]): Promise<void> => {
    const line = texts.filter((text) => !text.startsWith("#")).map((text) => text.replaceAll(/\s*\n\s*/g, " ")).join("; ");
    const process = performance.now() >= notBefore && line.length <= longestLine ? await ready() : undefined;
    if (process && await runLine(process, line)) return;
    await spawned.run(["-f", "-"], texts.map((text) => `${text}\n`).join(""));
  };
  /** What the process that lives prints; undefined if it is not there or did not answer as it should. */
  const query = async (line: string): Promise<string | undefined> => {
    const process = live;
    if (process?.isAlive() !== true) return undefined;
    clearTimeout(idleTimer);
    try {
      const complaint = await process.ask(line, timeout);
      const printed = process.printed().trim();
      // What is not there is no reason to doubt the process; who asks gets the whole complaint from a new one.
      const isMissing = complaint.includes("No such file or directory");
      if (!isMissing && (complaint !== "" || !printed.startsWith("{"))) {
        end();
        return undefined;
      }
      rest(process);
      if (isMissing) return undefined;
      return printed;
    } catch {
      end();
      return undefined;
    }
  };
  return {
    run(argumentList, input) {
      const line = argumentList.slice(1).join(" ");
      if (argumentList[0] !== "-j" || !quickQuery.test(line)) return spawned.run(argumentList, input);
      // A process that lives answers at once; none is started for it. What it cannot answer is asked again.
      const result = last.then(() => query(line)).then((printed) => printed ?? spawned.run(argumentList, input));
      last = result.catch(() => undefined);
      return result;
    },
    transact(texts) {
      const result = last.then(() => runTransaction(texts));
      last = result.catch(() => undefined);
      return result;
    },
    end,
  };
}

function residentMemory(pid: number | undefined): number {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** What nft says of the line that ends a transaction, after which it has nothing more to say of what came before. */
function acknowledgementOf(token: string): RegExp {
  return new RegExp(`(^|\n)Error: syntax error[^\n]*\n${token}\n[ ~^]*\\^[ ~^]*\n`);
}

function startProcess(command: readonly [string, ...string[]]) {
  // Without a home it leaves no ~/.nft.history behind.
  const child = startNft(command, ["-j", "-i"], (error) => {
    couldNotStart = error.code !== "ENOENT";
    over(error.message);
  }, { input: true, variables: { HOME: "/dev/null" } });
  let couldNotStart = false;
  let asked = 0;
  let written = 0;
  let isOver = false;
  let complaints = "";
  let printed = 0;
  let output = "";
  let failure: NftError | undefined;
  let listen = (): void => undefined;

  const giveUp = (error: NftError): void => {
    failure ??= error;
    child?.stdin?.destroy();
    child?.kill("SIGKILL");
  };
  const measure = (length: number): void => {
    printed += length;
    if (printed > outputLimit) giveUp(new NftError("too-much-output", `nft printed more than ${String(outputLimit)} bytes`));
  };
  child?.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    measure(chunk.length);
    if (failure) return;
    output += chunk;
    listen();
  });
  child?.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    measure(chunk.length);
    if (failure) return;
    complaints += chunk;
    listen();
  });
  child?.stdin?.on("error", () => undefined); // EPIPE: its end says why
  const over = (reason: string): void => {
    isOver = true;
    failure ??= new NftError("died", `nft -i ended before it answered: ${reason}`, complaints);
    listen();
  };
  child?.on("close", (code, signal) => {
    over(signal ?? `exit code ${String(code)}`);
  });
  /** An idle process does not keep the caller's alive. */
  const keepAlive = (verb: "ref" | "unref"): void => {
    for (const handle of [child, child?.stdin, child?.stdout, child?.stderr] as (Partial<Record<typeof verb, () => void>> | null | undefined)[])
      handle?.[verb]?.();
  };

  return {
    /** The system had no process or file descriptor for it: nothing is known of nft. */
    couldNotStart: () => couldNotStart,
    isAlive: () => !isOver && failure === undefined,
    asked: () => asked,
    /** Resident, bytes; 0 if that cannot be known. */
    memory: () => residentMemory(child?.pid),
    written: () => written,
    /** What it printed in answer to the last question. */
    printed: () => output,
    kill: () => {
      giveUp(new NftError("died", "nft -i was ended"));
    },
    /** What nft has to say of the line. Rejects once the process is over, so that it will do nothing more. */
    ask(line: string, timeout: number): Promise<string> {
      asked += 1;
      written += line.length;
      printed = 0;
      output = complaints = "";
      const isQuery = quickQuery.test(line);
      const token = `answered_${String(asked)}`;
      const acknowledgement = acknowledgementOf(token);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          giveUp(new NftError("timed-out", `nft did not finish within ${String(timeout)} ms`, complaints));
        }, timeout);
        const done = (settle: () => void): void => {
          clearTimeout(timer);
          listen = () => undefined;
          keepAlive("unref");
          settle();
        };
        listen = () => {
          // Cheap first: a refusal may be long.
          const at = complaints.includes(token) ? complaints.search(acknowledgement) : -1;
          const reason = failure;
          if (reason && isOver)
            done(() => {
              reject(reason);
            });
          // What it prints comes another way, perhaps a moment later than what it complains of.
          else if (!reason && at >= 0 && (!isQuery || at > 0 || output.endsWith("\n")))
            done(() => {
              resolve(complaints.slice(0, at).trim());
            });
        };
        keepAlive("ref");
        if (isOver) listen();
        else child?.stdin?.write(`${line}\n${token}\n`);
      });
    },
  };
}
