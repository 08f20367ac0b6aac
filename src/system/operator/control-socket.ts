import { chmodSync, lstatSync, renameSync, rmSync, unlinkSync, type Stats } from "node:fs";
import { createServer, connect, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { milliseconds, type Timer } from "../../model/time.ts";
import type { Reply } from "../../operator/dispatch.ts";
import { fail } from "../../operator/methods.ts";
import type { Log } from "../../model/ports.ts";
import { readRequest } from "./control-request.ts";

export interface ControlSocket {
  /** Ends all clients and removes the socket, if it is still ours. */
  close(): Promise<void>;
}

export const controlLimits = {
  clients: 16,
  /** Bytes of a request, without its line feed. */
  line: 64 * 1024,
  /** How long a client may say nothing, or not read its answer, until it is dropped. */
  silence: milliseconds(60_000),
} as const;

/** dispatch() with the pipeline's actions. `who` is what the client says: the socket's mode lets only the daemon's user and root in. */
type Answerer = (who: string | null, method: unknown, params: unknown) => Promise<Reply>;

interface ControlSocketDeps {
  readonly clock: Timer;
  readonly log: Log;
}

/** Why the socket cannot be opened, in words for the log. */
export class ControlSocketError extends Error {}

/**
 * Serves control methods on a UNIX socket of mode 0600: a JSON object a line in, one out, in order. A client has one
 * request answered at a time and is not read meanwhile, so that it holds at most one line and one answer in memory.
 * Rejects with a ControlSocketError if another daemon answers at `path`; takes over a socket that nobody answers on.
 */
export async function openControlSocket(
  path: string,
  answer: Answerer,
  deps: ControlSocketDeps,
): Promise<ControlSocket> {
  const { log } = deps;
  await checkPath(path);
  const clients = new Set<Socket>();
  // allowHalfOpen: `echo '{…}' | nc -U …` closes its side first and still gets its answer.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (clients.size >= controlLimits.clients) {
      log("warn", `control socket: refused a client, ${controlLimits.clients} are connected`);
      client.on("error", () => client.destroy());
      client.end(`${JSON.stringify({ id: null, ...fail("busy", "too many clients are connected, try again later") })}\n`, () => client.destroy());
      return;
    }
    clients.add(client);
    client.on("close", () => clients.delete(client));
    serveClient(client, answer, deps);
  });
  const isOurs = await listenPrivately(server, path);
  server.on("error", (error) => {
    log("error", `control socket ${path}: ${error.message}`);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        if (isOurs()) unlinkSync(path);
        for (const client of clients) client.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
}

/** Refuses a path where a daemon lives, or something that is not a socket. */
async function checkPath(path: string): Promise<void> {
  const found = statOf(path);
  if (!found) return;
  if (!found.isSocket()) throw new ControlSocketError(`${path} exists and is not a socket; remove it, or set option control_socket to another path`);
  const outcome = await new Promise<string>((resolve) => {
    const probe = connect(path);
    probe.on("connect", () => {
      resolve("alive");
      probe.destroy();
    });
    probe.on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? "unknown error");
    });
  });
  // EAGAIN: somebody listens there whose queue is full.
  if (outcome === "alive" || outcome === "EAGAIN") throw new ControlSocketError(`another dots-callhome is running, it answers on ${path}; stop it first`);
  if (outcome !== "ECONNREFUSED" && outcome !== "ENOENT") throw new ControlSocketError(`${path}: cannot tell whether a daemon listens there (${outcome})`);
}

/**
 * Binds beside `path` under a mask that leaves the owner alone, then renames: at no moment does the socket have wider
 * rights, and a dead one is replaced in one step. Returns whether the socket at `path` is still this one.
 */
async function listenPrivately(server: Server, path: string): Promise<() => boolean> {
  const temporary = join(dirname(path), `.dc${process.pid}`);
  try {
    rmSync(temporary, { force: true }); // of a daemon with our process id that died at this point
    await new Promise<void>((resolve, reject) => {
      server.once("listening", resolve);
      server.once("error", reject);
      const mask = process.umask(0o177);
      try {
        server.listen(temporary); // binds before it returns, so the mask holds for nothing else
      } finally {
        process.umask(mask);
      }
    });
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } catch (error) {
    server.close();
    throw new ControlSocketError(
      `cannot open the control socket ${path}: ${error instanceof Error ? error.message : "unknown error"}; check option control_socket`,
    );
  }
  const inode = statOf(path)?.ino;
  return () => inode !== undefined && statOf(path)?.ino === inode;
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Reads lines from a client and answers each before it reads on. */
function serveClient(client: Socket, answer: Answerer, { clock, log }: ControlSocketDeps): void {
  let received = Buffer.alloc(0);
  let isAnswering = false;
  let hasEnded = false;
  let stopTimer = (): void => undefined;
  const expectProgress = (): void => {
    stopTimer();
    if (client.destroyed) return;
    stopTimer = clock.after(milliseconds(controlLimits.silence), () => client.destroy());
  };

  const answerLine = async (line: Buffer): Promise<void> => {
    const request = readRequest(line);
    const reply = "error" in request ? { id: null, error: request.error } : { id: request.id, ...await answer(request.who, request.method, request.params) };
    expectProgress();
    await new Promise<void>((resolve) => {
      client.write(`${JSON.stringify(reply)}\n`, () => {
        resolve();
      });
    });
    expectProgress();
  };

  const work = async (): Promise<void> => {
    if (isAnswering) return;
    isAnswering = true;
    client.pause();
    let end = received.indexOf(10);
    while (end >= 0 && end <= controlLimits.line && !client.destroyed) {
      const line = received.subarray(0, end);
      received = received.subarray(end + 1);
      stopTimer();
      if (line.length > 0) await answerLine(line);
      end = received.indexOf(10);
    }
    isAnswering = false;
    if (client.destroyed) return;
    if (received.length > controlLimits.line) {
      received = Buffer.alloc(0);
      hasEnded = true;
      client.write(`${JSON.stringify({ id: null, ...fail("bad-request", `a request has at most ${controlLimits.line} bytes`) })}\n`);
    }
    expectProgress();
    if (hasEnded) client.end(() => client.destroy());
    else client.resume();
  };

  const receive = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    work().catch((error: unknown) => {
      log("error", `control socket: ${error instanceof Error ? error.message : "unknown error"}`);
      client.destroy();
    });
  };
  client.on("data", receive);
  client.on("end", () => {
    hasEnded = true;
    receive(Buffer.from("\n")); // for a last line that was not ended
  });
  client.on("error", () => client.destroy());
  client.on("close", () => {
    stopTimer();
  });
  expectProgress();
}
