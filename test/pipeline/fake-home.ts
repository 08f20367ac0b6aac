import type { Admission } from "../../src/callhome-server/dots/dots-service.ts";
import type { EnforcementRule, FilterCount, ReportedTraffic, ObservedSender } from "../../src/model/enforcement.ts";
import type { Flow } from "../../src/model/flow.ts";
import type { Wan } from "../../src/model/home.ts";
import type { Mitigation, MitigationId } from "../../src/model/mitigation.ts";
import type { Policy } from "../../src/model/policy.ts";
import { createPipeline, type Pipeline } from "../../src/pipeline/pipeline.ts";
import { unknownWay, type CameOver } from "../../src/policy/other-wan.ts";
import type { Disturbance, WirelessClients } from "../../src/model/ports.ts";
import { createStore, nothingRemembered, type Remembered, type Store } from "../../src/memory/store.ts";
import { fakeClock, type FakeClock } from "../fake-clock.ts";
import { flow, prefixes } from "../nat-lookup/asking.ts";
import { autoPolicy, camera, laptop, requested } from "../policy/samples.ts";
import { seconds } from "../../src/model/time.ts";

type Words = NonNullable<Parameters<typeof requested>[0]>;

/** A home with a camera and a laptop behind masquerade, and everything around the pipeline under the test's control. */
export interface FakeHome {
  readonly pipeline: Pipeline;
  readonly store: Store;
  readonly clock: FakeClock;
  /** Flows in connection tracking. */
  flows: Flow[];
  /** MAC addresses by address. */
  readonly neighbours: Map<string, string>;
  /** What the kernel holds now, as `17 block 02:00:… 198.51.100.9`, and every set that it ever held. */
  held(): string[];
  readonly transactions: (readonly EnforcementRule[])[];
  /** Transactions that were begun. */
  begun: number;
  rules(): readonly EnforcementRule[];
  reported(): ReportedTraffic | undefined;
  counts: Map<MitigationId, FilterCount>;
  witnessed: ObservedSender[];
  readonly cuts: string[];
  /** How often flows were looked up. */
  lookups: number;
  /** Who was to be put off Wi-Fi, and shown the notice page, after each transaction: MAC addresses and seconds. */
  readonly banned: string[];
  readonly noticed: string[];
  /** Status, outcome and conflict-cause of each notification: `56 7 denied 4`. */
  told(): string[];
  readonly owner: string[];
  readonly log: string[];
  /** Ports that fail, as long as they are set. */
  readonly broken: { filter?: string; flows?: string; network?: string };
  wans: Wan[];
  /** The home's own addresses at its WAN. */
  outside: string;
  /** The way that requests come: by upstream. */
  readonly ways: Map<string, CameOver>;
  /** Somebody else has changed the rules, or nobody has watched over them. */
  disturb(why?: Disturbance): void;
  ask(words?: Words, ifMatch?: boolean, lifetime?: number | null): Promise<Admission>;
  /** The packets bear the MAC addresses of the devices that were named. */
  prove(): Promise<void>;
  only(): Mitigation;
}

/** A UDP flow of a device's to the target, shifted to the port given, as conntrack prints it. */
export function attack(from: string, port = 40_000, to = "198.51.100.9"): Flow {
  return flow(
    `ipv4     2 udp      17 29 src=${from} dst=${to} sport=${
      port - 1000
    } dport=443 packets=900 bytes=54000 [UNREPLIED] src=${to} dst=203.0.113.7 sport=443 dport=${port} packets=0 bytes=0 mark=0 use=1`,
  );
}

export const cameraAddress = "192.168.1.21";
export const laptopAddress = "192.168.1.22";

export function fakeHome(policy: Partial<Policy> = {},
  { from = nothingRemembered, flows = [attack(cameraAddress)], clock = fakeClock(), wireless, proven = true }: {
    from?: Remembered;
    flows?: Flow[];
    clock?: FakeClock;
    wireless?: WirelessClients; /** Each device that may be acted on is proved at once. */
    proven?: boolean;
  } = {}): FakeHome {
  const store = createStore(from);
  const transactions: (readonly EnforcementRule[])[] = [];
  let reported: ReportedTraffic | undefined;
  let told: string[] = [];
  let disturbed: (why: Disturbance) => void = () => undefined;
  const fails = (what: string | undefined): void => {
    if (what !== undefined) throw new Error(what);
  };
  const lastRules = (): readonly EnforcementRule[] => transactions.at(-1) ?? [];
  const pipeline = createPipeline(
    { policy: { ...autoPolicy, ...policy }, ownerNames: new Map([[camera.mac ?? "", "Kitchen camera"]]) },
    store,
    {
      clock,
      steady: clock.steady,
      wireless: {
        ban(devices) {
          home.banned.push(devices.map(({ mac, timeout }) => `${mac ?? "?"} ${timeout}`).join(", "));
          wireless?.ban(devices);
        },
      },
      notice: {
        show: (devices) => {
          home.noticed.push(devices.map(({ addresses }) => addresses.join(" ")).join(", "));
        },
      },
      log: (level, message) => {
        home.log.push(`${level} ${message}`);
      },
      filter: {
        async replaceRules(rules, watched) {
          home.begun += 1;
          await Promise.resolve();
          fails(home.broken.filter);
          transactions.push(rules);
          reported = watched;
        },
        async readCounters() {
          await Promise.resolve();
          return home.counts;
        },
        readWitness: () => Promise.resolve(home.witnessed),
        watch(callback) {
          disturbed = callback;
          return () => {
            disturbed = () => undefined;
          };
        },
        warnings: () => [],
      },
      flows: {
        async matching() {
          home.lookups += 1;
          await Promise.resolve();
          fails(home.broken.flows);
          return home.flows;
        },
        cut(addresses, target) {
          home.cuts.push(`${addresses.join(" ")} -> ${target.length}`);
          return Promise.resolve([]);
        },
      },
      cameOver: (upstream) => home.ways.get(upstream) ?? unknownWay,
      directory: {
        neighbours: () => Promise.resolve([...home.neighbours].map(([address, mac]) => ({ address, mac, device: "br-lan" }))),
        names: () => Promise.resolve(new Map([[laptop.mac ?? "", "Laptop"]])),
        port: () => Promise.resolve("lan1"),
      },
      network: {
        async addresses() {
          await Promise.resolve();
          fails(home.broken.network);
          return {
            outside: prefixes(home.outside),
            router: prefixes(`${home.outside} 192.168.1.1`),
            inside: prefixes("192.168.1.0/24"),
            wans: home.wans,
            resolvers: [],
          };
        },
        infrastructure: () => Promise.resolve({ macs: [], prefixes: prefixes("203.0.113.7 192.168.1.1") }),
      },
    },
    {
      notifyUpstream: ({ request, status, outcome, conflict }) => {
        told.push([request.mid, status, outcome ?? "-", conflict?.cause ?? "-"].join(" "));
      },
      tellOwner: ({ id, state }, event) => {
        home.owner.push(`${id} ${event} ${state}`);
      },
      remember: () => undefined,
    },
  );
  const home: FakeHome = {
    pipeline,
    store,
    clock,
    flows,
    transactions,
    neighbours: new Map([[cameraAddress, cameraMac], [laptopAddress, laptopMac]]),
    counts: new Map(),
    witnessed: [],
    cuts: [],
    lookups: 0,
    begun: 0,
    banned: [],
    noticed: [],
    owner: [],
    log: [],
    broken: {},
    outside: "203.0.113.7",
    wans: [],
    ways: new Map(),
    rules: lastRules,
    reported: () => reported,
    held: () => lastRules().map(({ mitigation, action, mac, target }) => `${mitigation} ${action} ${mac ?? "?"} ${target.prefixes.length}`).sort(),
    told() {
      const before = told;
      told = [];
      return before;
    },
    disturb: (why = "changed") => {
      disturbed(why);
    },
    async ask(words = {}, ifMatch = false, lifetime = 3600) {
      const admission = await pipeline.request({ asked: requested(words), lifetime: lifetime === null ? null : seconds(lifetime), attackStatus: null },
        ifMatch);
      if (proven) await home.prove();
      return admission;
    },
    async prove() {
      for (const { id, state, action, devices, request } of store.all()) {
        if (state !== "active" || action === "observe" || devices.every(({ mac, certainty }) => mac === null || certainty === "exact")) continue;
        const exact = devices.map((device) => (device.mac === null ? device : { ...device, certainty: "exact" as const }));
        await pipeline.decideByOwner(id, { is: "witnessed", devices: exact, cleared: [], decision: await pipeline.decideAbout(exact, request.target) });
      }
    },
    only() {
      const [only, ...others] = store.all();
      if (!only || others.length > 0) throw new Error(`${store.all().length} mitigations`);
      return only;
    },
  };
  return home;
}

export const cameraMac = camera.mac ?? "";
export const laptopMac = laptop.mac ?? "";

/** What was dropped, in packets of 60 bytes. */
export function drops(packets: number): FilterCount {
  return { packets, bytes: packets * 60 };
}
