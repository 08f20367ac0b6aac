import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { createLab, labAddresses, type Lab } from "../lab/lab.ts";
import { labPsk, startDaemon } from "../lab/start-daemon.ts";
import { startPeer, type Peer, type PeerEvent } from "../lab/start-peer.ts";
import { startAttack } from "../lab/scene-attack.ts";
import { printTable, spreadOf } from "./measure.ts";

const rounds = 20;
const tools = ["nft", "conntrack", "ip", "bridge"];
/** Until all that a request has started is done. */
const settled = 2_500; // milliseconds

interface Measured {
  readonly answered: readonly number[];
  readonly floor: readonly number[];
  /** Command lines that each request started: until its answer, and in all. */
  readonly before: readonly (readonly string[])[];
  readonly all: readonly (readonly string[])[];
}

/** From the PUT leaving the upstream to its 2.01, beside a heartbeat, which the same daemon answers without any work; and the processes it starts. */
export async function benchAnswer(): Promise<void> {
  const quick = await measure({ counted: false });
  const { before, all } = await measure({ counted: true });
  const [ours, floor] = [spreadOf(quick.answered), spreadOf(quick.floor)];
  printTable(`PUT to 2.01 while the device floods, ms, ${String(rounds)} requests; the floor is a heartbeat, answered by the same daemon`, ["", "median",
    "worst", "to the floor"], [
    ["request", ours.median, ours.worst, (ours.median / floor.median).toFixed(1)],
    ["heartbeat", floor.median, floor.worst, "1"],
  ]);
  const counts = (runs: Measured["all"]): string[] => {
    const { median, worst } = spreadOf(runs.map(({ length }) => length));
    return [String(median), String(worst)];
  };
  printTable("Processes that each request started", ["", "median", "most"], [["until its answer", ...counts(before)], [`within ${String(settled / 1000)} s`,
    ...counts(all)]]);
  printTable("Those of the last request", [""], (all.at(-1) ?? []).map((line) => [line.slice(0, 120)]));
}

async function measure({ counted }: { readonly counted: boolean }): Promise<Measured> {
  const lab = await createLab();
  try {
    const log = `${lab.files.folder}/started`;
    const path = counted ? writeShims(lab, log) : undefined;
    const peer = await startPeer(lab.isp, {
      library: "openssl",
      listen: `${labAddresses.isp.v4}:4647`,
      arguments: ["--psk", `${labPsk.identity}:${labPsk.key}`],
    });
    const daemon = startDaemon(lab, { globals: { terminating_period: "0", log_level: "warn", request_rate: "100" }, ...(path === undefined ? {} : { path }) });
    await peer.until("a session", ({ event, is }) => event === "session" && is === "up");
    const attack = await startAttack(lab);
    const result = { answered: [] as number[], floor: [] as number[], before: [] as string[][], all: [] as string[][] };
    await delay(3_000); // the journal has heard of the flows, and whose they are
    const startedSince = (from: number): string[] => readLines(log).slice(from);
    for (let mid = 1; mid <= rounds; mid += 1) {
      const scope = await attack.reported();
      result.floor.push(await timeOf(peer, { do: "heartbeat", "peer-hb-status": true }));
      const from = counted ? readLines(log).length : 0;
      result.answered.push(await timeOf(peer, { do: "put", mid, scope }));
      if (counted) {
        result.before.push(startedSince(from));
        await delay(settled);
        result.all.push(startedSince(from));
      }
      await attack.stops(300);
      await peer.ask({ do: "delete", mid });
      await delay(counted ? settled : 500);
    }
    await attack.end();
    daemon.signal("SIGTERM");
    await daemon.ended;
    await peer.quit();
    return result;
  } finally {
    await lab.destroy();
  }
}

/** A folder of tools that write down that they were started, and with what. */
function writeShims(lab: Lab, log: string): string {
  const folder = `${lab.files.folder}/shims`;
  mkdirSync(folder);
  writeFileSync(log, "");
  for (const tool of tools) {
    const file = `${folder}/${tool}`;
    writeFileSync(file, `#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\necho "${tool} $*" >>'${log}'\nexec ${tool} "$@"\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}

function readLines(file: string): string[] {
  return readFileSync(file, "utf8").split("\n").filter((line) => line !== "");
}

/** Milliseconds from the request leaving the peer to its answer, by the peer's clock. */
async function timeOf(peer: Peer, command: object): Promise<number> {
  const from = peer.events.length;
  const answer = await peer.ask(command);
  const sent = peer.events.slice(from).find(({ event, n }: PeerEvent) => event === "sent" && n === answer.n);
  if (!sent || answer.event !== "answer" || !answer.code?.startsWith("2.")) throw new Error(`no answer: ${JSON.stringify(answer)}`);
  return answer.t - sent.t;
}
