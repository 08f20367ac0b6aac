import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { createLab, labAddresses } from "../lab/lab.ts";
import { labPsk, startDaemon, type DaemonOptions } from "../lab/start-daemon.ts";
import { startPeer } from "../lab/start-peer.ts";
import { printTable, spreadOf } from "./measure.ts";
import { routerFlags } from "./router-flags.ts";

const rounds = 5;
const settled = 5_000; // milliseconds
/** Nobody listens there: what MQTT.js takes is taken when it is loaded. */
const mqtt = `config notify 'broker'\n\toption type 'mqtt'\n\toption url 'mqtt://${labAddresses.isp.v4}:1883'\n`;

/**
 * Resident memory of the idle daemon with a session, beside a bare Node that has only loaded tls, dgram and net. The tools that it
 * keeps running have lines of their own.
 */
export async function benchMemory(): Promise<void> {
  const starts: Readonly<Record<string, DaemonOptions>> = {
    "idle daemon with a DTLS session, as the router starts it": { node: routerFlags() },
    "the same, without options of Node": {},
    "the same, with an MQTT notifier": { node: routerFlags(), more: mqtt },
    "on the native runtime": { runtime: "native" },
  };
  const bare: number[] = [];
  const ours = new Map(Object.keys(starts).map((name) => [name, [] as number[]]));
  let children: readonly Child[] = [];
  const lab = await createLab();
  try {
    const peer = await startPeer(lab.isp, {
      library: "openssl",
      listen: `${labAddresses.isp.v4}:4647`,
      arguments: ["--psk", `${labPsk.identity}:${labPsk.key}`],
    });
    let sessions = 0;
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await bareMegabytes());
      for (const [name, options] of Object.entries(starts)) {
        const daemon = startDaemon(lab, options);
        sessions += 1;
        await peer.until("a session", ({ event, is, session }) => event === "session" && is === "up" && session === sessions);
        await delay(settled);
        ours.get(name)?.push(residentMegabytes(daemon.pid));
        children = childrenOf(daemon.pid);
        daemon.signal("SIGTERM");
        await daemon.ended;
      }
    }
  } finally {
    await lab.destroy();
  }
  const least = spreadOf(bare);
  printTable(`Resident memory, MB, ${String(rounds)} starts each`, ["", "median", "worst", "ratio"], [
    ["bare Node with tls, dgram, net", least.median, least.worst, "1"],
    ...[...ours].map(([name, values]) => {
      const { median, worst } = spreadOf(values);
      return [name, median, worst, (median / least.median).toFixed(2)];
    }),
    ...children.map(({ command, megabytes }) => [`beside it: ${command}`, megabytes, "", ""]),
  ]);
}

async function bareMegabytes(): Promise<number> {
  const bare = spawn(process.execPath, ["-e", "for (const m of ['tls','dgram','net']) require('node:' + m); setInterval(() => {}, 1e6)"], { stdio: "ignore" });
  await delay(settled);
  const megabytes = residentMegabytes(bare.pid ?? 0);
  const ended = once(bare, "close");
  bare.kill();
  await ended;
  return megabytes;
}

interface Child {
  readonly command: string;
  readonly megabytes: number;
}

function childrenOf(pid: number): Child[] {
  const pids = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8").split(" ").filter((child) => child.trim() !== "");
  return pids.map((child) => ({
    command: readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0").slice(0, 2).join(" "),
    megabytes: residentMegabytes(Number(child)),
  }));
}

function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"));
  return Number(line?.[1]) / 1024;
}
