import { connect } from "node:net";
import type { Milliseconds, Timer } from "../../model/time.ts";
import type { Reply } from "../../operator/dispatch.ts";
import { fail, type OperatorErrorCode } from "../../operator/methods.ts";
import { isRecord } from "../../text/is-record.ts";

const largestReply = 32 * 1024 * 1024; // bytes

/**
 * Has the running daemon answer one request. Never rejects: that nobody is there, or does not answer in time, is an
 * error like those that the daemon sends, in words for the person at the terminal.
 */
export function callDaemon(
  path: string,
  method: string,
  params: object,
  { clock, timeout, who }: { clock: Timer; timeout: Milliseconds; who?: string },
): Promise<Reply> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const socket = connect(path);
    const finish = (reply: Reply): void => {
      stopTimer();
      socket.destroy();
      resolve(reply);
    };
    const stopTimer = clock.after(timeout, () => {
      finish(fail("timeout", `the daemon did not answer within ${Math.round(timeout / 1000)} s`));
    });
    socket.on("connect", () => socket.write(`${JSON.stringify({ id: 1, method, params, who })}\n`));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
      if (chunk.includes(10)) finish(readReply(Buffer.concat(chunks)));
      else if (length > largestReply) finish(fail("internal", "the daemon's answer is too large"));
    });
    socket.on("end", () => {
      finish(fail("unreachable", "the daemon ended the connection without an answer, it may be stopping; see its log"));
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      finish(fail("unreachable", explain(path, error)));
    });
  });
}

function readReply(bytes: Buffer): Reply {
  try {
    const reply: unknown = JSON.parse(bytes.toString("utf8", 0, bytes.indexOf(10)));
    if (isRecord(reply) && isRecord(reply["result"])) return { result: reply["result"] };
    if (isRecord(reply) && isRecord(reply["error"])) {
      const { code, message } = reply["error"];
      if (typeof code === "string" && typeof message === "string") return fail(code as OperatorErrorCode, message); // of a daemon like us
    }
  } catch {
    // not JSON: below
  }
  return fail("internal", "the daemon's answer cannot be understood, it may be of another version; restart it");
}

function explain(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ENOENT":
      return `the daemon is not running: no socket at ${path}`;
    case "ECONNREFUSED":
      return `the daemon is not running: nobody answers at ${path}`;
    case "EACCES":
    case "EPERM":
      return `permission denied at ${path}: only the daemon's user and root may control it`;
    default:
      return `cannot reach the daemon at ${path}: ${error.code ?? error.message}`;
  }
}
