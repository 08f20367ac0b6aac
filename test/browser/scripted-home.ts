import type { DeviceView } from "../../src/operator/describe-device.ts";
import type { HistoryView } from "../../src/operator/describe-history.ts";
import type { FoundDeviceView, MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { TrafficListView, TrafficView } from "../../src/operator/describe-traffic.ts";
import type { StatusView, UpstreamView } from "../../src/operator/describe-status.ts";
import type { Backend } from "./start-router.ts";

/** A home that is as a test says: for what the lab cannot play, and for pictures. */
export interface ScriptedHome extends Backend {
  upstreams: UpstreamView[];
  mitigations: MitigationView[];
  devices: DeviceView[];
  /** Of a mitigation: packets a second that were sent and that got through, and how many seconds before now the next holds; the newest last. */
  traffic: Record<number, readonly (readonly [seconds: number, sent: number, passed: number])[]>;
  history: HistoryView[];
  warnings: string[];
  /** undefined = there is no such object. */
  answers: "well" | "nothing" | "hangs";
}

export const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

export const kitchenCamera: FoundDeviceView = {
  mac: "00:1d:c0:4f:7a:23",
  name: "Kitchen camera",
  addresses: ["192.168.1.23", "2001:db8:1::23"],
  port: "lan1",
  certainty: "exact",
  evidence: { flows: 101, packets: 223_200, bytes: 51_234_567, first_seen: ago(180), last_seen: ago(0) },
};

export function question(id: number, more: Partial<MitigationView> = {}): MitigationView {
  return {
    id,
    upstream: "isp",
    cuid: "dz6pHjaADkaFTbjr0JGBpw",
    mid: 50 + id,
    state: "pending",
    outcome: null,
    status: 1,
    action: "block",
    requested_at: ago(20),
    expires_at: ago(-3600),
    target: { prefixes: ["198.51.100.9/32"], ports: [[443, 443]], protocols: [6], fqdns: [], uris: [] },
    source: { prefixes: ["203.0.113.7/32"], ports: [[40_000, 40_100]], icmp_types: [] },
    devices: [kitchenCamera],
    dropped: { packets: 0, bytes: 0 },
    ...more,
  };
}

export function scriptedHome(): ScriptedHome {
  const home: ScriptedHome = {
    upstreams: [{ name: "isp", state: "connected", transport: "udp", peer: "203.0.113.1:4647", since: ago(3 * 3600), last_error: null, sessions: 1 }],
    mitigations: [],
    devices: [],
    traffic: {},
    history: [],
    warnings: [],
    answers: "well",
    async call(method, params) {
      if (home.answers === "nothing") return undefined;
      if (home.answers === "hangs") return { status: 7 };
      const count = (state: string): number => home.mitigations.filter((each) => each.state === state).length;
      const settle = (change: Partial<MitigationView>): { status: number; data: object } => {
        const found = home.mitigations.find(({ id }) => id === params["id"]);
        if (!found) return { status: 4, data: { error: { code: "not-found", message: "there is no such mitigation" } } };
        const after = { ...found, ...change };
        home.mitigations = home.mitigations.map((each) => (each === found ? after : each));
        return { status: 0, data: after };
      };
      switch (method) {
        case "status":
          return {
            status: 0,
            data: {
              version: "0.1.0",
              uptime_seconds: 10_000,
              upstreams: home.upstreams,
              warnings: home.warnings,
              mitigations: { pending: count("pending"), active: count("active"), terminating: count("terminating"), ended: count("ended") },
            } satisfies StatusView,
          };
        case "list":
          return { status: 0, data: { mitigations: home.mitigations } };
        case "traffic":
          return {
            status: 0,
            data: { now: ago(0), mitigations: Object.entries(home.traffic).map(([id, spans]) => trafficView(Number(id), spans)) } satisfies TrafficListView,
          };
        case "devices":
          return { status: 0, data: { devices: home.devices } };
        case "history":
          return { status: 0, data: { history: home.history } };
        case "approve":
          return settle({ state: "active", outcome: null, action: (params["action"] as MitigationView["action"] | undefined) ?? "block", status: 2 });
        case "deny":
          return settle({ state: "ended", outcome: "denied", left_alone: { why: "denied", until: ago(-3600) } });
        case "release":
          return settle({ state: "ended", outcome: "released", left_alone: { why: "undone", until: ago(-3600) } });
        case "reconnect":
          return Promise.resolve({ status: 0, data: { upstreams: ["isp"] } });
        default:
          return { status: 3 };
      }
    },
    subscribe: () => () => undefined,
  };
  return home;
}

/** Samples each five seconds, as the daemon gives them. */
function trafficView(id: number, spans: readonly (readonly [number, number, number])[]): TrafficView {
  const total = spans.reduce((sum, [seconds]) => sum + seconds, 0);
  const samples: [number, number, number][] = [];
  let age = total;
  for (const [seconds, sent, passed] of spans) {
    const end = age - seconds;
    for (age -= 5; age >= end; age -= 5)
      samples.push([age, sent === 0 ? 0 : sent + Math.round(sent / 14 * Math.sin(age)), passed === 0 ? 0 : passed + Math.round(passed / 14 * Math.sin(age))]);
    age = end;
  }
  const newest = samples.at(-1);
  const lastSent = samples.findLast(([, sent]) => sent > 0);
  const isSending = lastSent !== undefined && lastSent[0] < 10;
  return {
    id,
    is_sending: isSending,
    sent: newest?.[1] ?? null,
    passed: newest?.[2] ?? null,
    last_sent_at: lastSent ? ago(lastSent[0]) : null,
    paused_at: null,
    samples,
  };
}
