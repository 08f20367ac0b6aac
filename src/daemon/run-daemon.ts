import { lateQuarantines } from "../enforcer/quarantined-devices.ts";
import { openMemory, type Memory } from "../memory/memory.ts";
import type { IpPrefix } from "../model/ip-prefix.ts";
import type { Log, StateFile } from "../model/ports.ts";
import type { Caller } from "../operator/caller.ts";
import { describeMitigation } from "../operator/describe-mitigation.ts";
import { dispatch, type Reply } from "../operator/dispatch.ts";
import type { OperatorActions } from "../operator/methods.ts";
import { createPipeline, type Pipeline } from "../pipeline/pipeline.ts";
import { openHostapdClients } from "../system/filter/hostapd-clients.ts";
import type { HomeTables } from "../system/home/follow-home.ts";
import { readManagementSessions } from "../system/home/management-sessions.ts";
import { openNoticePage, type OpenNoticePage } from "../system/notice/notice-page.ts";
import { openVisitors } from "../system/notice/visitors.ts";
import { limitCommands } from "../system/process/limit-commands.ts";
import type { RunCommand } from "../system/process/run-command.ts";
import { errorText } from "../text/error-text.ts";
import { deferred, type Deferred } from "./deferred.ts";
import { needRestart, type LoadedConfig } from "./loaded-config.ts";
import { openBus, type Bus } from "./open-bus.ts";
import { openDiscovery } from "./open-discovery.ts";
import { openHome } from "./open-home.ts";
import { openOwner } from "./open-owner.ts";
import { openReceivers, type Receivers } from "./open-receivers.ts";
import { openUpstreams, type Upstreams } from "./open-upstreams.ts";
import { operatorActions } from "./operator-actions.ts";
import { pipelineSettings } from "./pipeline-settings.ts";
import type { Router } from "./router.ts";
import { runParts, type Part, type Running } from "./run-parts.ts";
import { milliseconds } from "../model/time.ts";

export type Daemon = Omit<Running<LoadedConfig>, "current">;

export interface DaemonDeps {
  readonly version: string;
  readonly first: LoadedConfig;
  readonly router: Router;
  readonly log: Log;
}

/** Everything, wired by hand. `started` rejects with ControlSocketError if another daemon is running. */
export function runDaemon(deps: DaemonDeps): Daemon {
  const { log, first } = deps;
  const daemon: Running<LoadedConfig> = runParts({
    first,
    log,
    opening: openParts(deps, () => daemon.current()),
    reloaded({ config }) {
      log("info", "configuration reloaded");
      for (const option of needRestart(first.config, config))
        log("warn", `option ${option} has changed: the new value is used when the daemon is started again`);
    },
  });
  return daemon;
}

/** What waits for a moment of the start. */
interface Moments {
  /** The first datagrams have left. Until then no tool is started, as each takes milliseconds from them. */
  readonly dialled: Deferred;
  /** It is known what an earlier run has left in the kernel: the owner may ask. */
  readonly recalled: Deferred;
  /** The kernel holds that again: upstreams may ask. */
  readonly resumed: Deferred;
}

/**
 * The parts, in the order in which they are opened and reloaded; they are stopped in reverse. As soon as it is sure that no other daemon
 * runs, it dials: what else a start needs is done while the handshake is under way, and no session begins before.
 */
async function* openParts({ version, first, router, log }: DaemonDeps, loaded: () => LoadedConfig): AsyncGenerator<Part<LoadedConfig>, void> {
  const { clock, steadyClock } = router;
  const startedAt = clock.now();
  const when = { dialled: deferred(), recalled: deferred(), resumed: deferred() };
  const run = startAfter(when.dialled.promise, limitCommands(router.run));
  const answer = answerAfter(when.recalled.promise, () => actions, log);

  const control = await router.openControlSocket(first.config.controlSocket,
    (who, method, params) => answer({ via: "cli", who, mayChange: true }, method, params), { clock: steadyClock, log });
  yield { stop: () => control.close() };
  const receivers = openReceivers(router.openNotifiers, {
    clock: steadyClock,
    wallTime: () => clock.now(),
    log,
    answer,
    mitigations: () => store.all().map(describeMitigation),
    isConnected: () => upstreams.isConnected(),
  });
  yield receivers;
  const bus = openBus({
    router,
    answer,
    log,
    connected: () => {
      wireless.connected();
    },
  });
  yield bus;
  const home = openHome({ first, router, run, hints: bus.directory, log });
  yield home;
  const { network, directory, tables } = home;
  const filter = router.openPacketFilter({
    log,
    isNoticeOpen: () => notice.isOpen(),
    bridgePorts: () => tables.ports(),
    wanDevices: async () => (await network.devices()).wan,
  });
  const fileOf = (name: string): StateFile => router.openStateFile(first.config.stateDir, name);
  const memory = openMemory({ state: fileOf("state.json"), owner: fileOf("owner.json"), ids: fileOf("ids.json") }, { clock: steadyClock, log, filter });
  yield {
    stop() {
      memory.close();
    },
  };
  const { store } = memory;
  const owner = openOwner({ first, clock: steadyClock, wallTime: () => clock.now(), store, bus, receivers });
  yield owner;
  const wireless = openHostapdClients(bus.ubus, { clock: steadyClock, log, unban: () => lateQuarantines(store.all(), clock.now()) });
  yield wireless;

  const isMitigating = (upstream: string): boolean => store.all().some(({ request, state }) => request.upstream === upstream && state !== "ended");
  const pipeline = createPipeline(
    pipelineSettings(first.config),
    store,
    {
      clock,
      steady: steadyClock,
      log,
      filter,
      network,
      directory,
      flows: home.flows,
      wireless,
      notice: {
        show: (cutOff) => {
          notice.show(cutOff);
        },
      },
      managing: readManagementSessions,
      cameOver: (name) => upstreams.wayOf(name),
    },
    {
      notifyUpstream(mitigation) {
        upstreams.notify(mitigation);
      },
      tellOwner(mitigation) {
        owner.mitigationChanged(mitigation);
      },
      remember() {
        upstreams.setMitigating(isMitigating);
        memory.save();
      },
    },
  );
  yield {
    reload: (next) => pipeline.reload(pipelineSettings(next.config)),
    stop() {
      pipeline.stop();
    },
  };
  const notice = openNoticePage({
    visitors: openVisitors({ network, lanDevices: async () => (await network.devices()).lan, neighbours: () => directory.neighbours(), clock: steadyClock }),
    language: receivers.language,
    log,
    changed: () => {
      void pipeline.relay();
    },
  });
  yield { stop: () => closePage(notice, pipeline) };
  const inside = async (): Promise<readonly IpPrefix[]> => (await network.addresses()).inside;
  const discovery = openDiscovery({
    router,
    log,
    inside,
    wanDevices: async () => (await network.devices()).wan,
    changed: (name) => {
      upstreams.reconnect(name);
    },
  });
  yield discovery;
  const upstreams = openUpstreams({
    first,
    router,
    log,
    discovery,
    mitigations: pipeline,
    ready: when.resumed.promise,
    inside,
    isMitigating,
    changed: (about) => {
      owner.tell({ event: "upstream", about });
    },
  });
  yield upstreams;
  const actions = operatorActions(pipeline, store, {
    version,
    startedAt,
    clock,
    network,
    vendorOf: router.vendorOf,
    upstreams: upstreams.status,
    wayOf: (name) => upstreams.wayOf(name),
    reconnect: upstreams.reconnect,
    sendTest: receivers.test,
    warnings: () => [...loaded().warnings, ...[memory, home, wireless, notice, receivers, bus].flatMap((each) => each.warnings())],
    rememberNow: () => {
      memory.saveNow();
    },
  });
  yield* begin({ version, first, router, log, when, upstreams, tables, memory, bus, receivers, pipeline });
}

interface Wired extends DaemonDeps {
  readonly when: Moments;
  readonly upstreams: Upstreams;
  readonly tables: HomeTables;
  readonly memory: Memory;
  readonly bus: Bus;
  readonly receivers: Receivers;
  readonly pipeline: Pipeline;
}

/** A stop may come here. */
const mayStop: Part<LoadedConfig> = { stop: () => undefined };

/** Sets to work what has been wired. */
async function* begin(
  { version, first, router, log, when, upstreams, tables, memory, bus, receivers, pipeline }: Wired,
): AsyncGenerator<Part<LoadedConfig>, void> {
  upstreams.reload(first);
  tables.onChange(() => {
    upstreams.networkChanged();
  });
  // A dial sends its first datagram in the turn of the event loop in which its timer fires.
  await new Promise<void>((resolve) => {
    router.clock.after(milliseconds(0), () => {
      setImmediate(resolve);
    });
  });
  when.dialled.resolve();
  await memory.learnIds();
  yield mayStop;
  memory.begin();
  when.recalled.resolve();
  bus.reload(first);
  await receivers.reload(first);
  yield {
    stop: router.onClockJump((by) => {
      log("warn", `the clock jumped ${by > 0 ? "forward" : "back"} by ${Math.round(Math.abs(by) / 1000)} s`);
      pipeline.clockJumped(by);
      receivers.retryNow(); // a certificate may be valid now
      upstreams.clockJumped();
    }),
  };
  await pipeline.resume();
  when.resumed.resolve();
  log("info", `dots-callhome ${version} runs with ${upstreams.count()} upstream${upstreams.count() === 1 ? "" : "s"}, consent '${first.config.consent}'`);
}

function startAfter(moment: Promise<void>, run: RunCommand): RunCommand {
  return async (...asked) => {
    await moment;
    return run(...asked);
  };
}

function answerAfter(moment: Promise<void>, actions: () => OperatorActions, log: Log): (caller: Caller, method: unknown, params: unknown) => Promise<Reply> {
  return async (caller, method, params) => {
    await moment;
    return dispatch(actions(), caller, method, params, {
      fault: (name, error) => {
        log("error", `control method ${name} failed: ${errorText(error)}`);
      },
      changed: (line) => {
        log("info", line);
      },
    });
  };
}

/** Nobody is led any more to a port where nobody listens. */
async function closePage(page: OpenNoticePage, pipeline: Pick<Pipeline, "relay">): Promise<void> {
  const isLedTo = page.isOpen();
  await page.close();
  if (isLedTo) await pipeline.relay();
}
