import { patience } from "../patience.ts";
import type { Lab } from "./lab.ts";
import { labAddresses, type Namespace } from "./lab.ts";
import { startTraffic, type FloodReport, type SinkReport, type StreamClientReport, type Subcommands, type TrafficRun } from "./start-traffic.ts";

const { target, isp } = labAddresses;
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
  /** Which the sender has to have, wherever; default: its own. */
  readonly address?: string;
}

/** A flood from the home, and what arrives of it at the target. */
export interface Attack {
  readonly flood: TrafficRun<FloodReport>;
  readonly sink: TrafficRun<SinkReport>;
  /** The mitigation scope for what arrives now, as the ISP sees it on its wire; the lifetime is ten minutes. */
  reported(more?: object): Promise<object>;
  /** Resolves when packets arrive that came after this moment; how many there were in some tenth of a second. */
  arrives(timeoutMs?: number): Promise<number>;
  /** Resolves once nothing has arrived for this long, though the device went on sending: at least half of its packets of that time. */
  stops(milliseconds: number, timeoutMs?: number): Promise<void>;
  /** Packets that arrived after a moment of Date.now(), and before another; of a tenth of a second amid which the first moment lies none. */
  since(moment: number, until?: number): number;
  /** Resolves once the device has sent this many packets more, refused ones included, and what arrived of them has been counted. */
  sends(packets: number): Promise<void>;
  /** Packets that the device sent between two moments of Date.now(), refused ones included: not more than there were. */
  sent(from: number, until: number): number;
  end(): Promise<void>;
}

const everyMs = 100;

export async function startAttack(lab: Lab, options: AttackOptions = {}): Promise<Attack> {
  const { family = 4, protocol = "udp", port = 443, rate = 1000, seconds = 3_000, ports = "40000-40019", from = "camera", address } = options;
  const icmp = protocol === "icmp";
  const sink = startTraffic(lab.target, "sink", { ...(icmp ? {} : { port }), protocol: protocol === "tcp-syn" ? "tcp" : protocol, seconds: 3_600, everyMs });
  await sink.ready();
  const to = family === 4 ? target.v4 : target.v6;
  const flood = startTraffic(lab[from], "flood", {
    to,
    ...(icmp ? {} : { port }),
    protocol,
    rate,
    seconds,
    sourcePorts: ports,
    everyMs,
    ...(address === undefined ? {} : { from: address }),
  });
  await flood.ready();

  const arrives: Attack["arrives"] = async (timeoutMs) => {
    const now = Date.now();
    return (await sink.until((report) => report.event === "interval" && (report.first_t ?? 0) > now, timeoutMs)).packets;
  };
  const [first = 0, last = first] = ports.split("-").map(Number);
  const tried = (report: FloodReport): number => report.packets + Object.values(report.errors).reduce((sum, count) => sum + count, 0);
  /** Packets of the device between two moments, by its own reports that lie between them. */
  const sent = (from: number, until: number): number => {
    const between = flood.reports.filter(({ t }) => t >= from && t <= until);
    const [begin, end] = [between[0], between.at(-1)];
    return begin && end ? tried(end) - tried(begin) : 0;
  };
  return {
    flood,
    sink,
    arrives,
    sent,
    async reported(more = {}) {
      // What arrives now, for conntrack may have forgotten what came earlier; until every port of the device is among it.
      const from = sink.reports.length;
      const seen = (): SinkReport["sources"] => sink.reports.slice(from).filter(({ event }) => event === "interval").flatMap(({ sources }) => sources);
      const seenRanges = (): [number, number][] => mergeRanges(seen().flatMap((source) => source.ports.ranges));
      await sink.until(() => seenRanges().reduce((sum, [lower, upper]) => sum + upper - lower + 1, 0) > last - first);
      const address = seen()[0]?.address ?? "";
      const ranges = atMost64(seenRanges());
      return {
        "source-prefix": [`${address}/${family === 4 ? 32 : 128}`],
        // ICMP has identifiers in place of ports, which no key can carry.
        ...(icmp
          ? {}
          : {
            "source-port-range": ranges.map(([lower, upper]) => ({ "lower-port": lower, "upper-port": upper })),
            "target-port-range": [{ "lower-port": port }],
          }),
        "target-prefix": [`${to}/${family === 4 ? 32 : 128}`],
        "target-protocol": [icmp && family === 6 ? 58 : numberOf[protocol]],
        lifetime: 600,
        ...more,
      };
    },
    async stops(milliseconds, timeoutMs = patience) {
      const began = Date.now();
      const enough = rate * milliseconds / 2_000;
      await sink.until((report) => {
        if (report.event !== "interval") return false;
        const quietSince = Math.max(began, report.last_t ?? 0);
        return report.t - quietSince >= milliseconds && sent(quietSince, report.t) >= enough;
      }, timeoutMs);
    },
    since: (moment, until = Infinity) =>
      sink.reports
        .filter(({ event, first_t }) => event === "interval" && first_t !== null && first_t > moment && first_t < until)
        .reduce((sum, report) => sum + report.packets, 0),
    async sends(packets) {
      const before = flood.reports.at(-1);
      const { t } = await flood.until((report) => tried(report) >= (before ? tried(before) : 0) + packets);
      await sink.until((report) => report.t > t);
    },
    async end() {
      await flood.stop();
      await sink.stop();
    },
  };
}

function mergeRanges(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const merged: [number, number][] = [];
  for (const [lower, upper] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && lower <= last[1] + 1) last[1] = Math.max(last[1], upper);
    else merged.push([lower, upper]);
  }
  return merged;
}

/** At most 64 ranges, as many as a message takes; what lies between is reported along where there are more. */
function atMost64(ranges: readonly [number, number][]): [number, number][] {
  const merged = [...ranges];
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
  /** Ends it; how it went. The floor is the longest gap of another transfer at the same time, which nobody has reason to disturb. */
  end(): Promise<{ readonly bytes: number; readonly sent: number; readonly longestGapMs: number; readonly floorMs: number; readonly broken: string | null }>;
}

export async function startTransfer(lab: Lab, family: 4 | 6 = 4, options: Partial<Subcommands["stream-client"]["options"]> = {}): Promise<Transfer> {
  const port = family === 4 ? 8443 : 8446;
  const open = async (at: Namespace, to: string): Promise<{ client: Transfer["client"]; end(): Promise<StreamClientReport & { event: "summary" }> }> => {
    const server = startTraffic(at, "stream-server", { port, seconds: 3_600 });
    await server.ready();
    const client = startTraffic(lab.laptop, "stream-client", { to, port, rate: 250_000, seconds: 3_000, ...options });
    await client.until((report) => report.bytes > 0);
    return {
      client,
      async end() {
        const summary = await client.stop();
        await server.stop();
        if (summary.event !== "summary") throw new Error("the transfer ended without a summary");
        return summary;
      },
    };
  };
  const [own, elsewhere] = await Promise.all([open(lab.target, family === 4 ? target.v4 : target.v6), open(lab.isp, family === 4 ? isp.v4 : isp.v6)]);
  return {
    client: own.client,
    async end() {
      const [summary, floor] = await Promise.all([own.end(), elsewhere.end()]);
      return { bytes: summary.bytes, sent: summary.sent, longestGapMs: summary.longest_gap_ms, floorMs: floor.longest_gap_ms, broken: summary.broken };
    },
  };
}
