import { createHash } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { noticePort } from "../../enforcer/quarantine-chains.ts";
import type { QuarantinedDevice } from "../../model/enforcement.ts";
import type { Milliseconds } from "../../model/time.ts";
import { composeNotice, noticeStyle } from "../../operator/compose-notice.ts";
import { noticeLanguage } from "../../operator/notice-words.ts";
import type { Language } from "../../operator/notification-words.ts";
import type { Log, NoticePage } from "../../model/ports.ts";
import type { Visitor, Visitors } from "./visitors.ts";
import { errorText } from "../../text/error-text.ts";

export interface NoticePageParts {
  readonly visitors: Visitors;
  /** For readers whose browser asks for none that there is. */
  readonly language: () => Language;
  readonly log: Log;
  /** It has begun or ceased to listen. */
  readonly changed?: () => void;
  readonly port?: number;
}

export interface OpenNoticePage extends NoticePage {
  /** Why there is no page though there should be; for `status`. */
  warnings(): readonly string[];
  isOpen(): boolean;
  /** Ends listening, and all connections. */
  close(): Promise<void>;
}

/** Stands for all who are not in the neighbour table yet. */
const nobodyKnows = "nobody knows";

/** A device that was hijacked may well attack the page that says so. */
export const noticeLimits = {
  connections: 16,
  /** For one device, whatever its addresses; those of whom nobody knows the device yet count as one. */
  connectionsOfOne: 4,
  /** New ones in a second; a browser makes two or three. */
  aSecond: 50,
  aSecondOfOne: 10,
  /** A connection's whole life. */
  life: 5_000 as Milliseconds,
  headers: 8 * 1024,
  /** For a request's body, which nobody reads. */
  body: 64 * 1024,
  /** Connections that the kernel keeps for us. */
  backlog: 64,
} as const;

/**
 * The notice page, while anybody is cut off; without, nothing listens and `node:http` is not even loaded.
 *
 * It listens on all addresses, as those of the LAN come and go with the provider's IPv6 prefix, and answers who comes from a LAN device's
 * network only: a WAN without a firewall gets not a byte.
 */
export function openNoticePage({ visitors, language, log, changed = () => undefined, port = noticePort }: NoticePageParts): OpenNoticePage {
  let cutOff: readonly QuarantinedDevice[] = [];
  let server: Server | undefined;
  let problem: string | undefined;
  let isClosed = false;
  let turn: Promise<void> = Promise.resolve();
  const open = new Map<Socket, string>();
  const isTooOften = createRate(noticeLimits.aSecond, noticeLimits.aSecondOfOne);
  /** One request a connection. */
  const asked = new WeakSet<Socket>();

  const isCutOff = ({ address, macs }: Visitor): boolean => cutOff.some(({ mac, addresses }) => (mac !== null && macs.includes(mac)) || addresses.includes(address));

  const countOf = (who: string): number => [...open.values()].filter((each) => each === who).length;
  /** Who holds most, and for longest, makes room: a request takes milliseconds, who holds a connection open does not ask for anything. */
  const makeRoom = (): void => {
    const most = Math.max(...[...open.values()].map(countOf));
    // Never by resetAndDestroy: behind an answer that is just being closed, Node 20 leaves its socket open for good.
    [...open].find(([, who]) => countOf(who) === most)?.[0].destroy();
  };

  const welcome = (socket: Socket): void => {
    const from = socket.remoteAddress ?? "";
    const who = visitors.seenAs(from) ?? nobodyKnows;
    socket.on("error", () => undefined);
    if (isTooOften(who) || countOf(who) >= noticeLimits.connectionsOfOne) {
      socket.destroy();
      return;
    }
    if (open.size >= noticeLimits.connections) makeRoom();
    open.set(socket, who);
    const end = setTimeout(() => { socket.destroy(); }, noticeLimits.life);
    socket.once("close", () => {
      clearTimeout(end);
      open.delete(socket);
    });
    // A device may have any number of addresses, but few MAC addresses: as soon as that is known it is what counts.
    if (who === nobodyKnows) visitors.identify(from).then(() => {
      const known = visitors.seenAs(from);
      if (known === undefined || !open.has(socket)) return;
      if (countOf(known) >= noticeLimits.connectionsOfOne) socket.destroy();
      else open.set(socket, known);
    }, () => undefined);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    bound(request);
    const isFirst = !asked.has(request.socket);
    asked.add(request.socket);
    const visitor = isFirst ? await visitors.identify(request.socket.remoteAddress ?? "") : undefined;
    if (!visitor) {
      request.socket.destroy();
      return;
    }
    const page = Buffer.from(composeNotice(noticeLanguage(request.headers["accept-language"], language()), isCutOff(visitor)));
    response.writeHead(statusFor(request.method), { ...headers, "Content-Length": page.length });
    response.end(page); // without its body where the method is HEAD
  };

  const listen = async (): Promise<void> => {
    const { createServer } = await import("node:http");
    const created = createServer({
      maxHeaderSize: noticeLimits.headers, requestTimeout: noticeLimits.life, headersTimeout: noticeLimits.life, connectionsCheckingInterval: 1_000,
      keepAlive: false, requireHostHeader: false,
    });
    const take = (request: IncomingMessage, response: ServerResponse): void => { answer(request, response).catch(() => { request.socket.destroy(); }); };
    created.on("connection", welcome);
    created.on("request", take);
    created.on("checkContinue", take); // nobody is told to go on
    created.on("clientError", (_error, socket) => { socket.destroy(); });
    // A kernel without IPv6 has no address `::`.
    await bind(created, port, "::").catch((error: unknown) => {
      if (["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(codeOf(error))) return bind(created, port, "0.0.0.0");
      throw error;
    });
    created.on("error", () => undefined); // accept() without a free file descriptor: the next one, perhaps
    server = created;
  };

  const stopListening = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (!closing) return;
    const closed = new Promise((resolve) => closing.close(resolve));
    for (const socket of open.keys()) socket.destroy();
    await closed;
  };

  const settle = async (): Promise<void> => {
    const isWanted = cutOff.length > 0 && !isClosed;
    const wasOpen = server !== undefined;
    if (!isWanted) {
      problem = undefined;
      await stopListening();
    } else if (!server) {
      try {
        await listen();
        problem = undefined;
      } catch (error) {
        const reason = codeOf(error) === "EADDRINUSE" ? "something else listens there" : errorText(error);
        const complaint = `there is no notice page for devices that are cut off: TCP port ${port}: ${reason}`;
        if (complaint !== problem) log("warn", complaint);
        problem = complaint;
      }
    }
    if (wasOpen !== (server !== undefined)) changed();
  };
  const settleInTurn = (): Promise<void> => {
    turn = turn.then(settle);
    return turn;
  };

  return {
    show(devices) {
      cutOff = devices;
      void settleInTurn();
    },
    warnings: () => (problem === undefined ? [] : [problem]),
    isOpen: () => server !== undefined && !isClosed,
    close() {
      isClosed = true;
      return settleInTurn();
    },
  };
}

/**
 * What a browser or a captive-portal probe asks for gets 200: Android takes a status of 200 to 399 for a portal and shows its page, and any
 * other, 511 among them, for no internet, and shows nothing; Apple and Windows show whatever is not their own word. 511 (RFC 6585 §6) would be
 * the honest one, and a program that sends something gets it: it must not believe that it was taken.
 */
function statusFor(method: string | undefined): 200 | 511 {
  return method === "GET" || method === "HEAD" ? 200 : 511;
}

const headers = {
  "Content-Type": "text/html; charset=utf-8",
  // It stands in for other pages: nobody may remember it as theirs.
  "Cache-Control": "no-store",
  "Vary": "Accept-Language",
  "Connection": "close",
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(noticeStyle).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
} as const;

/** Drops what is sent, and who sends too much. */
function bound(request: IncomingMessage): void {
  let read = 0;
  request.on("error", () => undefined);
  request.on("data", (chunk: Buffer) => {
    read += chunk.length;
    if (read > noticeLimits.body) request.socket.destroy();
  });
}

/** Whether there have been too many this second, in all or of one. */
function createRate(most: number, mostOfOne: number): (from: string) => boolean {
  let second = -1;
  let all = 0;
  const of = new Map<string, number>();
  return (from) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      second = now;
      all = 0;
      of.clear();
    }
    const count = (of.get(from) ?? 0) + 1;
    if (count > mostOfOne || all >= most) return true;
    of.set(from, count);
    all++;
    return false;
  };
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

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
