import { randomBytes } from "node:crypto";
import { startUpstream, type Upstream } from "./callhome-server/upstream.ts";
import type { Config } from "./config/config.ts";
import type { UpstreamConfig } from "./config/upstream-config.ts";
import type { DtlsModule } from "./dtls/dtls-module.ts";
import type { DtlsCredentials } from "./dtls/dtls-session.ts";
import type { Mitigation } from "./model/mitigation.ts";
import { historyOf, operatorActions } from "./operator-actions.ts";
import { dispatch } from "./operator/dispatch.ts";
import { createPipeline } from "./pipeline.ts";
import type { Log, PacketFilter } from "./ports.ts";
import { pipelineSettings } from "./read-settings.ts";
import { readRemembered, writeRemembered } from "./remembered-json.ts";
import { createStore, nothingRemembered, type Remembered } from "./store.ts";
import { openControlSocket } from "./system/control-socket.ts";
import { addressesOf } from "./system/device-addresses.ts";
import { openDial } from "./system/dial-upstream.ts";
import { openConntrack } from "./system/flow-table.ts";
import { openHomeDirectory } from "./system/home-directory.ts";
import { openHomeNetwork } from "./system/home-network.ts";
import { openPacketFilter } from "./system/packet-filter.ts";
import { runCommand } from "./system/run-command.ts";
import { openStateFile, type StateFile } from "./system/state-file.ts";
import { systemClock as clock } from "./system/system-clock.ts";

/** A configuration with the secrets that its files held. */
export interface LoadedConfig {
  readonly config: Config;
  readonly credentials: ReadonlyMap<string, DtlsCredentials>;
  readonly warnings: readonly string[];
}

export interface Daemon {
  reload(loaded: LoadedConfig): Promise<void>;
  stop(): Promise<void>;
}

/** State is written at most so often, but for the first change after a pause, which is written at once: flash wears. */
const writeEvery = 1_000; // milliseconds

/** Everything, wired by hand. Rejects with ControlSocketError if another daemon is running. */
export async function runDaemon(version: string, dtls: DtlsModule, first: LoadedConfig, log: Log): Promise<Daemon> {
  let loaded = first;
  const startedAt = clock.now();
  const run = runCommand;
  const filter = openPacketFilter();
  const network = {
    addresses: () => openHomeNetwork({
      run, devices: { wan: loaded.config.wanDevices, lan: loaded.config.lanDevices }, sourceScope: loaded.config.sourceScope,
    }).addresses(),
  };
  const stateFile = openStateFile(first.config.stateDir);
  const stateWarnings: string[] = [];
  const store = createStore(await recall(stateFile, filter, log, stateWarnings));
  const saver = createSaver(stateFile, () => writeRemembered(store.snapshot()), log);

  const upstreams = new Map<string, { readonly upstream: Upstream; readonly fingerprint: string }>();
  const isMitigating = (name: string): boolean => store.all().some((each) => each.request.upstream === name && each.state !== "ended");

  const { leaseFiles } = first.config;
  const pipeline = createPipeline(
    pipelineSettings(first.config), store,
    { clock, log, filter, network, flows: openConntrack({ run, log }), directory: openHomeDirectory({ run, log, ...(leaseFiles.length > 0 ? { leaseFiles } : {}) }) },
    {
      notifyUpstream(mitigation) {
        upstreams.get(mitigation.request.upstream)?.upstream.mitigationChanged(mitigation);
      },
      tellOwner(mitigation) {
        if (mitigation.state === "ended") store.record(historyOf(mitigation, "ended", endedBy(mitigation), clock.now()));
      },
      remember() {
        for (const [name, { upstream }] of upstreams) upstream.setMitigating(isMitigating(name));
        saver.save();
      },
    },
  );

  const openUpstream = (config: UpstreamConfig, credentials: DtlsCredentials): Upstream => startUpstream(
    { name: config.name, host: config.host, requestRate: loaded.config.requestRate },
    {
      clock,
      dial: openDial(dtls, {
        host: config.host, port: config.port, serverName: config.serverName, credentials, clock,
        transports: config.transport === "auto" ? ["udp", "tcp"] : [config.transport],
        localAddresses: () => config.bindDevice === null ? undefined : addressesOf(config.bindDevice),
      }),
      random: Math.random, randomBytes, log,
    },
    pipeline,
    () => undefined,
  );

  /** Upstreams that changed are dialled anew, the others keep their sessions. */
  const openUpstreams = (): void => {
    const wanted = new Map(loaded.config.upstreams.map((config) => [config.name, config]));
    for (const [name, { upstream, fingerprint }] of upstreams) {
      const config = wanted.get(name);
      if (config && fingerprint === fingerprintOf(config, loaded)) continue;
      upstream.stop();
      upstreams.delete(name);
    }
    for (const [name, config] of wanted) {
      const credentials = loaded.credentials.get(name);
      if (upstreams.has(name) || !credentials || !loaded.config.enabled) continue;
      const upstream = openUpstream(config, credentials);
      upstream.setMitigating(isMitigating(name));
      upstreams.set(name, { upstream, fingerprint: fingerprintOf(config, loaded) });
    }
  };

  const disabled = (name: string): object => ({ name, state: "disabled", transport: null, peer: null, since: startedAt, lastError: null, sessions: 0 });
  const actions = operatorActions(pipeline, store, {
    version, startedAt, clock, network,
    upstreams: () => [
      ...[...upstreams.values()].map(({ upstream }) => ({ name: upstream.name, ...upstream.status() })),
      ...loaded.config.disabledUpstreams.map((name) => disabled(name) as never),
    ],
    reconnect(name) {
      const chosen = [...upstreams.values()].filter(({ upstream }) => name === undefined || upstream.name === name);
      for (const { upstream } of chosen) upstream.reconnect();
      return chosen.length === 0 ? undefined : chosen.map(({ upstream }) => upstream.name);
    },
    warnings: () => [...loaded.warnings, ...stateWarnings, ...saver.warnings()],
    remember: () => { saver.save(); },
  });
  const control = await openControlSocket(first.config.controlSocket, (method, params) => dispatch(actions, method, params, (name, error) => {
    log("error", `control method ${name} failed: ${error instanceof Error ? error.message : String(error)}`);
  }), { clock, log });

  await pipeline.resume();
  openUpstreams();
  log("info", `dots-callhome ${version} runs with ${upstreams.size} upstream${upstreams.size === 1 ? "" : "s"}, consent '${loaded.config.consent}'`);

  return {
    async reload(next) {
      loaded = next;
      await pipeline.reload(pipelineSettings(next.config));
      openUpstreams();
      log("info", "configuration reloaded");
    },
    async stop() {
      for (const { upstream } of upstreams.values()) upstream.stop();
      pipeline.stop();
      saver.flush();
      await control.close();
    },
  };
}

/** What was saved; with nothing saved, ids go on behind those that the kernel still counts for. */
async function recall(file: StateFile, filter: PacketFilter, log: Log, warnings: string[]): Promise<Remembered> {
  const complain = (message: string): void => {
    warnings.push(message);
    log("warn", message);
  };
  try {
    const text = file.read();
    const read = text === undefined ? undefined : readRemembered(text);
    if (read && !("problem" in read)) return read;
    if (read) complain(`${file.path} ${read.problem}: it is kept as ${file.setAside()}, and the daemon starts without its memory`);
  } catch (error) {
    complain(`${file.path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const counted = await filter.readCounters().catch(() => new Map<number, never>());
  return { ...nothingRemembered, nextId: Math.max(0, ...counted.keys()) + 1 };
}

interface Saver {
  save(): void;
  flush(): void;
  warnings(): readonly string[];
}

function createSaver(file: StateFile, text: () => string, log: Log): Saver {
  let written: string | undefined;
  let lastAt = 0;
  let cancel: (() => void) | undefined;
  let problem: string | undefined;
  const write = (): void => {
    cancel?.();
    cancel = undefined;
    lastAt = clock.now();
    const next = text();
    if (next === written) return;
    try {
      file.write(next);
      written = next;
      problem = undefined;
    } catch (error) {
      const now = `decisions are not saved, ${file.path} cannot be written: ${error instanceof Error ? error.message : String(error)}`;
      if (now !== problem) log("error", now);
      problem = now;
    }
  };
  return {
    save() {
      const wait = Math.min(writeEvery, lastAt + writeEvery - clock.now());
      if (wait <= 0) write();
      else cancel ??= clock.after(wait, write);
    },
    flush() {
      if (cancel) write();
    },
    warnings: () => problem === undefined ? [] : [problem],
  };
}

function endedBy(mitigation: Mitigation): "admin" | "policy" | "upstream" | "time" {
  switch (mitigation.outcome) {
    case "withdrawn": return "upstream";
    case "overridden": return "upstream";
    case "rejected": return "policy";
    case "denied": return "admin";
    case "released": return "admin";
    default: return "time";
  }
}

function fingerprintOf(config: UpstreamConfig, loaded: LoadedConfig): string {
  const credentials = loaded.credentials.get(config.name);
  const secret = credentials?.is === "psk" ? { ...credentials, key: Buffer.from(credentials.key).toString("hex") } : credentials;
  return JSON.stringify([config, secret, loaded.config.requestRate, loaded.config.enabled]);
}
