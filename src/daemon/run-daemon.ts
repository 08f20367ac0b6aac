import { randomBytes } from "node:crypto";
import { cameOver } from "./came-over.ts";
import { startUpstream, type Upstream, type UpstreamStatus } from "../callhome-server/upstream.ts";
import type { Config } from "../config/config.ts";
import type { UpstreamConfig } from "../config/upstream-config.ts";
import type { DtlsCredentials, DtlsModule } from "dtls-wasm";
import { lateQuarantines } from "../enforcer/quarantined-devices.ts";
import { createGate } from "./deferred.ts";
import { lastInTurn } from "./in-turn.ts";
import { openMemory } from "../memory/memory.ts";
import type { Mitigation } from "../model/mitigation.ts";
import { historyOf, operatorActions } from "./operator-actions.ts";
import type { Caller } from "../operator/caller.ts";
import { describeMitigation } from "../operator/describe-mitigation.ts";
import { describeUpstream } from "../operator/describe-status.ts";
import { dispatch, type Reply } from "../operator/dispatch.ts";
import { createMessageBudget } from "../operator/message-budget.ts";
import { createQuietRules, subjectOf } from "../operator/notification-quiet.ts";
import { createNewsDesk, type OwnerNews } from "../operator/owner-news.ts";
import { createPipeline } from "../pipeline/pipeline.ts";
import { unknownWay, type CameOver } from "../policy/other-wan.ts";
import type { Log } from "../model/ports.ts";
import { pipelineSettings } from "./pipeline-settings.ts";
import { checkTools } from "../system/process/check-tools.ts";
import { openControlSocket } from "../system/operator/control-socket.ts";
import { addressesOf } from "../system/dial/device-addresses.ts";
import { openDhcpConfig } from "../system/files/dhcp-config.ts";
import { openDial } from "../system/dial/dial-upstream.ts";
import { openFlowJournal } from "../system/flows/flow-journal.ts";
import { openFlowMemory } from "../system/flows/flow-sources.ts";
import { openConntrack } from "../system/flows/flow-table.ts";
import { followCommand } from "../system/process/follow-command.ts";
import { followHome } from "../system/home/follow-home.ts";
import { openHostapdClients } from "../system/filter/hostapd-clients.ts";
import { openHomeDirectory } from "../system/home/home-directory.ts";
import { openHomeNetwork } from "../system/home/home-network.ts";
import { limitCommands } from "../system/process/limit-commands.ts";
import { openNoticePage } from "../system/notice/notice-page.ts";
import { nudgeNeighbour } from "../system/flows/solicit-neighbour.ts";
import { openOperatorOnUbus, type OperatorOnUbus } from "../system/operator/operator-on-ubus.ts";
import { interactiveNft, openNftables } from "nftables-js";
import { readManagementSessions } from "../system/home/management-sessions.ts";
import { openNotifiers, type Notifiers } from "../system/notify/open-notifiers.ts";
import { openPacketFilter } from "../system/filter/packet-filter.ts";
import { runCommand, type RunCommand } from "../system/process/run-command.ts";
import { readResolvers } from "../system/home/read-resolvers.ts";
import { openStateFile } from "../system/files/state-file.ts";
import { onClockJump, steadyClock, systemClock as clock } from "../system/process/system-clock.ts";
import { openUbusDirectory } from "../system/home/ubus-directory.ts";
import { openVendorList } from "../system/files/vendor-list.ts";
import { openVisitors } from "../system/notice/visitors.ts";
import { watchDevices } from "../system/home/watch-devices.ts";
import { errorText } from "../text/error-text.ts";

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

/**
 * Everything, wired by hand. Rejects with ControlSocketError if another daemon is running. First of all it dials: what else a start
 * needs is done while the handshake is under way, and no session begins before.
 */
export async function runDaemon(version: string, dtls: DtlsModule, first: LoadedConfig, log: Log): Promise<Daemon> {
  let loaded = first;
  const startedAt = clock.now();
  /** The first dials have left. Until then no tool is started, as each takes milliseconds from them. */
  const underWay = createGate();
  /** The kernel has told what an earlier daemon has left there: now requests and owners may come. */
  const [recalled, resumed] = [createGate(), createGate()];
  const runSome = limitCommands(runCommand);
  const run: RunCommand = async (...asked) => {
    await underWay.opened;
    return runSome(...asked);
  };
  let onUbus: { readonly path: string; readonly object: OperatorOnUbus } | undefined;
  const hints = openUbusDirectory(() => onUbus?.object.ubus, steadyClock);
  const tables = followHome({ run, follow: followCommand, clock: steadyClock, log });
  const sides = { configured: () => ({ wan: loaded.config.wanDevices, lan: loaded.config.lanDevices }), netifd: () => hints.devices() };
  const network = openHomeNetwork({
    tables, ...sides, sourceScope: () => loaded.config.sourceScope, shared: () => hints.shared(), resolvers: () => readResolvers(),
  });
  const devices = watchDevices({ tables, ...sides, clock, log });
  const filter = openPacketFilter(openNftables(interactiveNft()), {
    isNoticeOpen: () => notice.isOpen(), bridgePorts: () => tables.ports(), wanDevices: async () => (await network.devices()).wan,
  });
  const memory = openMemory({ state: openStateFile(first.config.stateDir, "state.json"), owner: openStateFile(first.config.stateDir, "owner.json") }, { clock, log, filter });
  const { store } = memory;

  const desk = createNewsDesk(store.all());
  let notifiers: Notifiers | undefined;
  const quiet = createQuietRules({
    clock, known: store.all().filter(({ state, devices }) => state !== "ended" && devices.length > 0).map(({ id }) => id),
    consent: () => ({ timeout: loaded.config.consentTimeoutSeconds, onTimeout: loaded.config.onTimeout }),
    latest: (id) => { const mitigation = store.get(id); return mitigation && describeMitigation(mitigation); },
    announce: (announcement) => { notifiers?.announce(announcement); },
  });
  /** Programs take more than people; but an upstream may not make them work as often as it likes. */
  const onUbusBudget = createMessageBudget({ each: 60, all: 600, within: 3_600_000 }, clock);
  const tell = (news: OwnerNews): void => {
    if (news.event === "upstream" || onUbusBudget.take(subjectOf(news.about))) onUbus?.object.tell(news);
    quiet.hear(news);
    notifiers?.sync();
  };

  const upstreams = new Map<string, { readonly upstream: Upstream; readonly fingerprint: string }>();
  const isMitigating = (name: string): boolean => store.all().some((each) => each.request.upstream === name && each.state !== "ended");

  const { leaseFiles } = first.config;
  const vendorOf = openVendorList();
  const directory = openHomeDirectory({ tables, log, hints, vendorOf, ...(leaseFiles.length > 0 ? { leaseFiles } : { dhcp: openDhcpConfig() }) });
  const journal = openFlowJournal({ follow: followCommand, clock, log, directory, network, nudge: nudgeNeighbour });
  const flows = openFlowMemory({ table: openConntrack({ run, log }), journal, log });
  const tools = checkTools({ run, clock, log });
  const wireless = openHostapdClients(() => onUbus?.object.ubus, { clock: steadyClock, log, letGo: () => lateQuarantines(store.all(), clock.now()) });
  const notice = openNoticePage({
    visitors: openVisitors({ network, lanDevices: async () => (await network.devices()).lan, neighbours: () => directory.neighbours(), clock: steadyClock }),
    language: () => loaded.config.notify[0]?.language ?? "en", log, changed: () => { void pipeline.relay(); },
  });
  const wayOf = (name: string): CameOver => {
    const status = upstreams.get(name)?.upstream.status();
    return status ? cameOver(status, loaded.config.upstreams.find((config) => config.name === name)?.bindDevice ?? null) : unknownWay;
  };
  const pipeline = createPipeline(
    pipelineSettings(first.config), store,
    { clock, log, filter, network, cameOver: (name) => wayOf(name), managing: () => readManagementSessions(), flows, directory, wireless, notice },
    {
      notifyUpstream(mitigation) {
        upstreams.get(mitigation.request.upstream)?.upstream.mitigationChanged(mitigation);
      },
      tellOwner(mitigation) {
        if (mitigation.state === "ended") store.record(historyOf(mitigation, "ended", endedBy(mitigation), clock.now()));
        // Later, as the same step may go on: a decision that the owner made before answers a request at once.
        clock.after(0, () => { for (const news of desk.newsOf(store.get(mitigation.id) ?? mitigation, store.all())) tell(news); });
      },
      remember() {
        for (const [name, { upstream }] of upstreams) upstream.setMitigating(isMitigating(name));
        memory.save();
      },
    },
  );

  const openUpstream = (config: UpstreamConfig, credentials: DtlsCredentials): Upstream => startUpstream(
    { name: config.name, host: config.host, requestRate: loaded.config.requestRate, mostMitigations: () => loaded.config.maxMitigations },
    {
      clock: steadyClock, wallTime: () => clock.now(),
      dial: openDial(dtls, {
        host: config.host, port: config.port, serverName: config.serverName, credentials, clock: steadyClock,
        transports: config.transport === "auto" ? ["udp", "tcp"] : [config.transport],
        localAddresses: () => config.bindDevice === null ? undefined : addressesOf(config.bindDevice),
        ready: resumed.opened, inside: async () => (await network.addresses()).inside,
      }),
      random: Math.random, randomBytes, log,
    },
    pipeline,
    (status) => { tell({ event: "upstream", about: describeUpstream({ name: config.name, ...status }) }); },
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
    version, startedAt, clock, network, vendorOf,
    upstreams: () => [
      ...[...upstreams.values()].map(({ upstream }) => ({ name: upstream.name, ...upstream.status() })),
      ...loaded.config.disabledUpstreams.map((name) => disabled(name) as never),
    ],
    reconnect(name) {
      const chosen = [...upstreams.values()].filter(({ upstream }) => name === undefined || upstream.name === name);
      for (const { upstream } of chosen) upstream.reconnect();
      return chosen.length === 0 ? undefined : chosen.map(({ upstream }) => upstream.name);
    },
    warnings: () => [...loaded.warnings, ...memory.warnings(), ...tools.warnings(), ...tables.warnings(), ...devices.warnings(), ...journal.warnings(), ...flows.warnings(), ...wireless.warnings(), ...notice.warnings(), ...notifiers?.warnings() ?? []],
    rememberNow: () => { memory.saveNow(); },
  });
  const answer = async (caller: Caller, method: unknown, params: unknown): Promise<Reply> => {
    await recalled.opened;
    return dispatch(actions, caller, method, params, {
      fault: (name, error) => { log("error", `control method ${name} failed: ${errorText(error)}`); },
      changed: (line) => { log("info", line); },
    });
  };
  const control = await openControlSocket(first.config.controlSocket, (who, method, params) => answer({ via: "cli", who, mayChange: true }, method, params), { clock, log })
    .catch((error: unknown) => {
      // Their children would keep this process.
      tables.stop();
      journal.stop();
      throw error;
    });
  // Not before: another daemon might have answered at the control socket.
  openUpstreams();
  tables.onChange(() => { for (const { upstream } of upstreams.values()) upstream.networkChanged(); });
  // A dial sends its first datagram in the turn of the event loop in which its timer fires.
  await new Promise<void>((resolve) => { clock.after(0, () => { setImmediate(resolve); }); });
  underWay.open();
  await memory.learnIds();
  memory.begin();
  recalled.open();
  /** After a reload perhaps at another socket. */
  const openUbusObject = (): void => {
    if (onUbus?.path === loaded.config.ubusSocket) return;
    onUbus?.object.close();
    const path = loaded.config.ubusSocket;
    onUbus = path === null ? undefined : { path, object: openOperatorOnUbus(path, answer, log, () => {
      void hints.refresh();
      wireless.connected();
    }) };
  };
  openUbusObject();
  let toldBy = "";
  const reopenNotifiers = async (): Promise<void> => {
    const wanted = JSON.stringify(loaded.config.notify);
    if (wanted === toldBy) return;
    await notifiers?.close();
    toldBy = wanted;
    notifiers = openNotifiers(loaded.config.notify, {
      clock, log, answer, mitigations: () => store.all().map(describeMitigation),
      isConnected: () => [...upstreams.values()].some(({ upstream }) => upstream.status().state === "connected"),
    });
  };
  await reopenNotifiers();

  onClockJump((by) => {
    log("warn", `the clock jumped ${by > 0 ? "forward" : "back"} by ${Math.round(Math.abs(by) / 1000)} s`);
    pipeline.clockJumped(by);
    // A certificate may be valid now.
    notifiers?.retryNow();
    for (const { upstream } of upstreams.values()) if (isUpToTheClock(upstream.status())) upstream.reconnect();
  });
  await pipeline.resume();
  resumed.open();
  log("info", `dots-callhome ${version} runs with ${upstreams.size} upstream${upstreams.size === 1 ? "" : "s"}, consent '${loaded.config.consent}'`);

  const apply = async (next: LoadedConfig): Promise<void> => {
    loaded = next;
    await reopenNotifiers();
    await pipeline.reload(pipelineSettings(next.config));
    openUpstreams();
    openUbusObject();
  };
  let isStopping = false;
  const reload = lastInTurn(async (next: LoadedConfig) => {
    if (isStopping) return;
    const before = loaded;
    try {
      await apply(next);
      log("info", "configuration reloaded");
    } catch (error) {
      // The whole new one, or the whole old one.
      await apply(before);
      throw error;
    }
  });

  return {
    reload,
    async stop() {
      isStopping = true;
      await reload(loaded).catch(() => undefined); // until one that is under way is over
      for (const { upstream } of upstreams.values()) upstream.stop();
      const leadsToPage = notice.isOpen();
      await notice.close();
      if (leadsToPage) await pipeline.relay(); // without it: nobody is led to a port where nobody listens
      pipeline.stop();
      tables.stop();
      devices.stop();
      journal.stop();
      tools.stop();
      wireless.stop();
      memory.close();
      onUbus?.object.close();
      quiet.stop();
      await notifiers?.close();
      await control.close();
    },
  };
}

/** Whether it has no session since a certificate's dates and this router's clock did not agree. */
function isUpToTheClock({ state, lastError }: UpstreamStatus): boolean {
  return state !== "connected" && lastError !== null && lastError.includes("this router's clock is wrong");
}

function endedBy(mitigation: Mitigation): "admin" | "policy" | "upstream" | "time" {
  switch (mitigation.outcome) {
    case "withdrawn": return "upstream";
    case "overridden": return "upstream";
    case "rejected": return "policy";
    case "denied": return mitigation.decidedBy === "admin" ? "admin" : "time";
    case "released": return mitigation.allowedUntil !== null && mitigation.allowedUntil <= clock.now() ? "time" : "admin";
    default: return "time";
  }
}

function fingerprintOf(config: UpstreamConfig, loaded: LoadedConfig): string {
  const credentials = loaded.credentials.get(config.name);
  const secret = credentials?.is === "psk" ? { ...credentials, key: Buffer.from(credentials.key).toString("hex") } : credentials;
  return JSON.stringify([config, secret, loaded.config.requestRate, loaded.config.enabled]);
}
