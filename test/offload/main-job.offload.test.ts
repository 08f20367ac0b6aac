import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LookupView } from "../../src/operator/describe-lookup.ts";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { callDaemon } from "../../src/system/operator/control-client.ts";
import { systemClock as clock } from "../../src/system/process/system-clock.ts";
import { labAddresses } from "../lab/lab.ts";
import { playScene, type Scene, type SceneOptions } from "../lab/scene.ts";
import { startAttack, startTransfer, type AttackOptions } from "../lab/scene-attack.ts";
import { patience, suiteLimit } from "../patience.ts";
import { eventually } from "../until.ts";
import { isOffloaded, offloadedFlows, switchOffloadingOn } from "./offloading.ts";

const { camera } = labAddresses;
/** A rate that an emulated processor can keep up. */
const gently = { rate: 200, ports: "40000-40003" } as const;

/** A scene with offloading switched on, for which a daemon may take long to start. */
function play(options: SceneOptions, act: (scene: Scene) => Promise<void>): Promise<void> {
  return playScene({ ...options, without: ["daemon"] }, async (scene) => {
    await switchOffloadingOn(scene.lab);
    await scene.startDaemon().logged(/: session with/);
    await act(scene);
  });
}

async function request(scene: Scene, scope: object): Promise<void> {
  const { code } = await scene.peer.ask({ do: "put", mid: 1, scope });
  assert.equal(code, "2.01");
}

/** By the control socket: an emulated processor takes seconds to start the command line. */
async function askDaemon({ lab }: Scene, method: string, params: object = {}): Promise<unknown> {
  const reply = await callDaemon(`${lab.files.folder}/control.sock`, method, params, { clock, timeout: patience });
  assert.ok("result" in reply, JSON.stringify(reply));
  return reply.result;
}

async function theMitigation(scene: Scene): Promise<MitigationView> {
  const { mitigations: [mitigation] } = await askDaemon(scene, "list") as { mitigations: MitigationView[] };
  assert.ok(mitigation);
  return mitigation;
}

describe("with software flow offloading", { timeout: suiteLimit }, () => {
  const kinds: readonly (AttackOptions & { readonly family: 4 | 6; readonly protocol: "udp" | "tcp" })[] = [{ family: 4, protocol: "udp" }, { family: 6, protocol: "tcp" }];
  for (const { family, protocol } of kinds)
    it(`an offloaded ${protocol} flood over IPv${family} is traced, cut off and let go; the laptop's offloaded transfer goes on`, () =>
      play({ globals: { terminating_period: "0" } }, async (scene) => {
        const { lab } = scene;
        const transfer = await startTransfer(lab, family);
        const attack = await startAttack(lab, { family, protocol, ...gently });
        await isOffloaded(lab, attack);
        const scope = await attack.reported();

        const found = await askDaemon(scene, "lookup", lookupParameters(scope)) as LookupView;
        assert.deepEqual(found.devices.map(({ mac, certainty }) => [mac, certainty]), [[camera.mac, "likely"]]);
        assert.ok((found.devices[0]?.evidence.packets ?? 0) > 20, `evidence: ${JSON.stringify(found.devices[0]?.evidence)}`);

        const asked = Date.now();
        await request(scene, scope);
        await scene.observe(1);
        await scene.notified(1, ({ status }) => status === 2);
        await attack.stops(500);
        const last = attack.sink.reports.filter(({ packets }) => packets > 0).at(-1)?.t ?? 0;
        console.log(`silent ${Math.max(0, Math.round(last - asked))} ms after the request was sent`);
        const stopped = Date.now();
        const { devices, state, status, dropped } = await theMitigation(scene);
        assert.deepEqual([state, status], ["active", 2]);
        assert.deepEqual(devices.map(({ mac }) => mac), [camera.mac]);
        assert.ok(dropped.packets > 0);
        assert.equal((await offloadedFlows(lab, family, /dport=443 /)).length, 0);
        assert.ok((await offloadedFlows(lab, family, /dport=844/)).length > 0, "the laptop's transfer is offloaded still");
        assert.equal(attack.since(stopped), 0);

        assert.equal((await scene.delete(1)).code, "2.02");
        // TCP waits longer with each packet that was lost: its connections come back in a minute, new ones at once.
        if (protocol === "tcp") await attack.end();
        const again = protocol === "tcp" ? await startAttack(lab, { family, protocol, ...gently, ports: "41000-41003" }) : attack;
        await isOffloaded(lab, again);
        assert.equal(await scene.ruleset(), "", "nothing is left in the kernel");
        await again.end();
        const { broken, bytes } = await transfer.end();
        assert.equal(broken, null);
        assert.ok(bytes > 0);
      }));

  it("a quarantine ends all of the device's offloaded flows, not those to the target alone", () =>
    play({ globals: { action: "quarantine" } }, async (scene) => {
      const other = await startAttack(scene.lab, { family: 6, port: 444, rate: 100, ports: "42000-42001" });
      const attack = await startAttack(scene.lab, gently);
      await isOffloaded(scene.lab, attack);
      await eventually("the other flood is offloaded", async () => ((await offloadedFlows(scene.lab, 6, /dport=444 /)).length === 2 ? true : undefined));
      await request(scene, await attack.reported());
      await attack.stops(500);
      await other.stops(500);
      assert.equal((await theMitigation(scene)).action, "quarantine");
      await attack.end();
      await other.end();
    }));

  it("a limit holds: what it lets through is not offloaded past it", () =>
    play({ globals: { action: "limit", limit_rate: "10" } }, async (scene) => {
      const attack = await startAttack(scene.lab, gently);
      await isOffloaded(scene.lab, attack);
      await request(scene, await attack.reported());
      await scene.observe(1);
      await scene.notified(1, ({ status }) => status === 2);
      const from = Date.now();
      await attack.sink.until((report) => report.t > from + 3_000);
      assert.ok(attack.since(from) <= 3 * 10 + 10 + 10, `${attack.since(from)} packets in three seconds`);
      await attack.end();
    }));

  it("flows that were offloaded while the rules were gone are ended again, however often", () =>
    play({}, async (scene) => {
      const attack = await startAttack(scene.lab, gently);
      await isOffloaded(scene.lab, attack);
      await request(scene, await attack.reported({ lifetime: 600 }));
      await attack.stops(500);
      const nft = async (command: string): Promise<string> => (await scene.lab.router.run("nft", [command])).stdout;
      const tables = (await nft("list tables")).split("\n").filter((line) => line.endsWith(" dots_callhome"));
      for (const taken of [...tables.map((table) => [table]), tables, tables]) {
        await nft(taken.map((table) => `delete ${table}`).join("; "));
        await eventually("the tables are there again", async () => {
          const now = await nft("list tables");
          return taken.every((table) => now.includes(table)) ? true : undefined;
        });
        await attack.stops(1_000).catch((error: unknown) => { throw new Error(`without ${taken.join(" and ")} for a moment it goes on`, { cause: error }); });
      }
      await attack.end();
    }));
});

function lookupParameters(scope: object): object {
  const told = scope as {
    readonly "source-prefix": string[]; readonly "target-prefix": string[]; readonly "target-protocol": number[];
    readonly "source-port-range": { readonly "lower-port": number; readonly "upper-port": number }[];
  };
  return {
    source: told["source-prefix"], source_port: told["source-port-range"].map((range) => `${range["lower-port"]}-${range["upper-port"]}`),
    target: told["target-prefix"], target_port: ["443"], protocol: told["target-protocol"].map(String),
  };
}
