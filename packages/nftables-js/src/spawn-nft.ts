import { NftError } from "./nft-error.ts";
import { startNft } from "./start-nft.ts";

/** Something that runs nft commands: a process for each (`spawnNft`), or one for many (`interactiveNft`). */
export interface NftProgram {
  /** Resolves to what nft printed; rejects with NftError. `input` goes to its standard input, for `-f -`. */
  run(argumentList: readonly string[], input?: string): Promise<string>;
  /** One transaction, a text a statement. Without it, `run` gets it as a file. */
  transact?(texts: readonly string[]): Promise<void>;
}

export interface SpawnOptions {
  /** The program and what stands before its arguments: `["ip", "netns", "exec", "lan", "nft"]`. Never a shell. */
  readonly command?: readonly [string, ...string[]];
  /** A process that runs longer is killed, milliseconds. */
  readonly timeout?: number;
  /** A process that prints more is killed, bytes. */
  readonly outputLimit?: number;
}

/** Runs each command in a new nft process. */
export function spawnNft({ command = ["nft"], timeout = 10_000, outputLimit = 64 * 1024 * 1024 }: SpawnOptions = {}): NftProgram {
  return { run: (argumentList, input = "") => runOnce(command, argumentList, input, timeout, outputLimit) };
}

function runOnce(
  command: readonly [string, ...string[]],
  argumentList: readonly string[],
  input: string,
  timeout: number,
  outputLimit: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = startNft(command, argumentList, (error) => {
      clearTimeout(timer);
      reject(error.code === "ENOENT"
        ? new NftError("not-installed", `${command[0]} is not installed`, error.message)
        : new NftError("not-started", `cannot run ${command[0]}: ${error.message}`, error.message));
    }, { input: true });
    const output = { printed: [] as Buffer[], complaints: [] as Buffer[], size: 0 };
    let failure: NftError | undefined;

    const giveUp = (error: NftError): void => {
      failure ??= error;
      child?.kill("SIGKILL");
    };
    const timer = setTimeout(() => {
      giveUp(new NftError("timed-out", `nft did not finish within ${String(timeout)} ms`));
    }, timeout);
    const collect = (into: Buffer[]) => (chunk: Buffer): void => {
      output.size += chunk.length;
      if (output.size > outputLimit) giveUp(new NftError("too-much-output", `nft printed more than ${String(outputLimit)} bytes`));
      else into.push(chunk);
    };

    if (!child?.stdout || !child.stderr || !child.stdin) return; // 'error' follows
    child.stdout.on("data", collect(output.printed));
    child.stderr.on("data", collect(output.complaints));
    child.stdin.on("error", () => undefined); // EPIPE: it ended without reading all; its exit code says why
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const complaint = Buffer.concat(output.complaints).toString();
      if (failure) reject(failure);
      else if (code === 0) resolve(Buffer.concat(output.printed).toString());
      else reject(refusal(complaint, code === null ? `killed by ${String(signal)}` : `exit code ${String(code)}`));
    });
    child.stdin.end(input);
  });
}

function refusal(complaint: string, end: string): NftError {
  const firstLine = complaint.split("\n").find((line) => line.includes("Error:")) ?? complaint.split("\n")[0] ?? "";
  const message = `nft refused: ${firstLine.slice(0, 300) || end}`;
  return new NftError(complaint.includes("No such file or directory") ? "not-found" : "refused", message, complaint);
}
