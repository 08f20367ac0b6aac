import { milliseconds, type Milliseconds } from "../../model/time.ts";
import { startTool } from "./start-tool.ts";
import { errorText } from "../../text/error-text.ts";

export interface CommandOptions {
  /** After this long the tool is killed. */
  readonly timeout?: Milliseconds;
  /** Bytes of output, in all, after which the tool is killed. */
  readonly mostOutput?: number;
  /** Gets each whole line as it comes, without its end; `stdout` then stays empty, so a long output is never held. */
  readonly onLine?: (line: string) => void;
  /** The owner waits for it: it goes before what upstreams have asked for. */
  readonly isUrgent?: boolean;
}

export interface CommandResult {
  /** The exit status; it is the caller's to judge. */
  readonly status: number;
  readonly stdout: string;
  /** Its first 4 KiB. */
  readonly stderr: string;
}

/** Runs a tool of the router with these arguments, never through a shell. Throws a CommandFailure if it did not run to its end. */
export type RunCommand = (tool: string, args: readonly string[], options?: CommandOptions) => Promise<CommandResult>;

/** `busy`: it was not started, as too many tools wait already. */
export type FailureReason = "missing" | "timeout" | "output" | "killed" | "status" | "busy";

/** A tool that could not be run to its end, or whose end says that it failed. */
export class CommandFailure extends Error {
  readonly tool: string;
  readonly reason: FailureReason;
  constructor(tool: string, reason: FailureReason, message: string) {
    super(message);
    this.name = "CommandFailure";
    this.tool = tool;
    this.reason = reason;
  }
}

/** The OpenWrt package that brings a tool in the form that is needed here. */
const packageOf: Readonly<Record<string, string>> = { conntrack: "conntrack", ip: "ip-full", bridge: "ip-bridge" };

const defaultTimeout = milliseconds(10_000);
const defaultMostOutput = 4 * 1024 * 1024;
const mostErrorText = 4096;
/** No tool prints lines of this many characters; a longer one is cut, and the reader refuses it. */
const longestLine = 65_536;

/** Runs a tool to its end, without a shell, within its time and output. Rejects with CommandFailure. */
export const runCommand: RunCommand = (tool, args, options = {}) =>
  new Promise((resolve, reject) => {
    const { timeout = defaultTimeout, mostOutput = defaultMostOutput, onLine } = options;
    const lines = onLine && lineReader(onLine);
    const held: Buffer[] = [];
    let bytes = 0;
    let stderr = "";
    let failure: CommandFailure | undefined;

    const child = startTool(tool, args, (error) => {
      clearTimeout(timer);
      reject(error.code === "ENOENT" ? missingTool(tool) : new CommandFailure(tool, "killed", `${tool} cannot be run: ${error.message}`));
    });
    const fail = (reason: FailureReason, message: string): void => {
      failure ??= new CommandFailure(tool, reason, message);
      child?.kill("SIGKILL");
      // A child of the tool may hold the pipes open: do not wait for it.
      child?.stdout.destroy();
      child?.stderr.destroy();
    };
    const timer = setTimeout(() => {
      fail("timeout", `${tool} took longer than ${timeout} ms`);
    }, timeout);
    if (!child) return;

    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostOutput) fail("output", `${tool} printed more than ${mostOutput} bytes`);
      else if (!lines) held.push(chunk);
      else {
        try {
          lines(chunk);
        } catch (error) {
          fail("output", `cannot use the output of ${tool}: ${errorText(error)}`);
        }
      }
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (stderr.length < mostErrorText) stderr += text.slice(0, mostErrorText - stderr.length);
    });
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      if (failure) reject(failure);
      else if (status === null) reject(new CommandFailure(tool, "killed", `${tool} was killed by ${signal ?? "a signal"}`));
      else resolve({ status, stdout: Buffer.concat(held).toString("utf8"), stderr });
    });
  });

/** The failure for a tool that ended with an error, in its own words. */
export function failedStatus(tool: string, result: CommandResult): CommandFailure {
  const [words = ""] = result.stderr.trim().split("\n");
  return new CommandFailure(tool, "status", `${tool} failed with status ${result.status}${words === "" ? "" : `: ${words}`}`);
}

/** Runs a tool of iproute2 that prints JSON. */
export async function runForJson(run: RunCommand, tool: "ip" | "bridge", args: readonly string[]): Promise<unknown> {
  const result = await run(tool, ["-j", ...args]);
  if (result.status !== 0) throw withPackage(tool, failedStatus(tool, result));
  // `ip -j` prints nothing at all where some versions have nothing to list.
  if (result.stdout.trim() === "") return [];
  try {
    return JSON.parse(result.stdout) as unknown;
  } catch {
    throw withPackage(tool, new CommandFailure(tool, "output", `${tool} did not print JSON`));
  }
}

/** BusyBox has its own `ip`, which knows no JSON: say what is wanted. */
function withPackage(tool: string, failure: CommandFailure): CommandFailure {
  return new CommandFailure(tool, failure.reason, `${failure.message} (is the package ${packageOf[tool] ?? tool} installed?)`);
}

function missingTool(tool: string): CommandFailure {
  return new CommandFailure(tool, "missing", `${tool} is not installed: install the package ${packageOf[tool] ?? tool}`);
}

/** Cuts chunks into lines. A last line without its end is half written, and is not delivered. */
function lineReader(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    // Bytes, not characters: a line read by this is ASCII, and this cannot fail in the middle of a character.
    const text = rest + chunk.toString("latin1");
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      onLine(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
    if (rest.length > longestLine) rest = rest.slice(0, longestLine);
  };
}
