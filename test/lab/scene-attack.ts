import type { Lab } from "./lab.ts";
import { labAddresses } from "./lab.ts";
import { startTraffic, type FloodReport, type SinkReport, type StreamClientReport, type Subcommands, type TrafficRun } from "./start-traffic.ts";

const { target } = labAddresses;
const numberOf = { udp: 17, tcp: 6, "tcp-syn": 6, icmp: 1 } as const;

export interface AttackOptions {
  readonly family?: 4 | 6;
  readonly protocol?: "udp" | "tcp" | "tcp-syn" | "icmp";
  readonly port?: number;
  readonly rate?: number;
  readonly seconds?: number;
  /** Source ports that the device uses; masquerading shifts them. */
  readonly ports?: `${number}-${number}`;
  readonly from?: "camera" | "laptop";
}

/** A flood from the home, and what arrives of it at the target. */
export interface Attack {
  readonly flood: TrafficRun<FloodReport>;
  readonly sink: TrafficRun<SinkReport>;
  /** The mitigation scope for what arrives now, as the ISP sees it on its wire; the lifetime is a minute. */
  reported(more?: object): Promise<object>;
  /** Resolves when packets arrive after this moment; how many there were in that tenth of a second. */
  arrives(timeoutMs?: number): Promise<number>;
  /** Resolves once nothing has arrived for this long. */
  stops(milliseconds: number, timeoutMs?: number): Promise<void>;
  /** Packets that arrived since a moment of Date.now(), in the intervals that began after it. */
  since(moment: number): number;
  end(): Promise<void>;
}

const everyMs = 100;

export async function startAttack(lab: Lab, options: AttackOptions = {}): Promise<Attack> {
  const { family = 4, protocol = "udp", port = 443, rate = 1000, seconds = 120, ports = "40000-40019", from = "camera" } = options;
  const icmp = protocol === "icmp";
  const sink = startTraffic(lab.target, "sink", { ...(icmp ? {} : { port }), protocol: protocol === "tcp-syn" ? "tcp" : protocol, seconds: 600, everyMs });
  await sink.ready();
  const to = family === 4 ? target.v4 : target.v6;
  const flood = startTraffic(lab[from], "flood", { to, ...(icmp ? {} : { port }), protocol, rate, seconds, sourcePorts: ports });
  await flood.ready();

  const arrives: Attack["arrives"] = async (timeoutMs) => {
    const now = Date.now();
    return (await sink.until((report) => report.t - everyMs > now && report.packets > 0, timeoutMs)).packets;
  };
  return {
    flood, sink, arrives,
    async reported(more = {}) {
      // What arrives now, for conntrack may have forgotten what came earlier; two intervals, so that every port is among it.
      const from = sink.reports.length;
      const isNew = (report: SinkReport): boolean => report.packets > 0 && sink.reports.indexOf(report) >= from;
      await sink.until(isNew);
      await sink.until((report) => isNew(report) && sink.reports.filter(isNew).length >= 2);
      const seen = sink.reports.filter(isNew).flatMap((report) => report.sources);
      const address = seen[0]?.address ?? "";
      const ranges = mergeRanges(seen.flatMap((source) => source.ports.ranges));
      return {
        "source-prefix": [`${address}/${family === 4 ? 32 : 128}`],
        // ICMP has identifiers in place of ports, which no key can carry.
        ...(icmp ? {} : { "source-port-range": ranges.map(([lower, upper]) => ({ "lower-port": lower, "upper-port": upper })), "target-port-range": [{ "lower-port": port }] }),
        "target-prefix": [`${to}/${family === 4 ? 32 : 128}`],
        "target-protocol": [icmp && family === 6 ? 58 : numberOf[protocol]],
        lifetime: 60,
        ...more,
      };
    },
    async stops(milliseconds, timeoutMs = 10_000) {
      let quietSince: number | undefined;
      const began = Date.now();
      await sink.until((report) => {
        if (report.t < began) return false;
        if (report.packets > 0) quietSince = undefined;
        else quietSince ??= report.t - everyMs;
        return quietSince !== undefined && report.t - quietSince >= milliseconds;
      }, timeoutMs);
    },
    since: (moment) => sink.reports.filter((report) => report.event === "interval" && report.t - everyMs > moment).reduce((sum, report) => sum + report.packets, 0),
    async end() {
      await flood.stop();
      await sink.stop();
    },
  };
}

/** At most 64 ranges, as many as a message takes; what lies between is reported along where there are more. */
function mergeRanges(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const merged: [number, number][] = [];
  for (const [lower, upper] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && lower <= last[1] + 1) last[1] = Math.max(last[1], upper);
    else merged.push([lower, upper]);
  }
  while (merged.length > 64) {
    const gaps = merged.slice(1).map(([lower], at) => lower - (merged[at]?.[1] ?? 0));
    const at = gaps.indexOf(Math.min(...gaps));
    merged.splice(at, 2, [merged[at]?.[0] ?? 0, merged[at + 1]?.[1] ?? 0]);
  }
  return merged;
}

/** A laptop's own transfer to the same target. */
export interface Transfer {
  readonly client: TrafficRun<StreamClientReport>;
  /** Ends it; how it went. */
  end(): Promise<{ readonly bytes: number; readonly sent: number; readonly longestGapMs: number; readonly broken: string | null }>;
}

export async function startTransfer(lab: Lab, family: 4 | 6 = 4, options: Partial<Subcommands["stream-client"]["options"]> = {}): Promise<Transfer> {
  const port = family === 4 ? 8443 : 8446;
  const server = startTraffic(lab.target, "stream-server", { port, seconds: 600 });
  await server.ready();
  const client = startTraffic(lab.laptop, "stream-client", { to: family === 4 ? target.v4 : target.v6, port, rate: 250_000, seconds: 300, ...options });
  await client.until((report) => report.bytes > 0);
  return {
    client,
    async end() {
      const summary = await client.stop();
      await server.stop();
      if (summary.event !== "summary") throw new Error("the transfer ended without a summary");
      return { bytes: summary.bytes, sent: summary.sent, longestGapMs: summary.longest_gap_ms, broken: summary.broken };
    },
  };
}
