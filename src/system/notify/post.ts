import type { Socket } from "node:net";
import { between, milliseconds, type Milliseconds, type SteadyClock } from "../../model/time.ts";
import { openStream } from "./open-stream.ts";
import { RefusedDelivery } from "./outbox.ts";

/** What a receiver may cost us. It is not trusted: only its status is of interest. */
const postLimits = {
  /** From the first packet to the status. A SYN that is lost is sent again after 1, 3 and 7 s. */
  patience: milliseconds(20_000),
  /** Of the status line and headers; node:http ends the connection beyond. */
  headers: 16 * 1024, // bytes
  /** Read of the body, so that the connection ends in order; what is longer is cut off. */
  body: 16 * 1024, // bytes
  /** Answers `1xx` before the real one. */
  interim: 8,
} as const;

export interface Post {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM. */
  readonly ca: string | undefined;
  readonly clock: SteadyClock;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** POSTs a body. Rejects with RefusedDelivery where the receiver will not take this message. Follows no redirection. */
export async function post({ url, body, headers, ca, clock, signal }: Post, patience = postLimits.patience): Promise<void> {
  const { protocol, hostname, port, host, pathname, search, username, password } = new URL(url);
  const isSecure = protocol === "https:";
  const begun = clock.now();
  // Only where there is somebody to tell: it takes memory. Before there is a socket: one that closes meanwhile would not be noticed.
  const { request } = await import("node:http");
  const socket = await openStream({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port === "" ? (isSecure ? 443 : 80) : port),
    ...(isSecure ? { tls: { ca } } : {}),
  }, patience, clock, signal);
  const left = Math.max(1, patience - Math.max(0, between(begun, clock.now())));
  const status = await ask(request, socket, {
    path: `${pathname}${search}`,
    body,
    left: milliseconds(left),
    clock,
    signal,
    headers: {
      "Host": host,
      "Content-Type": "application/json",
      "Content-Length": String(Buffer.byteLength(body)),
      "User-Agent": "dots-callhome",
      "Connection": "close",
      ...(username === ""
        ? {}
        : { Authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}` }),
      ...headers,
    },
  }).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
  if (status >= 200 && status < 300) return;
  const problem = `the server answers HTTP ${status}`;
  throw isFinal(status) ? new RefusedDelivery(problem) : new Error(problem);
}

interface Question extends Pick<Post, "body" | "headers" | "clock" | "signal"> {
  readonly path: string;
  readonly left: Milliseconds;
}

/** Sends the request on a socket of its own, and gives the answer's status. The socket is gone soon afterwards, whatever the server does. */
function ask(open: typeof import("node:http").request, socket: Socket, { path, body, headers, left, clock, signal }: Question): Promise<number> {
  return new Promise((resolve, reject) => {
    let interim = 0;
    const request = open({ method: "POST", path, headers, setHost: false, createConnection: () => socket, maxHeaderSize: postLimits.headers });
    const end = (problem: string): void => {
      reject(new Error(problem));
      request.destroy();
      socket.destroy();
    };
    const stop = clock.after(left, () => {
      end(`no answer within ${postLimits.patience / 1000} s`);
    });
    const callOff = (): void => {
      end("called off");
    };
    signal.addEventListener("abort", callOff, { once: true });
    socket.once("close", () => {
      stop();
      signal.removeEventListener("abort", callOff);
      reject(new Error("the server closed the connection without an answer"));
    });
    request.on("error", (error) => {
      reject(error);
      socket.destroy();
    });
    request.on("information", () => {
      if (++interim > postLimits.interim) end("the server answers HTTP 1xx again and again");
    });
    request.on("upgrade", () => {
      end("the server answers HTTP 101");
    });
    request.on("response", (response) => {
      resolve(response.statusCode ?? 0);
      let read = 0;
      response.on("error", () => undefined);
      response.on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read > postLimits.body) socket.destroy();
      });
      response.on("end", () => {
        socket.destroy();
      });
    });
    request.end(body);
    if (signal.aborted) callOff();
  });
}

/** Whether the same message will be refused again. A server that is only just starting, or behind a proxy, says 401, 403, 404 or 5xx for a while. */
function isFinal(status: number): boolean {
  return (status >= 300 && status < 400) || [400, 405, 406, 410, 411, 413, 414, 415, 422, 431].includes(status);
}
