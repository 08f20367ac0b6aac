import type { DtlsCredentials } from "dtls-wasm";
import type { MitigationService } from "../callhome-server/dots/dots-service.ts";
import { startUpstream, type Upstream } from "../callhome-server/upstream.ts";
import type { UpstreamStatus } from "../model/upstream-status.ts";
import type { Config } from "../config/config.ts";
import type { UpstreamConfig } from "../config/upstream-config.ts";
import type { Mitigation } from "../model/mitigation.ts";
import type { Log } from "../model/ports.ts";
import { describeUpstream, type UpstreamView } from "../operator/describe-status.ts";
import { unknownWay, type CameOver } from "../policy/other-wan.ts";
import type { DialSettings } from "../system/dial/dial-upstream.ts";
import { cameOver } from "./came-over.ts";
import { transportsOf, type Discovery } from "./open-discovery.ts";
import type { LoadedConfig } from "./loaded-config.ts";
import type { OperatorDeps } from "./operator-actions.ts";
import type { Router } from "./router.ts";
import type { Part } from "./run-parts.ts";

/** The sessions with all upstreams of the configuration. */
export interface Upstreams extends Part<LoadedConfig> {
  /** Those that changed are dialled again, the others keep their sessions; also dials for the first time. */
  reload(next: LoadedConfig): void;
  readonly count: () => number;
  isConnected(): boolean;
  notify(mitigation: Mitigation): void;
  /** Which of them have a mitigation under way. */
  setMitigating(isMitigating: (upstream: string) => boolean): void;
  /** The way that an upstream's requests come. */
  wayOf(upstream: string): CameOver;
  networkChanged(): void;
  clockJumped(): void;
  readonly status: () => ReturnType<OperatorDeps["upstreams"]>;
  readonly reconnect: (name: string | undefined) => readonly string[] | undefined;
}

export interface UpstreamsDeps {
  readonly first: LoadedConfig;
  readonly router: Pick<Router, "clock" | "steadyClock" | "openDial" | "addressesOf" | "random" | "randomBytes">;
  readonly log: Log;
  readonly mitigations: MitigationService;
  /** No session begins before. */
  readonly ready: Promise<void>;
  readonly inside: NonNullable<DialSettings["inside"]>;
  readonly discovery: Discovery;
  readonly isMitigating: (upstream: string) => boolean;
  readonly changed: (view: UpstreamView) => void;
}

/** Dials nobody before the first `reload`. */
export function openUpstreams(deps: UpstreamsDeps): Upstreams {
  const { first, isMitigating } = deps;
  const startedAt = deps.router.clock.now();
  const open = new Map<string, { readonly upstream: Upstream; readonly fingerprint: string }>();
  let { config: now } = first;
  const each = (): readonly Upstream[] => [...open.values()].map(({ upstream }) => upstream);

  return {
    reload(next) {
      now = next.config;
      const wanted = new Map(next.config.upstreams.map((config) => [config.name, config]));
      for (const [name, { upstream, fingerprint }] of open) {
        const config = wanted.get(name);
        if (config && fingerprint === fingerprintOf(config, next)) continue;
        upstream.stop();
        open.delete(name);
        deps.discovery.forget(name);
      }
      for (const [name, config] of wanted) {
        const credentials = next.credentials.get(name);
        if (open.has(name) || !credentials || !next.config.enabled) continue;
        const upstream = start(config, credentials, () => now, deps);
        upstream.setMitigating(isMitigating(name));
        open.set(name, { upstream, fingerprint: fingerprintOf(config, next) });
      }
    },
    count: () => open.size,
    isConnected: () => each().some((upstream) => upstream.status().state === "connected"),
    notify(mitigation) {
      open.get(mitigation.request.upstream)?.upstream.mitigationChanged(mitigation);
    },
    setMitigating(holds) {
      for (const upstream of each()) upstream.setMitigating(holds(upstream.name));
    },
    wayOf(name) {
      const status = open.get(name)?.upstream.status();
      return status ? cameOver(status, now.upstreams.find((config) => config.name === name)?.bindDevice ?? null) : unknownWay;
    },
    networkChanged() {
      for (const upstream of each()) upstream.networkChanged();
    },
    clockJumped() {
      for (const upstream of each()) if (isUpToTheClock(upstream.status())) upstream.reconnect();
    },
    status: () => [
      ...each().map((upstream) => ({ name: upstream.name, ...upstream.status() })),
      ...now.disabledUpstreams.map((name) => ({
        name,
        state: "disabled" as const,
        transport: null,
        peer: null,
        local: null,
        since: startedAt,
        lastError: null,
        sessions: 0,
      })),
    ],
    reconnect(name) {
      const chosen = each().filter((upstream) => name === undefined || upstream.name === name);
      for (const upstream of chosen) upstream.reconnect();
      return chosen.length === 0 ? undefined : chosen.map((upstream) => upstream.name);
    },
    stop() {
      for (const upstream of each()) upstream.stop();
    },
  };
}

/** What one is called whose name each dial finds out. */
const toBeDiscovered = "the provider's DOTS client";

function start(config: UpstreamConfig, credentials: DtlsCredentials, now: () => Config,
  { router, log, mitigations, ready, inside, discovery, changed }: UpstreamsDeps): Upstream {
  const { clock, steadyClock } = router;
  const host = config.discover ? toBeDiscovered : config.host ?? "";
  return startUpstream(
    { name: config.name, host, requestRate: now().requestRate, mostMitigations: () => now().maxMitigations },
    {
      clock: steadyClock,
      wallTime: () => clock.now(),
      random: () => router.random(),
      randomBytes: (count) => router.randomBytes(count),
      log,
      dial: router.openDial({
        host,
        port: config.port,
        serverName: config.serverName ?? "",
        credentials,
        clock: steadyClock,
        transports: transportsOf(config),
        ...(config.discover ? { discover: discovery.finderFor(config) } : {}),
        localAddresses(learntOn) {
          const device = config.bindDevice ?? learntOn;
          return device === undefined ? undefined : router.addressesOf(device);
        },
        ready,
        inside,
      }),
    },
    mitigations,
    (status) => {
      changed(describeUpstream({ name: config.name, ...status }));
    },
  );
}

/** Whether it has no session since a certificate's dates and this router's clock did not agree. */
function isUpToTheClock({ state, lastError }: UpstreamStatus): boolean {
  return state !== "connected" && lastError !== null && lastError.includes("this router's clock is wrong");
}

/** What a session depends on: it lasts as long as this is the same. */
function fingerprintOf(config: UpstreamConfig, { credentials, config: { requestRate, enabled } }: LoadedConfig): string {
  const known = credentials.get(config.name);
  const secret = known?.is === "psk" ? { ...known, key: Buffer.from(known.key).toString("hex") } : known;
  return JSON.stringify([config, secret, requestRate, enabled]);
}
