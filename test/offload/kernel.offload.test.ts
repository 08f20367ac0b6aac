import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MacAddress } from "../../src/model/device.ts";
import { nobodySpared, nothingReported } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule, FilterCount, ReportedFlows } from "../../src/model/enforcement.ts";
import { openNftables, spawnNft } from "nftables-js";
import type { AttackTarget } from "../../src/model/mitigation-request.ts";
import type { FlowTable, PacketFilter } from "../../src/model/ports.ts";
import { openConntrack } from "../../src/system/flows/flow-table.ts";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { runCommand } from "../../src/system/process/run-command.ts";
import { port, source, target } from "../enforcer/sample-rules.ts";
import { createLab, labAddresses, type Lab } from "../lab/lab.ts";
import { expectSuccess } from "../lab/namespace.ts";
import { startAttack, startTransfer } from "../lab/scene-attack.ts";
import { suiteLimit } from "../patience.ts";
import { eventually } from "../until.ts";
import { isOffloaded, offloadedFlows, switchOffloadingOn } from "./offloading.ts";
import { seconds } from "../../src/model/time.ts";

/** What the kernel does with flows that it has offloaded, and what our packet filter and conntrack can do about it. */
const { camera, laptop, wan } = labAddresses;
const victim = labAddresses.target;

interface Router {
  readonly filter: PacketFilter;
  readonly flows: FlowTable;
  counts(): Promise<FilterCount>;
}

function routerOf({ router }: Lab, bridgePorts: readonly (readonly [MacAddress, string])[] = []): Router {
  const enter = ["netns", "exec", router.name];
  const filter = openPacketFilter(openNftables(spawnNft({ command: ["ip", ...enter, "nft"] })), {
    wanDevices: () => Promise.resolve(["wan"]),
    bridgePorts: () => Promise.resolve(new Map(bridgePorts)),
  });
  return {
    filter,
    flows: openConntrack({ run: (tool, args, options) => runCommand("ip", [...enter, tool, ...args], options), log: () => undefined }),
    async counts() {
      const counts = (await filter.readCounters()).get(1);
      assert.ok(counts?.leaked, "what left is counted");
      return counts;
    },
  };
}

function measuresAgainst(family: 4 | 6, protocol: "udp" | "tcp"): { own: string; asked: AttackTarget; block: EnforcementRule; reported: ReportedFlows } {
  const [address, own] = family === 4 ? [victim.v4, camera.v4] : [victim.v6, camera.v6];
  const asked = target([address], { ports: [port(443)], protocols: [protocol === "udp" ? 17 : 6] });
  const seen = source([family === 4 ? wan.v4 : camera.v6], { ports: [port(1024, 65535)] });
  return {
    own,
    asked,
    block: { mitigation: 1, action: "block", mac: camera.mac, addresses: [own], target: asked, icmpTypes: [], packetsPerSecond: 10, timeout: seconds(120) },
    reported: {
      mitigation: 1,
      action: "drop",
      target: asked,
      source: seen,
      packetsPerSecond: 10,
      sparesUnasked: false,
      senders: null,
      addresses: [],
      timeout: seconds(120),
    },
  };
}

describe("an offloaded flow", { timeout: suiteLimit }, () => {
  for (const family of [4, 6] as const)
    for (const protocol of ["udp", "tcp"] as const)
      it(`of ${protocol} over IPv${family} passes a drop, is counted at the card, ends with its conntrack entry, or at the device's port; others go on`, async () => {
        const lab = await createLab();
        try {
          await switchOffloadingOn(lab);
          const { filter, flows, counts } = routerOf(lab);
          const transfer = await startTransfer(lab, family);
          const attack = await startAttack(lab, { family, protocol, rate: 200, ports: "40000-40003" });
          await isOffloaded(lab, attack);
          assert.equal((await offloadedFlows(lab, family, /dport=443 /)).length, 4);

          // Whatever drops it where packets are forwarded or leave, it arrives.
          const inTheWay = ["add table inet lab_drop", ...["prerouting", "forward", "postrouting"].flatMap((hook) => [
            `add chain inet lab_drop ${hook} { type filter hook ${hook} priority 0; }`,
            `add rule inet lab_drop ${hook} meta l4proto { tcp, udp } th dport 443 drop`,
          ])].join("; ");
          await expectSuccess("nft", lab.router.run("nft", [inTheWay]));
          await attack.arrives();
          await attack.arrives();
          await expectSuccess("nft", lab.router.run("nft", ["delete table inet lab_drop"]));

          const { own, asked, block, reported } = measuresAgainst(family, protocol);
          await filter.replaceRules([block], { flows: [reported], spared: nobodySpared });
          const before = await counts();
          await attack.arrives();
          await attack.arrives();
          const still = await counts();
          assert.ok((still.leaked?.packets ?? 0) > (before.leaked?.packets ?? 0), "what leaves past the hooks is counted at the card");

          await flows.cut([own], asked.prefixes);
          const began = Date.now();
          await attack.stops(500);
          console.log(
            `silent ${Math.max(0, Math.round((attack.sink.reports.filter(({ packets }) => packets > 0).at(-1)?.t ?? 0) - began))} ms after conntrack -D`,
          );
          const stopped = await counts();
          await attack.stops(300);
          const dropped = await eventually("what is dropped is counted", async () => (await counts()).packets > 0 ? await counts() : undefined);
          assert.deepEqual(dropped.leaked, stopped.leaked, "nothing more leaves");
          assert.equal((await offloadedFlows(lab, family, /dport=443 /)).length, 0);
          assert.ok((await offloadedFlows(lab, family, new RegExp(`src=${family === 4 ? laptop.v4 : laptop.v6} .* dport=844`))).length > 0,
            "the laptop's transfer is offloaded still");

          await filter.replaceRules([], nothingReported);
          // A TCP connection that was masqueraded leaves by another port now, and is over; others wait longer with each packet that was lost.
          if (protocol === "tcp") await attack.end();
          const again = protocol === "tcp" ? await startAttack(lab, { family, protocol, rate: 200, ports: "41000-41003" }) : attack;
          await isOffloaded(lab, again);

          // At the device's port it is dropped before the fast path: nothing need be ended.
          const atPort = routerOf(lab, [[camera.mac, camera.port]]);
          await atPort.filter.replaceRules([block], { flows: [reported], spared: nobodySpared });
          await again.stops(500);
          const cut = await eventually("what is dropped at the port is counted", async () =>
            (await atPort.counts()).packets > 0 ? await atPort.counts() : undefined);
          await again.stops(300);
          assert.deepEqual((await atPort.counts()).leaked, cut.leaked, "nothing leaves");
          assert.equal((await offloadedFlows(lab, family, protocol === "tcp" ? /sport=410\d\d dport=443 / : /sport=400\d\d dport=443 /)).length, 4,
            "the flows are there still");
          await atPort.filter.replaceRules([], nothingReported);
          if (protocol === "udp") await isOffloaded(lab, again);
          await again.end();
          const { broken, bytes } = await transfer.end();
          assert.equal(broken, null);
          assert.ok(bytes > 0);
        } finally {
          await lab.destroy();
        }
      });
});
