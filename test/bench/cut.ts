import { setTimeout as delay } from "node:timers/promises";
import { createLab, labAddresses, type Lab } from "../lab/lab.ts";
import { labPsk, startDaemon } from "../lab/start-daemon.ts";
import { startPeer, type Peer } from "../lab/start-peer.ts";
import { startTraffic, type SinkReport } from "../lab/start-traffic.ts";
import { printTable, spreadOf } from "./measure.ts";

const rounds = 20;
const rate = 5_000; // packets a second: the last packet is known to 0.2 ms
const tables = [1_000, 65_000];

/** From the upstream's PUT, or the start of the shell script, to the last attack packet at the target; milliseconds. */
export async function benchCut(): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const entries of tables) {
    const lab = await createLab();
    try {
      await lab.fillConntrack(entries);
      const daemon = await measureDaemon(lab);
      const floor = await measureFloor(lab);
      const [ours, theirs] = [spreadOf(daemon), spreadOf(floor)];
      rows.push([entries.toLocaleString("en"), ours.median, ours.worst, theirs.median, theirs.worst, (ours.median / theirs.median).toFixed(1)]);
    } finally {
      await lab.destroy();
    }
  }
  printTable(
    `Request to silence: ms from the PUT leaving the upstream to the last attack packet at the target, ${String(rounds)} rounds,\n`
      + "beside a shell script that already knows the device and adds the same drop with nft",
    ["conntrack entries", "median", "worst", "by hand: median", "worst", "ratio"],
    rows,
  );
}

async function measureDaemon(lab: Lab): Promise<number[]> {
  const peer = await startPeer(lab.isp, {
    library: "openssl",
    listen: `${labAddresses.isp.v4}:4647`,
    arguments: ["--psk", `${labPsk.identity}:${labPsk.key}`],
  });
  const daemon = startDaemon(lab, { globals: { terminating_period: "0", log_level: "warn", request_rate: "100" } });
  await peer.until("a session", ({ event, is }) => event === "session" && is === "up");
  const measured: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    measured.push(await attack(lab, async (seen) => {
      const mid = round;
      const sourcePorts = seen.sources[0]?.ports.ranges.map(([lower, upper]) => ({ "lower-port": lower, "upper-port": upper })) ?? [];
      const scope = {
        "target-prefix": [`${labAddresses.target.v4}/32`],
        "target-protocol": [17],
        "target-port-range": [{ "lower-port": 443 }],
        "source-prefix": [`${labAddresses.wan.v4}/32`],
        "source-port-range": sourcePorts,
        lifetime: 600,
      };
      const from = peer.events.length;
      await peer.ask({ do: "put", mid, scope });
      return sentAt(peer, from);
    }));
    await peer.ask({ do: "delete", mid: round });
  }
  daemon.signal("SIGTERM");
  await daemon.ended;
  await peer.quit();
  return measured;
}

function sentAt(peer: Peer, from: number): number {
  const sent = peer.events.slice(from).find(({ event }) => event === "sent");
  if (!sent) throw new Error("no request was sent");
  return sent.t;
}

const byHand = (device: string, target: string): string => `
table inet by_hand {
  chain forward { type filter hook forward priority filter - 5; policy accept;
    ether saddr ${device} ip daddr ${target} udp dport 443 counter drop
  }
}`;

async function measureFloor(lab: Lab): Promise<number[]> {
  const measured: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    measured.push(await attack(lab, async () => {
      const started = performance.timeOrigin + performance.now();
      await lab.router.run("nft", ["-f", "-"], { input: byHand(labAddresses.camera.mac, labAddresses.target.v4) });
      return started;
    }));
    await lab.router.run("nft", ["delete", "table", "inet", "by_hand"]);
  }
  return measured;
}

/** Floods, has it stopped once it arrives, and returns the time from what `stop` says to the last packet. */
async function attack(lab: Lab, stop: (seen: SinkReport) => Promise<number>): Promise<number> {
  const sink = startTraffic(lab.target, "sink", { port: 443, seconds: 30, everyMs: 50 });
  await sink.ready();
  const flood = startTraffic(lab.camera, "flood", { to: labAddresses.target.v4, port: 443, sourcePorts: "40000-40003", rate, seconds: 20 });
  await flood.ready();
  const seen = await sink.until(({ packets }) => packets > rate / 50);
  const began = await stop(seen);
  const quietFrom = sink.reports.length + 2;
  await sink.until((report) => sink.reports.indexOf(report) >= quietFrom && report.packets === 0, 5_000);
  await flood.stop();
  const { last_t: last } = await sink.stop();
  await delay(20);
  if (last === null) throw new Error("no attack packet arrived");
  return last - began;
}
