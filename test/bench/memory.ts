import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { createLab, labAddresses } from "../lab/lab.ts";
import { labPsk, startDaemon } from "../lab/start-daemon.ts";
import { startPeer } from "../lab/start-peer.ts";
import { printTable } from "./measure.ts";

/** Resident memory of the idle daemon with a session, beside a bare Node that has only loaded tls, dgram and net. */
export async function benchMemory(): Promise<void> {
  const bare = spawn(process.execPath, ["-e", "for (const m of ['tls','dgram','net']) require('node:' + m); setInterval(() => {}, 1e6)"], { stdio: "ignore" });
  const lab = await createLab();
  try {
    const peer = await startPeer(lab.isp, { library: "openssl", listen: `${labAddresses.isp.v4}:4647`, arguments: ["--psk", `${labPsk.identity}:${labPsk.key}`] });
    const daemon = startDaemon(lab);
    await peer.until("a session", ({ event, is }) => event === "session" && is === "up");
    await delay(5_000);
    const [ours, theirs] = [residentMegabytes(daemon.pid), residentMegabytes(bare.pid ?? 0)];
    printTable("Resident memory, MB", ["", "RSS", "ratio"], [
      ["idle daemon with a DTLS session", ours, (ours / theirs).toFixed(2)],
      ["bare Node with tls, dgram, net", theirs, "1"],
    ]);
  } finally {
    bare.kill();
    await lab.destroy();
  }
}

function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"));
  return Number(line?.[1]) / 1024;
}
