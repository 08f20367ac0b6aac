import type { PeerEvent } from "./start-peer.ts";
import { scopeOf } from "./start-peer.ts";

/** Tells the demo's story on stdout: a line an event, at most 100 columns. */
export interface Narrator {
  /** Is called before anything is told: what has happened meanwhile comes first. */
  catchUp: () => void;
  chapter(title: string): void;
  say(who: string, text: string): void;
  /** What a command printed. */
  show(command: string, output: string): void;
  /** Packets and bytes in the last second. */
  rate(attack: number, laptop: number): void;
  message(event: PeerEvent): void;
  verdict(good: boolean, text: string): void;
}

const columns = 100;
/** Of the time and of who it is about. */
const headColumns = 24;
const barColumns = 40;
const fullBar = 1_000; // packets a second

const styles = { plain: "", bold: "1", dim: "2", red: "31", green: "32" } as const;

export function openNarrator(out: NodeJS.WriteStream, began: number): Narrator {
  const paint = (style: keyof typeof styles, text: string): string => out.isTTY && style !== "plain" ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
  let blank = false;
  const print = (line: string): void => {
    if (line === "" && blank) return;
    blank = line === "";
    out.write(`${line}\n`);
  };
  const head = (who: string, at: number): string => `${((at - began) / 1000).toFixed(1).padStart(5)} s  ${who.padEnd(14)} `;
  const tell = (who: string, text: string, at: number): void => {
    const [first = "", ...more] = wrap(text, columns - headColumns, "");
    print(`${head(who, at)}${first}`);
    for (const line of more) print(`${" ".repeat(headColumns)}${line}`);
  };
  const narrator: Narrator = {
    catchUp: () => undefined,
    say(who, text) {
      narrator.catchUp();
      tell(who, text, Date.now());
    },
    chapter(title) {
      narrator.catchUp();
      print("");
      print(paint("bold", title));
    },
    show(command, output) {
      narrator.catchUp();
      print("");
      for (const line of wrap(command, columns - 2, "    ")) print(`  ${line}`);
      for (const line of output.trimEnd().replaceAll("\t", "  ").split("\n"))
        for (const part of wrap(line, columns - 2, `${/^[ -]*/.exec(line)?.[0].replaceAll("-", " ") ?? ""}  `))
          print(paint("dim", part === "" ? "" : `  ${part}`));
      print("");
    },
    rate(attack, laptop) {
      narrator.catchUp();
      const bar = "█".repeat(Math.min(barColumns, Math.ceil(attack / fullBar * barColumns)));
      const left = `${head("at the target", Date.now())}${count(attack).padStart(5)} packets/s `;
      print(`${left}${paint("red", bar)}${" ".repeat(barColumns - bar.length)} laptop ${count(Math.round(laptop / 1000)).padStart(3)} kB/s`);
    },
    message(event) {
      const [who, text] = describeMessage(event) ?? [];
      if (who !== undefined && text !== undefined) tell(who, text, event.t);
    },
    verdict(good, text) {
      const [first = "", ...more] = wrap(text, columns - 4, "");
      print(`  ${good ? paint("green", "✓") : paint("red", "✗")} ${first}`);
      for (const line of more) print(`    ${line}`);
    },
  };
  return narrator;
}

export function count(number: number): string {
  return Math.round(number).toLocaleString("en");
}

const toRouter = "ISP -> router";
const toIsp = "router -> ISP";
const words: Readonly<Record<string, string>> = { "2.01": "Created", "2.02": "Deleted", "2.04": "Changed", "2.05": "Content", "4.09": "Conflict" };
const statusWords: Readonly<Record<number, string>> = {
  1: "mitigation is being set up",
  2: "the attack is being dropped",
  3: "the attack has stopped",
  5: "withdrawn, active for a moment longer",
  6: "ended",
  7: "ended by the router",
};

/** Who said it, and what, short; undefined for what is no message. */
function describeMessage(event: PeerEvent): [string, string] | undefined {
  const path = (event.path ?? "").replace("/.well-known/dots/", "").replace(/cuid=[^/]*\//, "");
  switch (event.event) {
    case "session":
      return [event.is === "up" ? toIsp : toRouter, event.is === "up"
        ? `DTLS session from ${event.remote ?? ""}: the router has dialled, as ${event.identity ?? ""}`
        : `session ${event.is ?? ""}: ${event.reason ?? ""}`];
    case "sent":
      return [toRouter,
        `${event.method ?? ""} ${path}${event.method === "GET" ? " (observe)" : ""}${event.method === "DELETE" ? ": thank you, that is all" : ""}`];
    case "request":
      return [toIsp, `${event.method ?? ""} ${path} (heartbeat), answered ${event.answered ?? "by nothing"}`];
    case "answer":
      return [toIsp, describeAnswer(event)];
    case "notification":
      return [toIsp, `notification ${describeAnswer(event)}`];
    case "failed":
      return [toIsp, `no answer: ${event.reason ?? ""}`];
    default:
      return undefined;
  }
}

function describeAnswer(event: PeerEvent): string {
  const { status, lifetime, "pkts-dropped": packets = 0, "bytes-dropped": bytes = 0 } = scopeOf(event);
  const code = `${event.code ?? ""} ${words[event.code ?? ""] ?? ""}`.trim();
  if (event.diagnostic !== undefined) return `${code}: ${event.diagnostic}`;
  if (status === undefined) return lifetime === undefined ? code : `${code}, for ${lifetime} s`;
  const dropped = packets > 0 ? `; dropped: ${count(packets)} packets, ${count(bytes / 1000)} kB` : "";
  return `${code}, status ${status}: ${statusWords[status] ?? ""}${dropped}`;
}

/** At spaces; `hanging` comes before each further line. */
function wrap(line: string, width: number, hanging: string): string[] {
  if (line.length <= width) return [line];
  const at = line.lastIndexOf(" ", width);
  if (at <= hanging.length) return [line];
  return [line.slice(0, at), ...wrap(`${hanging}${line.slice(at + 1)}`, width, hanging)];
}
