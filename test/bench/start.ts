import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { createLab, labAddresses } from "../lab/lab.ts";
import { daemonProgram, runtimes, writeLabConfig } from "../lab/start-daemon.ts";
import { watchLines } from "../lab/watch-lines.ts";
import { printTable, spreadOf } from "./measure.ts";
import { routerFlags } from "./router-flags.ts";

const rounds = 25;
const port = 4647;
/** Says when a datagram came, by the clock that all processes of this machine share. */
const listener = `require("node:dgram").createSocket("udp4", () => console.log(String(process.hrtime.bigint()))).bind(${
  String(port)
}, () => console.log("ready"))`;
const bareDial = `for (const m of ["tls", "dgram", "net"]) require("node:" + m);
  const s = require("node:dgram").createSocket("udp4"); s.connect(${String(port)}, "${labAddresses.isp.v4}", () => s.send("x")); setInterval(() => {}, 1e6)`;

/** From exec to the first datagram that arrives at the provider, beside a bare Node that loads tls, dgram and net and sends one. */
export async function benchStart(): Promise<void> {
  const lab = await createLab();
  try {
    const provider = lab.isp.spawn(process.execPath, ["-e", listener], { stdio: ["ignore", "pipe", "inherit"] });
    const arrivals = watchLines<string>();
    if (provider.stdout)
      createInterface({ input: provider.stdout }).on("line", (line) => {
        arrivals.add(line);
      });
    await arrivals.until("the listener", (line) => line === "ready");
    const config = writeLabConfig(lab, { globals: { log_level: "warn" } });

    const timeToDial = async ([program = "", ...args]: readonly string[]): Promise<number> => {
      const startedAt = process.hrtime.bigint();
      const child = lab.router.spawn(program, args, { stdio: "ignore" });
      const arrivedAt = await arrivals.until("a datagram", (line) => line !== "ready" && BigInt(line) > startedAt);
      await end(child);
      return Number(BigInt(arrivedAt) - startedAt) / 1e6;
    };
    const starts: Readonly<Record<string, readonly string[]>> = {
      "bare Node with tls, dgram, net": [process.execPath, "-e", bareDial],
      "daemon, as the router starts it": [process.execPath, ...routerFlags(), daemonProgram, "run", "--config", config],
      "on the native runtime": [...runtimes.native, "run", "--config", config],
    };
    const times = new Map<string, number[]>(Object.keys(starts).map((name) => [name, []]));
    // Side by side; the first round fills the caches.
    for (let round = -1; round < rounds; round += 1) {
      for (const [name, args] of Object.entries(starts)) {
        const took = await timeToDial(args);
        if (round >= 0) times.get(name)?.push(took);
      }
    }
    const [bare = []] = times.values();
    printTable(`From exec to the first datagram of the dial, ms, ${String(rounds)} starts each, one after the other`, ["", "median", "worst", "ratio"],
      [...times].map(([name, values]) => {
        const { median, worst } = spreadOf(values);
        return [name, median, worst, spreadOf(values.map((value, round) => value / (bare[round] ?? NaN))).median];
      }));
  } finally {
    await lab.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "close");
  child.kill("SIGTERM");
  await ended;
}
