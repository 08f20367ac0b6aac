import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { composeNotice, noticeStyle } from "../../operator/compose-notice.ts";
import { noticeLanguage } from "../../operator/notice-words.ts";
import type { Language } from "../../operator/notification-words.ts";
import { noticeLimits } from "./notice-limits.ts";
import type { Visitor, Visitors } from "./visitors.ts";

export interface AnswerVisitorDeps {
  readonly visitors: Visitors;
  /** For readers whose browser asks for none that there is. */
  readonly language: () => Language;
  readonly isCutOff: (visitor: Visitor) => boolean;
}

/** Answers the first request of each connection with the page, whatever it asks for; drops what comes from outside the home's networks. */
export function answerVisitors({ visitors, language, isCutOff }: AnswerVisitorDeps): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  /** One request a connection. */
  const asked = new WeakSet<Socket>();
  return async (request, response) => {
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
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${
    createHash("sha256").update(noticeStyle).digest("base64")
  }'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
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
