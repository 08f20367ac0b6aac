import { startTool } from "./start-tool.ts";

/** What a tool that runs on and on says. */
export interface FollowListeners {
  /** A piece of its output, which ends anywhere. */
  readonly onData: (chunk: Uint8Array) => void;
  /** What it wrote to its error output. */
  readonly onComplaint: (text: string) => void;
  /** It has ended, or could not be started; called once, and never after `stop`. */
  readonly onEnd: (end: FollowEnd) => void;
}

export interface FollowEnd {
  /** Null: it did not run, or was killed. */
  readonly status: number | null;
  readonly isMissing: boolean;
  readonly reason: string;
}

export interface Followed {
  /** Its output is not read any more, until `resume`: it will wait, and the kernel drop what it should have read. */
  pause(): void;
  resume(): void;
  stop(): void;
}

/** Starts a tool of the router with these arguments, never through a shell, to be read as it goes. */
export type FollowCommand = (tool: string, args: readonly string[], listeners: FollowListeners) => Followed;

/** Starts a tool that lives on, such as `ip monitor`, and passes on what it prints. Never throws: a tool that does not start has ended. */
export const followCommand: FollowCommand = (tool, args, { onData, onComplaint, onEnd }) => {
  let over = false;
  const end = (how: FollowEnd): void => {
    if (over) return;
    over = true;
    onEnd(how);
  };
  const child = startTool(tool, args, (error) => {
    end({ status: null, isMissing: error.code === "ENOENT", reason: error.code === "ENOENT" ? `${tool} is not installed` : error.message });
  });
  child?.stdout.on("data", (chunk: Buffer) => {
    if (!over) onData(chunk);
  });
  child?.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (!over) onComplaint(text.slice(0, 4096));
  });
  child?.on("close", (status, signal) => {
    end({ status, isMissing: false, reason: status === null ? `${tool} was killed by ${signal ?? "a signal"}` : `${tool} ended with status ${status}` });
  });
  return {
    pause: () => {
      child?.stdout.pause();
    },
    resume: () => {
      child?.stdout.resume();
    },
    stop() {
      over = true;
      child?.kill("SIGTERM");
    },
  };
};
