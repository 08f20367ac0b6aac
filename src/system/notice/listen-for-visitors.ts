import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { noticeLimits } from "./notice-limits.ts";

export interface VisitorListener {
  readonly welcome: (socket: Socket) => void;
  /** If it rejects, the connection is ended. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

/** Listens on all addresses, and loads `node:http` only then. Rejects if the port cannot be had: see `codeOf`. */
export async function listenForVisitors(port: number, { welcome, answer }: VisitorListener): Promise<Server> {
  const { createServer } = await import("node:http");
  const created = createServer({
    maxHeaderSize: noticeLimits.headers,
    requestTimeout: noticeLimits.life,
    headersTimeout: noticeLimits.life,
    connectionsCheckingInterval: 1_000,
    keepAlive: false,
    requireHostHeader: false,
  });
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch(() => {
      request.socket.destroy();
    });
  };
  created.on("connection", (socket: Socket) => {
    welcome(socket);
  });
  created.on("request", take);
  created.on("checkContinue", take); // nobody is told to go on
  created.on("clientError", (_error, socket) => {
    socket.destroy();
  });
  // A kernel without IPv6 has no address `::`.
  await bind(created, port, "::").catch((error: unknown) => {
    if (["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(codeOf(error))) return bind(created, port, "0.0.0.0");
    throw error;
  });
  created.on("error", () => undefined); // accept() without a free file descriptor: the next one, perhaps
  return created;
}

function bind(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog: noticeLimits.backlog }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** What Node calls the failure, `EADDRINUSE`; empty if it has no name for it. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
