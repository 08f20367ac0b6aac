import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { patience } from "../patience.ts";
import type { Namespace } from "./namespace.ts";

export const trafficProgram = fileURLToPath(new URL("../../build/lab/traffic", import.meta.url));

/** `t`, `last_t`: CLOCK_REALTIME in milliseconds, with a fraction: comparable to Date.now() and between namespaces. */
interface Moment {
  readonly t: number;
}
export interface FloodReport extends Moment {
  readonly event: "sent" | "summary";
  readonly seconds: number;
  /** Of the processor, the kernel's part included. */
  readonly cpu_seconds: number;
  readonly packets: number;
  readonly bytes: number;
  /** Not sent because the sender could not keep its pace. */
  readonly skipped: number;
  /** Refused by the sender's kernel, by errno name. */
  readonly errors: Readonly<Record<string, number>>;
}
export interface SinkReport extends Moment {
  /** An interval counts what came since the last one; the summary counts everything. */
  readonly event: "interval" | "summary";
  readonly packets: number;
  readonly bytes: number;
  /** Arrived, but too fast for the sink. */
  readonly missed: number;
  /** At most 64. ICMP identifiers count as ports; `ranges` has at most 256. */
  readonly sources: readonly {
    readonly address: string;
    readonly packets: number;
    readonly ports: {
      readonly count: number;
      readonly lower: number;
      readonly upper: number;
      readonly ranges: readonly (readonly [number, number])[];
    };
  }[];
  /** When the first packet of those counted here arrived, by the kernel's clock. */
  readonly first_t: number | null;
  /** When the last packet ever arrived; the last one of those counted here, if there are any. */
  readonly last_t: number | null;
}
export interface StreamServerReport extends Moment {
  readonly event: "closed" | "summary";
  readonly bytes: number;
}
export type StreamClientReport =
  & Moment
  & {
    /** Received by the server, and the client knows. */
    readonly bytes: number;
    readonly sent: number;
  }
  & (
    | { readonly event: "progress"; readonly stalled_ms: number }
    | { readonly event: "summary"; readonly seconds: number; readonly longest_gap_ms: number; readonly broken: string | null }
  );

export interface Subcommands {
  flood: {
    options: {
      to: string;
      port?: number;
      rate: number;
      seconds: number;
      protocol?: "udp" | "tcp" | "tcp-syn" | "icmp";
      sourcePorts?: `${number}-${number}`;
      size?: number;
      from?: string;
      everyMs?: number;
    };
    report: FloodReport;
  };
  sink: {
    options: { port?: number; protocol?: "udp" | "tcp" | "icmp"; seconds?: number; everyMs?: number };
    report: SinkReport;
  };
  "stream-server": { options: { port: number; seconds?: number }; report: StreamServerReport };
  "stream-client": {
    options: { to: string; port: number; rate: number; seconds: number; everyMs?: number };
    report: StreamClientReport;
  };
}

export interface TrafficRun<Report> {
  /** All reports so far. */
  readonly reports: readonly Report[];
  /** Resolves once the sockets are open. */
  ready(timeoutMs?: number): Promise<void>;
  /** The first report, past or future, that is it. */
  until(isIt: (report: Report) => boolean, timeoutMs?: number): Promise<Report>;
  /** The summary, when it has ended by itself. */
  finish(timeoutMs?: number): Promise<Report>;
  /** Ends it now; the summary. */
  stop(): Promise<Report>;
}

/** Runs `traffic` in a namespace. Times out rather than waiting for ever; the lab kills it at the latest. */
export function startTraffic<Name extends keyof Subcommands>(
  namespace: Namespace,
  subcommand: Name,
  options: Subcommands[Name]["options"],
): TrafficRun<Subcommands[Name]["report"]> {
  type Report = Subcommands[Name]["report"];
  const reports: Report[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };
  let ready = false;
  let ended = false;
  let complaint = "";

  const words = Object.entries(options).flatMap(([name, value]) => [`--${kebab(name)}`, String(value)]);
  const child = namespace.spawn(trafficProgram, [subcommand, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  if (child.stdout)
    createInterface({ input: child.stdout }).on("line", (line) => {
      const report = JSON.parse(line) as Report | { event: "ready" };
      if (report.event === "ready") ready = true;
      else reports.push(report);
      wake();
    });
  const end = () => {
    ended = true;
    wake();
  };
  child.once("error", end).once("close", end);

  const waitFor = <T>(what: string, found: () => T | undefined, timeoutMs: number): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        waiting.delete(look);
      };
      const look = () => {
        const result = found();
        if (result === undefined && !ended) return;
        settle();
        if (result === undefined) reject(new Error(`traffic ${subcommand} ended without ${what}: ${complaint.trim()}`));
        else resolve(result);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`traffic ${subcommand}: no ${what} within ${timeoutMs} ms`));
      }, timeoutMs);
      waiting.add(look);
      look();
    });
  const finish = (timeoutMs = patience) => waitFor("a summary", () => reports.find((report) => report.event === "summary"), timeoutMs);
  return {
    reports,
    ready: async (timeoutMs = patience) => {
      await waitFor("a 'ready'", () => ready || undefined, timeoutMs);
    },
    until: (isIt, timeoutMs = patience) => waitFor("such a report", () => reports.find(isIt), timeoutMs),
    finish,
    stop: () => {
      child.kill("SIGTERM");
      return finish();
    },
  };
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
