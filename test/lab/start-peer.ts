import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { patience } from "../patience.ts";
import { expectSuccess, runTool, type Namespace } from "./namespace.ts";
import { watchLines } from "./watch-lines.ts";

export type PeerLibrary = "openssl" | "gnutls";

/** A line of the peer (test/peer/README.md); members depend on `event`. */
export interface PeerEvent {
  readonly event: string;
  /** Wall clock, milliseconds. */
  readonly t: number;
  readonly n?: number;
  readonly code?: string;
  readonly body?: unknown;
  readonly diagnostic?: string;
  readonly ok?: boolean;
  readonly method?: string;
  readonly path?: string;
  readonly is?: string;
  readonly session?: number;
  readonly remote?: string;
  readonly identity?: string;
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly answered?: string | null;
  readonly "payload-hex"?: string;
  readonly "max-age"?: number;
  readonly observe?: number;
}

/** The body of a mitigation answer, as the peer prints it. */
export interface ScopeStatus {
  readonly mid?: number;
  readonly lifetime?: number;
  readonly status?: number;
  readonly "pkts-dropped"?: number;
  readonly "bytes-dropped"?: number;
  readonly "target-prefix"?: readonly string[];
  readonly "conflict-information"?: { readonly "conflict-cause"?: number; readonly "conflict-scope"?: { readonly mid?: number } };
}

export interface Peer {
  readonly events: readonly PeerEvent[];
  /** Hands over a command and does not wait. */
  send(command: object): void;
  /** A request; resolves with its `answer` or `failed`. */
  ask(command: object, timeoutMs?: number): Promise<PeerEvent>;
  until(what: string, isIt: (event: PeerEvent) => boolean, options?: { readonly timeoutMs?: number; readonly from?: number }): Promise<PeerEvent>;
  quit(): Promise<void>;
}

export interface PeerOptions {
  readonly library: PeerLibrary;
  /** As in `203.0.113.1:4647`. */
  readonly listen: string;
  readonly arguments: readonly string[];
}

const here = fileURLToPath(new URL("../peer", import.meta.url));
const programs = fileURLToPath(new URL("../../build/peer/", import.meta.url));

/** Once: two at a time would write the same files. */
let built: Promise<string> | undefined;

/** Starts the call-home DOTS client in a namespace, and waits until it listens. */
export async function startPeer(namespace: Namespace, { library, listen, arguments: more }: PeerOptions): Promise<Peer> {
  await (built ??= expectSuccess("make -C test/peer", runTool("make", ["-s", "-C", here], { timeoutMs: 5 * patience })));
  const child = namespace.spawn(`${programs}peer-${library}`, ["--listen", listen, ...more], { stdio: ["pipe", "pipe", "pipe"] });
  const lines = watchLines<PeerEvent>();
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint = (complaint + text).slice(-2000)));
  if (child.stdout)
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.add(JSON.parse(line) as PeerEvent);
    });
  const ended = new Promise<void>((resolve) =>
    child.once("close", () => {
      lines.end(() => `the peer has ended: ${complaint}`);
      resolve();
    })
  );
  await lines.until("'listening'", ({ event }) => event === "listening");
  child.stdin?.on("error", () => undefined); // whoever waits hears of its end
  const send = (command: object): void => {
    child.stdin?.write(`${JSON.stringify(command)}\n`);
  };
  return {
    events: lines.all,
    send,
    until: (what, isIt, options) => lines.until(what, isIt, options),
    async ask(command, timeoutMs = patience) {
      const from = lines.all.length;
      send({ timeout: Math.max(1, Math.floor(timeoutMs / 1000) - 1), ...command });
      // Others may be on their way at the same time: of another mitigation is not ours.
      const { mid } = command as { readonly mid?: number };
      const isOurs = (path: string): boolean => mid === undefined || !/\/mid=\d+$/.test(path) || path.endsWith(`/mid=${mid}`);
      const { n } = await lines.until("'sent'", ({ event, path = "" }) => (event === "sent" && isOurs(path)) || event === "error", { timeoutMs, from });
      return lines.until(`the answer to ${JSON.stringify(command)}`,
        (line) => (line.event === "answer" || line.event === "failed" || line.event === "error") && line.n === n, { timeoutMs, from });
    },
    async quit() {
      send({ do: "quit" });
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
      if (child.exitCode === null) child.kill("SIGTERM");
    },
  };
}

/** The one scope of an answer or notification. */
export function scopeOf(event: PeerEvent): ScopeStatus {
  const body = event.body as { "mitigation-scope"?: { scope?: readonly ScopeStatus[] } } | undefined;
  return body?.["mitigation-scope"]?.scope?.[0] ?? {};
}
