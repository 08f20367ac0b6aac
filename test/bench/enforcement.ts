import { setTimeout as delay } from "node:timers/promises";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { parseIpPrefix } from "../../src/model/ip-prefix.ts";
import { openNftables } from "../../src/nftables/open-nftables.ts";
import { spawnNft } from "../../src/nftables/spawn-nft.ts";
import { openPacketFilter } from "../../src/system/packet-filter.ts";
import type { PacketFilter } from "../../src/ports.ts";
import { createLab, labAddresses, type Lab } from "../lab/lab.ts";
import { startTraffic } from "../lab/start-traffic.ts";
import { printTable, spreadOf } from "./measure.ts";

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
const cuts = 5;
const packetRounds = 4;
const packetSeconds = 0.5;
const { camera, target } = labAddresses;

/** Applying a decision, cutting a flood, and what a forwarded packet costs: beside a rule for each block, and beside banIP's way. */
export async function benchEnforcement(): Promise<void> {
  const lab = await createLab();
  const ways = [ourWay("block"), ourWay("quarantine"), ruleForEach, banipWay];
  try {
    await benchDecisions(lab, ways);
    await benchPackets(lab, ways);
  } finally {
    for (const way of ways) way.end?.();
    await lab.destroy();
  }
}

async function benchDecisions(lab: Lab, ways: readonly Way[]): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const size of sizes) {
    for (const way of ways) {
      await way.fill(lab, size);
      const applied: number[] = [];
      for (let round = 0; round < decisions; round += 1) {
        const began = performance.now();
        await way.decide(lab);
        applied.push(performance.now() - began);
        await way.undo(lab);
      }
      const cut: number[] = [];
      for (let round = 0; round < cuts; round += 1) cut.push(await cutFlood(lab, way));
      await clear(lab);
      const [took, silence] = [spreadOf(applied), spreadOf(cut)];
      rows.push([`${size.toLocaleString("en")}: ${way.name}`, took.median, took.worst, silence.median, silence.worst]);
    }
  }
  printTable(
    "One decision among so many blocks, ms: until nft has answered, and until the last packet of a running flood (NaN: later than 200 ms).\n"
    + "banIP's way cuts what was never answered, as here; flows that were answered go on",
    ["blocks held", "applied: median", "worst", "silence: median", "worst"], rows,
  );
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
  const cases = [{ name: "no blocks", fill: () => Promise.resolve() }, ...packetSizes.flatMap((size) => ways.map((way) => ({ name: `${size.toLocaleString("en")}: ${way.name}`, fill: () => way.fill(lab, size) })))];
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
    "A forwarded packet of a device that is not blocked, ns from its sender to the target (the sender's part included); best of four rounds",
    ["blocks held", "ns", "to none"], [...best].map(([name, cost]) => [name, cost, (cost / none).toFixed(2)]),
  );
}

/** On veth a packet goes its whole way in its sender's context: as fast as the sender can is as fast as the router is. */
async function packetCost(lab: Lab): Promise<number> {
  const flood = startTraffic(lab.laptop, "flood", { to: target.v4, port: 9, sourcePorts: "50000-50003", rate: 5_000_000, seconds: packetSeconds, size: 100 });
  const { packets, seconds } = await flood.finish();
  return seconds * 1e9 / packets;
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
  return {
    mitigation, action, mac, addresses: [], icmpTypes: [], packetsPerSecond: 10, timeout: 600,
    target: { prefixes: [prefix], ports: [], protocols: [], fqdns: [], uris: [] },
  };
}

function ourWay(action: "block" | "quarantine"): Way {
  let filter: PacketFilter | undefined;
  let held: readonly EnforcementRule[] = [];
  let unwatch = (): void => undefined;
  return {
    name: `this daemon, ${action}`,
    async fill(lab, size) {
      const command = ["ip", "netns", "exec", lab.router.name, "nft"] as const;
      filter = openPacketFilter(openNftables(spawnNft({ command, timeout: 60_000 })), { command });
      unwatch();
      unwatch = filter.watch(() => undefined); // no ear for `clear`, which the daemon would answer
      held = others(size, action);
      await filter.replaceRules(held);
    },
    decide: async () => { await filter?.replaceRules([...held, blockOf(1, camera.mac, target.v4, action)]); },
    undo: async () => { await filter?.replaceRules(held); },
    end: () => { unwatch(); },
  };
}

const forward = "add table inet beside; add chain inet beside forward { type filter hook forward priority -5; }\n";

/** What a script would do: a rule for each block. */
const ruleForEach: Way = {
  name: "a rule for each",
  fill: (lab, size) => nft(lab, forward + others(size, "block").map(({ mac, target: { prefixes } }) => `add rule inet beside forward ether saddr ${mac ?? ""} ip daddr ${textOf(prefixes[0]?.bits)} counter drop\n`).join("")),
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
  fill: (lab, size) => nft(lab, `${forward}add set inet beside blocklist { type ipv4_addr; flags interval; auto-merge; }\n`
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
  for (const [family, name] of [["inet", "beside"], ["inet", "dots_callhome"], ["bridge", "dots_callhome"]] as const) {
    await lab.router.run("nft", ["delete", "table", family, name], { timeoutMs: 60_000 });
  }
}
