import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import type { PeerEvent } from "./start-peer.ts";

const { wan, isp } = labAddresses;
const renewed = "203.0.113.77";

async function sessionFrom({ peer }: Scene, address: string, from: number): Promise<PeerEvent> {
  return peer.until(`a session from ${address}`, ({ event, is, remote }) => event === "session" && is === "up" && (remote ?? "").includes(address), { from });
}

async function statusOf({ daemon }: Scene): Promise<StatusView["upstreams"][number]> {
  const { upstreams: [upstream] } = await daemon.json("status") as StatusView;
  return upstream ?? assert.fail("no upstream");
}

describe("the WAN changes without an event of netifd", { timeout: suiteLimit, concurrency: 2 }, () => {
  for (const transport of ["udp", "tcp"] as const)
    it(`another address: a new session over ${transport} within seconds`, () =>
      playScene({ transport }, async (scene) => {
        const { lab: { router }, peer, daemon } = scene;
        const from = peer.events.length;
        for (
          const args of [["addr", "del", `${wan.v4}/24`, "dev", "wan"], ["addr", "add", `${renewed}/24`, "dev", "wan"], ["route", "replace", "default", "via",
            isp.v4]]
        ) {
          assert.equal((await router.run("ip", args)).code, 0, args.join(" "));
        }
        await daemon.logged(/session ended: (the address that it was dialled from is gone|there is no way)/);
        await sessionFrom(scene, renewed, from);
        await until("it is connected", async () => (await statusOf(scene)).state === "connected");
        assert.equal((await statusOf(scene)).last_error, null);
        assert.equal((await peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");
        // What is ours has changed along.
        const scope = (address: string): object => ({
          "source-prefix": [`${address}/32`],
          "target-prefix": ["198.51.100.9/32"],
          "target-protocol": [17],
          lifetime: 60,
        });
        assert.equal((await scene.put(1, scope(wan.v4))).code, "4.00");
        await until("the new address is known", async () => (await scene.put(2, scope(renewed))).code === "2.01");
      }));

  for (const transport of ["udp", "tcp"] as const)
    it(`no address for a while: it never claims to be connected over ${transport}, and is there again once there is one`, () =>
      playScene({ transport }, async (scene) => {
        const { lab: { router }, peer, daemon } = scene;
        const from = peer.events.length;
        assert.equal((await router.run("ip", ["addr", "del", `${wan.v4}/24`, "dev", "wan"])).code, 0);
        await daemon.logged(/session ended: the address that it was dialled from is gone/);
        const without = await statusOf(scene);
        assert.notEqual(without.state, "connected");
        assert.ok((without.last_error ?? "") !== "");
        assert.equal((await router.run("ip", ["addr", "add", `${renewed}/24`, "dev", "wan"])).code, 0);
        assert.equal((await router.run("ip", ["route", "replace", "default", "via", isp.v4])).code, 0);
        await sessionFrom(scene, renewed, from);
        await until("it is connected", async () => (await statusOf(scene)).state === "connected");
      }));
});
