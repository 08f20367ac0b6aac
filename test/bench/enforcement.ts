import { setTimeout as delay } from "node:timers/promises";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { parseIpPrefix } from "../../src/model/ip-prefix.ts";
import { interactiveNft, type NftProgram, openNftables, spawnNft, type SpawnOptions, type Statement } from "nftables-js";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import type { PacketFilter } from "../../src/model/ports.ts";
import { createLab, labAddresses, type Lab } from "../lab/lab.ts";
import { startTraffic } from "../lab/start-traffic.ts";
import { printTable, spreadOf } from "./measure.ts";
import { seconds } from "../../src/model/time.ts";

/** Ways to hold many blocks; each holds `size` blocks of other devices, and takes one more. */
interface Way {
  readonly name: string;
  fill(lab: Lab, size: number): Promise<void>;
  /** One decision: the camera is cut off from the target. */
  decide(lab: Lab): Promise<void>;
  undo(lab: Lab): Promise<void>;
  end?(): void;
}

const sizes = [10, 10_000];
const packetSizes = [100, 10_000];
const decisions = 9;
const transactions = 100;
const cuts = 5;
const packetRounds = 8;
const packetSeconds = 0.25;
const { camera, laptop, target } = labAddresses;

/** Applying a decision, cutting a flood, and what a forwarded packet costs: beside a rule for each block, and beside banIP's way. */
export async function benchEnforcement(): Promise<void> {
  const lab = await createLab();
  const ways = [ourWay("block"), ourWay("block", "spawned"), ourWay("quarantine"), ruleForEach, banipWay];
  const atPort = [ourWay("block", "live", laptop.port), ourWay("quarantine", "live", laptop.port)];
  try {
    await benchPrograms(lab);
    await benchDecisions(lab, ways);
    await benchPackets(lab, [...ways.filter(({ name }) => !name.endsWith("spawned")), ...atPort]);
  } finally {
    for (const way of [...ways, ...atPort]) way.end?.();
    await lab.destroy();
  }
}

async function benchDecisions(lab: Lab, ways: readonly Way[]): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const size of sizes) {
    for (const way of ways) {
      await way.fill(lab, size);
      const applied: number[] = [];
      const ended: number[] = [];
      for (let round = 0; round < decisions; round += 1) {
        applied.push(await timed(() => way.decide(lab)));
        ended.push(await timed(() => way.undo(lab)));
      }
      const cut: number[] = [];
      for (let round = 0; round < cuts; round += 1) cut.push(await cutFlood(lab, way));
      await clear(lab);
      const [took, end, silence] = [spreadOf(applied), spreadOf(ended), spreadOf(cut)];
      rows.push([`${size.toLocaleString("en")}: ${way.name}`, took.median, took.worst, end.median, silence.median, silence.worst]);
    }
  }
  printTable(
    "One decision among so many blocks, ms: until nft has answered, and until the last packet of a running flood (NaN: later than 200 ms).\n"
      + "banIP's way cuts what was never answered, as here; flows that were answered go on",
    ["blocks held", "applied: median", "worst", "ended: median", "silence: median", "worst"],
    rows,
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** One transaction of one element, by a process of its own and by one that lives. In turns, so that both meet the same machine. */
async function benchPrograms(lab: Lab): Promise<void> {
  const table = { family: "inet", name: "beside" } as const;
  const command = ["ip", "netns", "exec", lab.router.name, "nft"] as const;
  const live = interactiveNft({ command });
  const ways = { spawned: openNftables(spawnNft({ command })), live: openNftables(live) };
  const add = (at: number): Statement => ({
    do: "add elements",
    table,
    set: "some",
    elements: [{ key: [{ ip: `10.${at >> 16 & 255}.${at >> 8 & 255}.${at & 255}` }], timeout: 600 }],
  });
  await ways.live.runTransaction([{ do: "add table", table }, { do: "add set", table, name: "some", key: ["ipv4_addr"], flags: ["timeout"] }]);
  const took = { spawned: [] as number[], live: [] as number[] };
  for (let at = 0; at < transactions; at += 1) {
    took.spawned.push(await timed(() => ways.spawned.runTransaction([add(2 * at)])));
    took.live.push(await timed(() => ways.live.runTransaction([add(2 * at + 1)])));
  }
  live.end();
  await clear(lab);
  const [spawned, alive] = [spreadOf(took.spawned), spreadOf(took.live)];
  printTable("One element added to a set, ms, until nft has answered", ["nft", "median", "worst", "to spawned"], [
    ["a process for each transaction", spawned.median, spawned.worst, "1"],
    ["a process that lives", alive.median, alive.worst, (alive.median / spawned.median).toFixed(2)],
  ]);
}

/** Milliseconds from the decision to the last packet at the target; NaN if the flood goes on. */
async function cutFlood(lab: Lab, way: Way): Promise<number> {
  const sink = startTraffic(lab.target, "sink", { port: 443, seconds: 30, everyMs: 50 });
  await sink.ready();
  const flood = startTraffic(lab.camera, "flood", { to: target.v4, port: 443, sourcePorts: "40000-40003", rate: 5_000, seconds: 10 });
  await sink.until(({ packets }) => packets > 50);
  const began = performance.timeOrigin + performance.now();
  await way.decide(lab);
  await delay(250);
  await flood.stop();
  const { last_t: last } = await sink.stop();
  await way.undo(lab);
  return last === null || last - began > 200 ? NaN : last - began;
}

async function benchPackets(lab: Lab, ways: readonly Way[]): Promise<void> {
  const cases = [{ name: "no blocks", fill: () => Promise.resolve() },
    ...packetSizes.flatMap((size) => ways.map((way) => ({ name: `${size.toLocaleString("en")}: ${way.name}`, fill: () => way.fill(lab, size) })))];
  const best = new Map<string, number>();
  // In turns, so that a busy moment of the machine meets all of them; the best round is the least disturbed one.
  for (let round = 0; round < packetRounds; round += 1) {
    for (const { name, fill } of cases) {
      await fill();
      await delay(1_000); // until everybody has heard of what has changed
      best.set(name, Math.min(best.get(name) ?? Infinity, await packetCost(lab)));
      await clear(lab);
    }
  }
  const none = best.get("no blocks") ?? NaN;
  printTable(
    "A forwarded packet of a device that is not blocked, ns of processor time from its sender to the target (the sender's part included); best of eight rounds.\n"
      + "`on its port`: of a device on the same bridge port as those that are held",
    ["blocks held", "ns", "to none"],
    [...best].map(([name, cost]) => [name, cost, (cost / none).toFixed(2)]),
  );
}

/** On veth a packet goes its whole way in its sender's context. Processor time: others who want the processor are not counted. */
async function packetCost(lab: Lab): Promise<number> {
  const flood = startTraffic(lab.laptop, "flood", { to: target.v4, port: 9, sourcePorts: "50000-50003", rate: 5_000_000, seconds: packetSeconds, size: 100 });
  const { packets, cpu_seconds: spent } = await flood.finish();
  return spent * 1e9 / packets;
}

/** Devices and targets that do not exist, all different. */
function others(size: number, action: EnforcementRule["action"]): EnforcementRule[] {
  return Array.from({ length: size }, (_, at) => blockOf(at + 100, macOf(at), `100.64.${(at >> 8) & 255}.${at & 255}`, action));
}

function macOf(at: number): string {
  return `02:aa:00:00:${(at >> 8 & 255).toString(16).padStart(2, "0")}:${(at & 255).toString(16).padStart(2, "0")}`;
}

function blockOf(mitigation: number, mac: string, to: string, action: EnforcementRule["action"]): EnforcementRule {
  const prefix = parseIpPrefix(to);
  if (!prefix) throw new Error(`not a prefix: ${to}`);
  // Those of a quarantine are looked up too: what is sent to them is dropped.
  const addresses = action === "quarantine" ? [`172.16.${mitigation >> 8}.${mitigation & 255}`, `2001:db8:1::${mitigation.toString(16)}`] : [];
  return {
    mitigation,
    action,
    mac,
    addresses,
    icmpTypes: [],
    packetsPerSecond: 10,
    timeout: seconds(600),
    target: { prefixes: [prefix], ports: [], protocols: [], fqdns: [], uris: [] },
  };
}

/** `port`: where all of them are, and the laptop too. */
function ourWay(action: "block" | "quarantine", by: "live" | "spawned" = "live", port?: string): Way {
  const programOf = (options: SpawnOptions): NftProgram => (by === "live" ? interactiveNft(options) : spawnNft(options));
  let filter: PacketFilter | undefined;
  let held: readonly EnforcementRule[] = [];
  let unwatch = (): void => undefined;
  return {
    name: `this daemon, ${action}${by === "live" ? "" : ", nft spawned"}${port === undefined ? "" : ", on its port"}`,
    async fill(lab, size) {
      const command = ["ip", "netns", "exec", lab.router.name, "nft"] as const;
      filter = openPacketFilter(openNftables(programOf({ command, timeout: 60_000 })), {
        command,
        bridgePorts: () => Promise.resolve(new Map(port === undefined ? [] : held.map(({ mac }) => [mac ?? "", port]))),
      });
      unwatch();
      unwatch = filter.watch(() => undefined); // no ear for `clear`, which the daemon would answer
      held = others(size, action);
      await filter.replaceRules(held);
    },
    decide: async () => {
      await filter?.replaceRules([...held, blockOf(1, camera.mac, target.v4, action)]);
    },
    undo: async () => {
      await filter?.replaceRules(held);
    },
    end: () => {
      unwatch();
    },
  };
}

const forward = "add table inet beside; add chain inet beside forward { type filter hook forward priority -5; }\n";

/** What a script would do: a rule for each block. */
const ruleForEach: Way = {
  name: "a rule for each",
  fill: (lab, size) =>
    nft(lab, forward + others(size, "block").map(({ mac, target: { prefixes } }) =>
      `add rule inet beside forward ether saddr ${mac ?? ""} ip daddr ${textOf(prefixes[0]?.bits)} counter drop\n`
    ).join("")),
  decide: (lab) => nft(lab, `add chain inet beside last; add rule inet beside forward ether saddr ${camera.mac} ip daddr ${target.v4} counter drop\n`),
  async undo(lab) {
    const listing = (await lab.router.run("nft", ["-a", "list", "chain", "inet", "beside", "forward"], { timeoutMs: 60_000 })).stdout;
    const handle = new RegExp(`ether saddr ${camera.mac}.*# handle (\\d+)`).exec(listing)?.[1];
    if (handle !== undefined) await nft(lab, `delete rule inet beside forward handle ${handle}\n`);
  },
};

/** banIP: a table of its own, flows under way first, then interval sets of addresses: a block is for everybody in the home. */
const banipWay: Way = {
  name: "banIP's way",
  fill: (lab, size) =>
    nft(lab, `${forward}add set inet beside blocklist { type ipv4_addr; flags interval; auto-merge; }\n`
      + "add rule inet beside forward ct state established,related accept; add rule inet beside forward ip daddr @blocklist counter drop\n"
      + `add element inet beside blocklist { ${others(size, "block").map(({ target: { prefixes } }) => textOf(prefixes[0]?.bits)).join(", ")} }\n`),
  decide: (lab) => nft(lab, `add element inet beside blocklist { ${target.v4} }\n`),
  undo: (lab) => nft(lab, `delete element inet beside blocklist { ${target.v4} }\n`),
};

function textOf(bits = 0n): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join(".");
}

async function nft(lab: Lab, input: string): Promise<void> {
  const { code, stderr } = await lab.router.run("nft", ["-f", "-"], { input, timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`nft: ${stderr.slice(0, 300)}`);
}

async function clear(lab: Lab): Promise<void> {
  for (const [family, name] of [["inet", "beside"], ["inet", "dots_callhome"], ["bridge", "dots_callhome"], ["netdev", "dots_callhome"]] as const) {
    await lab.router.run("nft", ["delete", "table", family, name], { timeoutMs: 60_000 });
  }
}
