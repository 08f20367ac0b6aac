import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";

export type Tool = ChildProcessByStdio<null, Readable, Readable>;

/**
 * Starts a tool of the router with these arguments, never through a shell. `failed` hears, later, why it could not be started; then
 * there may be no child, or one that never runs.
 */
export function startTool(tool: string, args: readonly string[], failed: (error: NodeJS.ErrnoException) => void): Tool | undefined {
  try {
    const child: Tool = spawn(tool, args, {
      shell: false,
      stdio: ["ignore", "pipe", "pipe"],
      // procd starts a service with a bare PATH; messages are read, so they must not be translated.
      env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin`, LC_ALL: "C" },
    });
    // Before anything else: without a listener an 'error' ends the process.
    child.on("error", failed);
    // Out of file descriptors, Node returns a child without pipes, and reports the error a moment later.
    return (child as Partial<Tool>).stdout ? child : undefined;
  } catch (error) {
    // Out of memory, it throws.
    process.nextTick(failed, error);
    return undefined;
  }
}
