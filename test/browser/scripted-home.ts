import type { DeviceView } from "../../src/operator/describe-device.ts";
import type { HistoryView } from "../../src/operator/describe-history.ts";
import type { FoundDeviceView, MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { StatusView, UpstreamView } from "../../src/operator/describe-status.ts";
import type { Backend } from "./start-router.ts";

/** A home that is as a test says: for what the lab cannot play, and for pictures. */
export interface ScriptedHome extends Backend {
  upstreams: UpstreamView[];
  mitigations: MitigationView[];
  devices: DeviceView[];
  history: HistoryView[];
  warnings: string[];
  /** undefined = there is no such object. */
  answers: "well" | "nothing" | "hangs";
}

export const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

export const kitchenCamera: FoundDeviceView = {
  mac: "00:1d:c0:4f:7a:23", name: "Kitchen camera", addresses: ["192.168.1.23", "2001:db8:1::23"], port: "lan1", certainty: "exact",
  evidence: { flows: 101, packets: 223_200, bytes: 51_234_567, first_seen: ago(180), last_seen: ago(0) },
};

export function question(id: number, more: Partial<MitigationView> = {}): MitigationView {
  return {
    id, upstream: "isp", cuid: "dz6pHjaADkaFTbjr0JGBpw", mid: 50 + id, state: "pending", outcome: null, status: 1, action: "block", requested_at: ago(20), expires_at: ago(-3600),
    target: { prefixes: ["198.51.100.9/32"], ports: [[443, 443]], protocols: [6], fqdns: [], uris: [] },
    source: { prefixes: ["203.0.113.7/32"], ports: [[40_000, 40_100]], icmp_types: [] }, devices: [kitchenCamera], dropped: { packets: 0, bytes: 0 }, ...more,
  };
}

export function scriptedHome(): ScriptedHome {
  const home: ScriptedHome = {
    upstreams: [{ name: "isp", state: "connected", transport: "udp", peer: "203.0.113.1:4647", since: ago(3 * 3600), last_error: null, sessions: 1 }],
    mitigations: [], devices: [], history: [], warnings: [], answers: "well",
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
        case "status": return { status: 0, data: {
          version: "0.1.0", uptime_seconds: 10_000, upstreams: home.upstreams, warnings: home.warnings,
          mitigations: { pending: count("pending"), active: count("active"), terminating: count("terminating"), ended: count("ended") },
        } satisfies StatusView };
        case "list": {
          home.mitigations = home.mitigations.map((each) => each.state === "active" ? { ...each, dropped: { packets: each.dropped.packets + 3_600 + Math.round(400 * Math.sin(Date.now() / 9000)), bytes: each.dropped.bytes } } : each);
          return { status: 0, data: { mitigations: home.mitigations } };
        }
        case "devices": return { status: 0, data: { devices: home.devices } };
        case "history": return { status: 0, data: { history: home.history } };
        case "approve": return settle({ state: "active", action: (params["action"] as MitigationView["action"] | undefined) ?? "block", status: 2 });
        case "deny": return settle({ state: "ended", outcome: "denied" });
        case "release": return settle({ state: "ended", outcome: "released" });
        case "reconnect": return Promise.resolve({ status: 0, data: { upstreams: ["isp"] } });
        default: return { status: 3 };
      }
    },
    subscribe: () => () => undefined,
  };
  return home;
}
