import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LookupView } from "../../src/operator/describe-lookup.ts";
import { labAddresses, type Namespace } from "../lab/lab.ts";
import type { Scene } from "../lab/scene.ts";
import { startAttack, startTransfer } from "../lab/scene-attack.ts";
import { suiteLimit } from "../patience.ts";
import { eventually, until } from "../until.ts";
import { isOffloaded, offloadedFlows } from "./offloading.ts";
import { askDaemon, gently, lookupParameters, playOffloaded, request, theMitigation } from "./play-offloaded.ts";
import { cameraPort, routedDevice, segment, type Segmentation } from "./segment.ts";

/** A home whose network is cut into VLANs: bridge VLAN filtering and 802.1Q, which the lab's own kernel may be without. */
const { camera, laptop } = labAddresses;
const ways: readonly Segmentation[] = ["untagged port", "trunk port", "802.1Q port"];

function play(as: Segmentation, globals: Readonly<Record<string, string>>, act: (scene: Scene) => Promise<void>): Promise<void> {
  return playOffloaded({ globals: { ...globals, lan_device: routedDevice(as) } }, act, (lab) => segment(lab, as));
}

/** Packets that a table of ours has counted for the mitigation. */
async function countedBy({ lab }: Scene, family: "netdev" | "bridge"): Promise<number> {
  const listed = await lab.router.run("nft", ["list", "counter", family, "dots_callhome", "m1"]);
  return Number(/packets (\d+)/.exec(listed.stdout)?.[1] ?? 0);
}

const reaches = async (from: Namespace, address: string): Promise<boolean> => (await from.run("ping", ["-c", "1", "-W", "2", address])).code === 0;

describe("in a home with VLANs", { timeout: suiteLimit }, () => {
  for (const as of ways)
    it(`${as}: an offloaded flood is traced to its port, dropped there and let go; the laptop's transfer goes on`, () =>
      play(as, { terminating_period: "0" }, async (scene) => {
        const { lab } = scene;
        const transfer = await startTransfer(lab);
        const attack = await startAttack(lab, gently);
        await isOffloaded(lab, attack);
        const scope = await attack.reported();
        const found = await askDaemon(scene, "lookup", lookupParameters(scope)) as LookupView;
        assert.deepEqual(found.devices.map(({ mac, name, port, certainty }) => [mac, name, port, certainty]), [[camera.mac, camera.name, cameraPort(as),
          "likely"]]);

        await request(scene, scope);
        await attack.stops(500);
        await until("it is dropped at the port", async () => await countedBy(scene, "netdev") > 0);
        const rules = await lab.router.run("nft", ["list", "table", "netdev", "dots_callhome"]);
        assert.match(rules.stdout, new RegExp(`hook ingress device "${cameraPort(as)}"`));
        assert.ok((await offloadedFlows(lab, 4, /dport=844/)).length > 0, "the laptop's transfer is offloaded still");
        assert.ok((await theMitigation(scene)).dropped.packets > 0);

        assert.equal((await scene.delete(1)).code, "2.02");
        await isOffloaded(lab, attack);
        await attack.end();
        const { broken, bytes } = await transfer.end();
        assert.equal(broken, null);
        assert.ok(bytes > 0);
      }));

  for (const as of ways)
    it(`${as}: a quarantine holds between devices of the same bridge, in both directions`, () =>
      play(as, { action: "quarantine", terminating_period: "0" }, async (scene) => {
        const { lab } = scene;
        for (const family of ["v4", "v6"] as const) {
          assert.ok(await reaches(lab.camera, laptop[family]), `camera to laptop, ${family}`);
          assert.ok(await reaches(lab.laptop, camera[family]), `laptop to camera, ${family}`);
        }
        const attack = await startAttack(lab, gently);
        await isOffloaded(lab, attack);
        await request(scene, await attack.reported());
        await attack.stops(500);
        await until("the camera is cut off at its port", async () => await countedBy(scene, "netdev") > 0);
        const atBridge = await countedBy(scene, "bridge");
        for (const family of ["v4", "v6"] as const) {
          assert.equal(await reaches(lab.camera, laptop[family]), false, `camera to laptop, ${family}`);
          assert.equal(await reaches(lab.laptop, camera[family]), false, `laptop to camera, ${family}`);
        }
        assert.ok(await countedBy(scene, "bridge") > atBridge, "what goes to the camera is dropped in the bridge");
        assert.equal((await theMitigation(scene)).devices[0]?.port, cameraPort(as));
        await askDaemon(scene, "release", { id: 1 });
        await until("the camera is back", () => reaches(lab.laptop, camera.v4));
        await attack.end();
      }));

  it("a bridge that forgets a device in one VLAN of two still has it on its port", () =>
    play("trunk port", {}, async (scene) => {
      const { lab } = scene;
      const attack = await startAttack(lab, gently);
      const vlans = async (): Promise<ReadonlySet<number>> => {
        const entries = JSON.parse((await lab.router.run("bridge", ["-j", "fdb", "show", "br", "br-lan", "brport", "lan1"])).stdout) as {
          mac: string;
          vlan?: number;
        }[];
        return new Set(entries.filter(({ mac }) => mac === camera.mac).map(({ vlan = 0 }) => vlan));
      };
      await until("the camera is known in both", async () => {
        await lab.camera.run("ping", ["-c", "1", "-W", "1", "-I", "eth0.30", "192.168.30.1"]);
        const known = await vlans();
        return known.has(10) && known.has(30);
      });
      const scope = await attack.reported();
      const port = async (): Promise<string | null | undefined> => ((await askDaemon(scene, "lookup", lookupParameters(scope))) as LookupView).devices[0]?.port;
      assert.equal(await port(), "lan1");
      const monitor = lab.router.spawn("ip", ["-o", "monitor", "label", "neigh"], { stdio: ["ignore", "pipe", "ignore"] });
      let said = "";
      monitor.stdout?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      const gone = await eventually("its end is announced", async () => {
        await lab.router.run("bridge", ["fdb", "del", camera.mac, "dev", "lan1", "master", "vlan", "30"]);
        return said.split("\n").find((line) => line.includes("Deleted") && line.includes(camera.mac));
      });
      console.log(`announced: ${gone}`);
      assert.ok((await vlans()).has(10));
      for (let round = 0; round < 5; round += 1) assert.equal(await port(), "lan1");
      await request(scene, scope);
      await attack.stops(500);
      await until("it is dropped at the port", async () => await countedBy(scene, "netdev") > 0);
      await attack.end();
    }));
});
