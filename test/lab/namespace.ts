import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { patience } from "../patience.ts";

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** One host of the lab. Commands are argument arrays and never pass through a shell. */
export interface Namespace {
  readonly name: string;
  /** Waits for the end; any exit code is a result. Rejects if it cannot start or takes longer than `timeoutMs` (`patience`). */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts it and returns at once; `destroy` of the lab kills it. The child's pid is the command's own. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
}

/** `ip`, `nft` and `sysctl` live in sbin, which a user's PATH may lack. */
export const toolPath = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

/** `track` is told every process that is started. */
export function openNamespace(name: string, track: (child: ChildProcess) => void): Namespace {
  const start = (command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess => {
    const child = spawn("ip", ["netns", "exec", name, command, ...args], {
      ...options,
      env: { ...(options.env ?? process.env), PATH: toolPath },
    });
    track(child);
    return child;
  };
  return {
    name,
    spawn: start,
    run: (command, args, options = {}) => finish(start(command, args, { stdio: "pipe" }), `${name}: ${command} ${args.join(" ")}`, options),
  };
}

/** Runs a command outside of any namespace. */
export function runTool(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(command, args, { stdio: "pipe", env: { ...process.env, PATH: toolPath } });
  return finish(child, `${command} ${args.join(" ")}`, options);
}

/** The output of a command that is expected to succeed. */
export async function expectSuccess(what: string, finished: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await finished;
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}

function finish(child: ChildProcess, what: string, { input, timeoutMs = patience }: RunOptions): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream]?.setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${what}: not finished after ${timeoutMs} ms`));
      else if (code === null) reject(new Error(`${what}: killed by ${signal ?? "a signal"}`));
      else resolve({ code, ...output });
    });
    // A command that does not read its input (EPIPE) tells by its exit code.
    child.stdin?.on("error", () => undefined).end(input);
  });
}
