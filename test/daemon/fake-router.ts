import assert from "node:assert/strict";
import { readConfig } from "../../src/config/config.ts";
import type { LoadedConfig } from "../../src/daemon/loaded-config.ts";
import type { Router } from "../../src/daemon/router.ts";
import type { PacketFilter, StateFile } from "../../src/model/ports.ts";
import type { Reply } from "../../src/operator/dispatch.ts";
import { CommandFailure } from "../../src/system/process/run-command.ts";
import { fakeClock, type FakeClock } from "../fake-clock.ts";
import { milliseconds, type Milliseconds } from "../../src/model/time.ts";

/** A router that does nothing but remember, in order, what the daemon asked it for. */
export interface FakeRouter {
  readonly router: Router;
  readonly clock: FakeClock;
  readonly happened: string[];
  /** `close notifiers` and the like: wait for this before they are over. */
  readonly held: Map<string, Promise<void>>;
  /** These fail. */
  readonly failing: Set<string>;
  /** Asks through the control socket. */
  ask(method: string, params?: object): Promise<Reply>;
  /** The clock is put forward. */
  jump(by: number): void;
}

export function fakeRouter(): FakeRouter {
  const clock = fakeClock();
  const happened: string[] = [];
  const held = new Map<string, Promise<void>>();
  const failing = new Set<string>();
  let answer: Parameters<Router["openControlSocket"]>[1] | undefined;
  let jumped: (by: Milliseconds) => void = () => undefined;
  const note = (what: string): void => {
    happened.push(what);
    if (failing.has(what)) throw new Error(`no: ${what}`);
  };
  const inTime = async (what: string): Promise<void> => {
    note(what);
    await held.get(what);
  };
  const filter: PacketFilter = {
    replaceRules: () => inTime("replace rules"),
    async readCounters() {
      await inTime("read counters");
      return new Map();
    },
    watch: () => () => {
      note("unwatch rules");
    },
    readWitness: () => Promise.resolve([]),
    warnings: () => [],
  };
  const router: Router = {
    clock,
    steadyClock: clock.steady,
    random: () => 0.5,
    randomBytes: (count) => new Uint8Array(count),
    vendorOf: () => null,
    addressesOf: () => [],
    solicitNeighbour: () => undefined,
    dhcpOffers: { read: () => Promise.resolve([]), follow: () => () => undefined },
    conntrack: { read: () => undefined, write: () => false, widenSockets: () => () => undefined },
    onClockJump(listener) {
      jumped = listener;
      return () => {
        note("hear no more of the clock");
      };
    },
    run(tool) {
      if (!happened.includes("run tools")) note("run tools");
      return Promise.reject(new CommandFailure(tool, "missing", `${tool} is not installed`));
    },
    follow: () => ({ pause: () => undefined, resume: () => undefined, stop: () => undefined }),
    openPacketFilter: () => filter,
    openStateFile: (folder, name) => fakeFile(`${folder}/${name}`, note),
    openDial({ host }) {
      note(`upstream ${host}`);
      return (_to, _events, { signal }) =>
        new Promise((_resolve, reject) => {
          note(`dial ${host}`);
          signal.addEventListener("abort", () => {
            note(`hang up ${host}`);
            reject(new Error("stopped"));
          });
        });
    },
    async openControlSocket(path, answerer) {
      await inTime(`listen at ${path}`);
      answer = answerer;
      return { close: () => inTime(`close ${path}`) };
    },
    openOperatorOnUbus(path) {
      note(`ubus ${path}`);
      const absent = (): never => assert.fail("it is not connected");
      return {
        ubus: { isConnected: false, lookup: absent, invoke: absent, publish: absent, subscribe: absent, listen: absent, sendEvent: absent, close: absent },
        tell: ({ event }) => {
          note(`tell ubus ${event}`);
        },
        warnings: () => [],
        close: () => {
          note(`close ubus ${path}`);
        },
      };
    },
    openNotifiers(configs) {
      const names = configs.map(({ name }) => name).join(" ");
      note(`notifiers ${names}`);
      return {
        announce: ({ event }) => {
          note(`announce ${event}`);
        },
        test: (name) => (names.split(" ").includes(name) ? Promise.resolve(null) : undefined),
        sync: () => undefined,
        retryNow: () => {
          note("notifiers try again");
        },
        warnings: () => [],
        isFor: (others) => JSON.stringify(others) === JSON.stringify(configs),
        close: () => inTime(`close notifiers ${names}`),
      };
    },
  };
  return {
    router,
    clock,
    happened,
    held,
    failing,
    jump: (by) => {
      jumped(milliseconds(by));
    },
    ask: async (method, params = {}) => (answer ?? assert.fail("nobody listens"))(null, method, params),
  };
}

function fakeFile(path: string, note: (what: string) => void): StateFile {
  let text: string | undefined;
  return {
    path,
    read() {
      note(`read ${path}`);
      return text;
    },
    write(next) {
      text = next;
    },
    setAside: () => `${path}.bad`,
  };
}

/** One upstream, one notifier, and the rest as it is said. */
export function configured({ host = "one", notify = "phone", globals = "" } = {}): LoadedConfig {
  const reading = readConfig(`config globals 'globals'
	option state_dir '/state'
	option control_socket '/control'
	option ubus_socket '/ubus'
	${globals}
config upstream 'isp'
	option host '${host}'
	option psk_identity 'cpe'
	option psk_file '/k'
config notify '${notify}'
	option type 'ntfy'
	option url 'https://ntfy.example/topic'
`, "config");
  if ("errors" in reading) assert.fail(JSON.stringify(reading.errors));
  return { config: reading.config, warnings: [`told by ${host}`], credentials: new Map([["isp", { is: "psk", identity: "cpe", key: new Uint8Array(16) }]]) };
}
