import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createNatJournal } from "../../src/nat-lookup/journal/nat-journal.ts";
import { lineSplitter } from "../../src/nat-lookup/conntrack/line-splitter.ts";
import { emptyFlowLine, readFlowLine } from "../../src/nat-lookup/conntrack/read-flow-line.ts";
import type { Finding } from "../../src/nat-lookup/find-devices.ts";
import { conntrackSettings } from "../../src/system/flows/conntrack-settings.ts";
import { createLab, labAddresses, type Lab } from "../lab/lab.ts";
import { conntrackCount } from "../lab/fill-conntrack.ts";
import { raiseConntrackMax } from "../lab/remove-lab.ts";
import { send, watchRouter, type WitnessScene } from "../lab/scene-witnesses.ts";
import { startTraffic } from "../lab/start-traffic.ts";
import { asking } from "../nat-lookup/asking.ts";
import { printTable, spreadOf } from "./measure.ts";
import { wallInstant } from "../../src/model/time.ts";

const sizes = [1_000, 16_000, 65_000, 262_000];
const { target, wan, camera } = labAddresses;
const here = fileURLToPath(new URL(".", import.meta.url));
const floor = fileURLToPath(new URL("../../build/bench/floor", import.meta.url));
const port = 4444;

/** Naming the device of 101 reported ports among many flows, by each witness; and what the journal costs. */
export async function benchLookup(): Promise<void> {
  const hasFloor = spawnSync("make", ["-s", "-C", here], { stdio: ["ignore", "ignore", "inherit"] }).status === 0;
  if (!hasFloor) console.log("no C floor: install libnetfilter-conntrack-dev");
  const rows: (string | number)[][] = [];
  for (const size of sizes) rows.push(await inOneTable(size, hasFloor));
  const [first] = rows;
  printTable(
    "Which device used these 101 outside ports? Median milliseconds. Journal: in our own process. Table: `conntrack -L`, filtered, parsed.\n"
      + "Kernel: reading the set of senders that nft recorded, once a request is watched. Beside: a shell, and C on netlink with a kernel filter",
    ["flows", "journal", "worst", "to 1k", "kernel", "to 1k", "table", "-L | grep", "C floor", "named"],
    rows.map((row) => [...row.slice(0, 3), ratio(row[1], first?.[1]), row[3] ?? "", ratio(row[3], first?.[3]), ...row.slice(4)]),
  );
  await benchJournal();
}

function ratio(value: string | number | undefined, to: string | number | undefined): string {
  return (Number(value) / Number(to)).toFixed(2);
}

async function inOneTable(size: number, hasFloor: boolean): Promise<(string | number)[]> {
  const lab = await createLab();
  let scene: WitnessScene | undefined;
  try {
    await lab.fillConntrack(size);
    scene = await watchRouter(lab);
    const { ports } = await send(lab, lab.camera, { port, sourcePorts: "40000-40100", rate: 2000, seconds: 0.3 });
    const words = { fromPorts: ports, toPorts: String(port), protocols: [17] };
    const asked = asking({ from: wan.v4, to: target.v4, ...words });
    let found: Finding = await scene.byJournal(words);
    const journal = await timesOf(400, () => scene?.journal.search(asked));

    const { camera: { mac } } = labAddresses;
    await lab.router.run("nft", ["-f", "-"], {
      input:
        `table inet bench { set seen { type ether_addr . ipv4_addr; flags dynamic, timeout; counter; elements = { ${mac} . ${camera.v4} counter packets 5 bytes 500 timeout 1h } } }`,
    });
    const kernel = await timesOf(9, () => lab.router.run("nft", ["-j", "list", "set", "inet", "bench", "seen"]));
    const rounds = size > 100_000 ? 3 : 7;
    const table = await timesOf(rounds, async () => {
      found = await scene?.byTable(words) ?? found;
    });
    const numbers = ports.split(" ").flatMap((range) => {
      const [lower = 0, upper = lower] = range.split("-").map(Number);
      return Array.from({ length: upper - lower + 1 }, (_, at) => lower + at);
    });
    const pattern = `src=${target.v4} dst=${wan.v4} sport=${port} dport=(${numbers.join("|")}) `;
    const grep = await timesOf(rounds, () => lab.router.run("sh", ["-c", `conntrack -L 2>/dev/null | grep -E '${pattern}'`], { timeoutMs: 30_000 }));
    const byJournal = await scene.byJournal(words);
    const named = byJournal.devices[0]?.mac === camera.mac && found.devices[0]?.mac === camera.mac ? `${byJournal.devices[0].evidence.flows} flows` : "NO";
    return [size.toLocaleString("en"), journal.median.toFixed(4), journal.worst.toFixed(3), kernel.median.toFixed(2), table.median, grep.median,
      hasFloor ? await floorIn(lab, numbers) : "-", named];
  } finally {
    scene?.stop();
    await lab.destroy();
  }
}

async function floorIn(lab: Lab, ports: readonly number[]): Promise<number> {
  const { stdout } = await lab.router.run(floor, [target.v4, String(port), wan.v4, String(Math.min(...ports)), String(Math.max(...ports)), "7"]);
  return spreadOf((JSON.parse(stdout) as { ms: number[] }).ms).median;
}

async function timesOf(rounds: number, work: () => unknown): Promise<{ median: number; worst: number }> {
  const measured: number[] = [];
  for (let round = -Math.ceil(rounds / 4); round < rounds; round += 1) {
    const began = performance.now();
    await work();
    if (round >= 0) measured.push(performance.now() - began);
  }
  return spreadOf(measured);
}

/** New flows at a steady pace, a SYN each, and then as fast as the kernel makes them. */
async function benchJournal(): Promise<void> {
  replay();
  const rows = [await pour("20,000 new flows/s for 3 s", 20_000, 3), await pour("5,000 new flows/s for 10 s", 5_000, 10),
    await pour("a burst of 50,000", 500_000, 0.1)];
  const { bytesHeld } = createNatJournal();
  printTable(
    `The journal of 65,536 flows takes ${(bytesHeld / 2 ** 20).toFixed(2)} MiB, ${(bytesHeld / 65_536).toFixed(1)} bytes a flow. What it does under a flood`,
    ["", "flows", "heard at once", "ENOBUFS", "pauses", "us/event here", "us/event conntrack", "holds all again after"],
    rows,
  );
}

/** What an event costs us in CPU time, which the neighbours on this machine do not blur: 400,000 lines as conntrack prints them. */
function replay(): void {
  const journal = createNatJournal();
  const line = emptyFlowLine();
  const split = lineSplitter((bytes, start, end) => {
    if (readFlowLine(bytes, start, end, line)) journal.record(line, wallInstant(0));
  });
  const text = (at: number, event: string): string =>
    `[1795301997.${String(at).padStart(6, "0")}]\t${event} udp      17 30 src=192.168.1.${at % 250} dst=198.51.100.${at >> 8 & 255} sport=${
      1024 + at % 60_000
    } dport=443`
    + ` [UNREPLIED] src=198.51.100.${at >> 8 & 255} dst=203.0.113.7 sport=443 dport=${1024 + at % 60_000} id=${at * 7919 % 4_000_000_000}\n`;
  const pieces = Array.from({ length: 400 }, (_, piece) =>
    Buffer.from(
      Array.from({ length: 500 }, (__, at) => text(piece * 500 + at, "    [NEW]") + text(Math.max(0, piece * 500 + at - 5_000), "[DESTROY]")).join(""),
    ));
  const before = process.cpuUsage();
  for (const piece of pieces) split(piece);
  const { user, system } = process.cpuUsage(before);
  printTable("CPU time of the journal for an event, NEW and DESTROY by turns, without conntrack", ["events", "us/event", "events/s a core"], [
    ["400,000", (user + system) / 400_000, Math.round(400_000 / ((user + system) / 1e6)).toLocaleString("en")],
  ]);
}

async function pour(what: string, rate: number, seconds: number): Promise<(string | number)[]> {
  const lab = await createLab({ portShift: false });
  // Without an answer, so that flows live on; SYNs need no socket each.
  const silent = await lab.target.run("nft", ["-f", "-"], {
    input: "table inet silent {\n chain input {\n type filter hook input priority 0;\n meta l4proto tcp drop\n }\n}\n",
  });
  if (silent.code !== 0) throw new Error(silent.stderr);
  raiseConntrackMax(lab.name, 131_072);
  const scene = await watchRouter(lab, { journal: { settings: conntrackSettings } });
  try {
    const before = { ...scene.journal.figures };
    const tool = conntrackProcess();
    const cpuBefore = cpuOf(tool);
    const countBefore = await conntrackCount(lab.router);
    const began = performance.now();
    const { packets } = await startTraffic(lab.camera, "flood", { to: target.v4, port, protocol: "tcp-syn", sourcePorts: "1024-65000", rate, seconds })
      .finish();
    const took = (performance.now() - began) / 1000;
    await delay(500);
    const flows = await conntrackCount(lab.router) - countBefore;
    const after = scene.journal.figures;
    const heard = after.lines - before.lines;
    const cpu = cpuOf(tool) - cpuBefore;
    while (!scene.journal.vouches() && performance.now() - began < 60_000) await delay(100);
    const repaired = after.losses === before.losses
      ? "at once"
      : scene.journal.vouches()
      ? `${((performance.now() - began) / 1000).toFixed(0)} s`
      : "not in 60 s";
    return [`${what} (${Math.round(packets / took).toLocaleString("en")}/s)`, flows.toLocaleString("en"), heard.toLocaleString("en"),
      String(after.losses - before.losses), String(after.pauses - before.pauses), (after.busy - before.busy) * 1000 / heard, cpu * 1000 / heard, repaired];
  } finally {
    scene.stop();
    await lab.destroy();
  }
}

/** The pid of the `conntrack -E` that this process has started. */
function conntrackProcess(): number {
  const parent = `PPid:\t${process.pid}\n`;
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("conntrack\0-E") && readFileSync(`/proc/${pid}/status`, "utf8").includes(parent);
    } catch {
      return false;
    }
  }) ?? 0;
}

/** Milliseconds that a process has worked so far, in steps of 10. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
