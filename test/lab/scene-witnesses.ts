import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Flow } from "../../src/model/flow.ts";
import type { AttackFlows } from "../../src/model/mitigation-request.ts";
import { askWitnesses } from "../../src/nat-lookup/ask-witnesses.ts";
import { findDevices, type Finding } from "../../src/nat-lookup/find-devices.ts";
import type { HomeDirectory, HomeNetwork } from "../../src/model/ports.ts";
import { openFlowJournal, type FlowJournal } from "../../src/system/flows/flow-journal.ts";
import { openConntrack } from "../../src/system/flows/flow-table.ts";
import { followCommand, type FollowCommand } from "../../src/system/process/follow-command.ts";
import { followHome } from "../../src/system/home/follow-home.ts";
import { openHomeDirectory } from "../../src/system/home/home-directory.ts";
import { openHomeNetwork } from "../../src/system/home/home-network.ts";
import { runCommand, type RunCommand } from "../../src/system/process/run-command.ts";
import { steadyClock, systemClock as clock } from "../../src/system/process/system-clock.ts";
import { asking, type Words } from "../nat-lookup/asking.ts";
import { until } from "../until.ts";
import { labAddresses, type Lab, type Namespace } from "./lab.ts";
import { expectSuccess } from "./namespace.ts";
import { startTraffic, type Subcommands } from "./start-traffic.ts";

export const rawPackets = fileURLToPath(new URL("../../build/lab/raw-packets", import.meta.url));
const { target, wan } = labAddresses;

/** The witnesses of a lab's router, to be asked one by one. */
export interface WitnessScene {
  readonly journal: FlowJournal;
  readonly directory: HomeDirectory;
  readonly network: HomeNetwork;
  /** By the journal alone; waits until it has heard of what happened so far. */
  byJournal(words: Words): Promise<Finding>;
  byTable(words: Words): Promise<Finding>;
  /** As `lookup` asks: all, explained. */
  byAll(words: Words): Promise<Finding>;
  /** That journal and table both say this, such as `Kitchen-camera exact`. */
  bothSay(words: Words, ...expected: readonly string[]): Promise<void>;
  /** Waits until the journal knows for itself whose flows these are. */
  remembersWhose(words: Words): Promise<void>;
  stop(): void;
}

export interface WitnessOptions {
  readonly wanDevices?: readonly string[];
  readonly journal?: Partial<Parameters<typeof openFlowJournal>[0]>;
}

export async function watchRouter(lab: Lab, { wanDevices = ["wan"], journal: more = {} }: WitnessOptions = {}): Promise<WitnessScene> {
  const run: RunCommand = (tool, args, options) => runCommand("ip", ["netns", "exec", lab.router.name, tool, ...args], options);
  const follow: FollowCommand = (tool, args, listeners) => followCommand("ip", ["netns", "exec", lab.router.name, tool, ...args], listeners);
  const log = (): void => undefined;
  const tables = followHome({ run, follow, clock: steadyClock, log });
  const directory = openHomeDirectory({ tables, log, leaseFiles: [lab.files.leases] });
  const network = openHomeNetwork({ tables, configured: () => ({ wan: wanDevices, lan: ["br-lan"] }), sourceScope: () => [] });
  const table = openConntrack({ run, log });
  const solicit = (address: string): void => {
    lab.router.run("ping", ["-c1", "-W1", address]).catch(() => undefined);
  };
  const settings = { read: () => undefined, write: () => false, widenSockets: () => () => undefined };
  const journal = openFlowJournal({ follow, clock: steadyClock, wallTime: () => clock.now(), log, directory, network, settings, solicit, ...more });
  await until("the journal has read the table", () => journal.figures.completed > 0);

  const conclude = async (asked: AttackFlows, flows: readonly Flow[]): Promise<Finding> => {
    const [borders, neighbours, names] = await Promise.all([network.addresses(), directory.neighbours(), directory.names()]);
    return findDevices(asked, flows, { borders, neighbours, names, ownerNames: new Map(), now: clock.now() });
  };
  let marks = 0;
  /** Events come one after the other: when the journal knows a new flow, it knows whatever was before it. */
  const hears = async (): Promise<void> => {
    const mark = String(10_000 + ++marks);
    const words =
      `-I -s 192.168.1.250 -d 192.0.2.250 -r 192.0.2.250 -q ${wan.v4} -p udp --sport ${mark} --dport 9 --reply-port-src 9 --reply-port-dst ${mark} --timeout 600`;
    await expectSuccess("conntrack -I", lab.router.run("conntrack", words.split(" ")));
    await until("the journal has heard of it all", () => journal.search(asking({ from: wan.v4, fromPorts: mark, to: "192.0.2.250" })).flows.length > 0);
  };
  const asked = (words: Words): AttackFlows => asking({ from: wan.v4, to: target.v4, ...words });
  const scene: WitnessScene = {
    journal,
    directory,
    network,
    async byJournal(words) {
      await hears();
      return conclude(asked(words), journal.search(asked(words)).flows);
    },
    async byTable(words) {
      return conclude(asked(words), await table.matching(asked(words)));
    },
    async byAll(words) {
      await hears();
      return conclude(asked(words), await askWitnesses(asked(words), { journal, table: (flows) => table.matching(flows) }, "explain"));
    },
    async bothSay(words, ...expected) {
      for (const [witness, finding] of [["journal", await scene.byJournal(words)], ["table", await scene.byTable(words)]] as const) {
        assert.deepEqual(brief(finding).sort(), [...expected].sort(), `${witness}: ${finding.why.join("\n")}`);
      }
    },
    remembersWhose: (words) =>
      until("the journal knows whose it is", () => {
        const { flows } = journal.search(asked(words));
        return flows.length > 0 && flows.every(({ sighting }) => sighting?.mac != null);
      }),
    stop() {
      tables.stop();
      journal.stop();
    },
  };
  return scene;
}

/** `Kitchen-camera exact`, and so on. */
export function brief({ devices }: Finding): string[] {
  return devices.map(({ name, mac, addresses, certainty }) => `${name ?? mac ?? addresses[0] ?? "?"} ${certainty}`);
}

export type Sending = Partial<Subcommands["flood"]["options"]> & { readonly sourcePorts: `${number}-${number}` };

/** Sends some packets through each source port, and returns what the target saw: the address, and the ports in words. */
export async function send(lab: Lab, from: Namespace, sending: Sending): Promise<{ address: string; ports: string; sources: readonly string[] }> {
  const { port = 4444, protocol = "udp" } = sending;
  const sink = startTraffic(lab.target, "sink", { port, protocol: protocol === "tcp-syn" ? "tcp" : protocol });
  await sink.ready();
  await sendOnly(from, sending);
  const { sources } = await sink.stop();
  const [source] = sources;
  assert.ok(source, "nothing arrived");
  return {
    address: source.address,
    ports: source.ports.ranges.map(([lower, upper]) => `${lower}-${upper}`).join(" "),
    sources: sources.map(({ address }) => address).sort(),
  };
}

export async function sendOnly(from: Namespace, sending: Sending): Promise<void> {
  await startTraffic(from, "flood", { to: target.v4, port: 4444, protocol: "udp", rate: 500, seconds: 0.1, ...sending }).finish();
}

/** Loads nft statements into the router. */
export async function addRules(lab: Lab, rules: string): Promise<void> {
  const { code, stderr } = await lab.router.run("nft", ["-f", "-"], { input: rules });
  assert.equal(code, 0, stderr);
}

/** Runs `ip` with these words, one command a line. */
export async function ip(namespace: Namespace, ...commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const { code, stderr } = await namespace.run("ip", command.split(" "));
    assert.equal(code, 0, `ip ${command}: ${stderr}`);
  }
}
