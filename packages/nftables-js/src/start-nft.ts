import { spawn, type ChildProcess } from "node:child_process";

/** Messages are told apart by their English text; procd's PATH may lack the sbin directories. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" });

/**
 * Starts nft, never through a shell. `failed` hears, later, why it could not be started; then there may be no child, or one without
 * pipes, or one that never runs. `input`: whether it is written to; `complaints`: whether its error output is read.
 */
export function startNft(
  [program, ...before]: readonly [string, ...string[]],
  argumentList: readonly string[],
  failed: (error: NodeJS.ErrnoException) => void,
  { input = false, complaints = true, variables = {} }: {
    readonly input?: boolean;
    readonly complaints?: boolean;
    readonly variables?: Readonly<Record<string, string>>;
  } = {},
): ChildProcess | undefined {
  try {
    const child = spawn(program, [...before, ...argumentList], {
      env: { ...environment(), ...variables },
      stdio: [input ? "pipe" : "ignore", "pipe", complaints ? "pipe" : "ignore"],
    });
    // Before anything else: without a listener an 'error' ends the process.
    child.on("error", failed);
    return child;
  } catch (error) {
    // Out of memory, spawn throws.
    process.nextTick(failed, error);
    return undefined;
  }
}
