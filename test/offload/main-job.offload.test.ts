import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LookupView } from "../../src/operator/describe-lookup.ts";
import { labAddresses } from "../lab/lab.ts";
import { startAttack, startTransfer, type AttackOptions } from "../lab/scene-attack.ts";
import { suiteLimit } from "../patience.ts";
import { eventually } from "../until.ts";
import { isOffloaded, offloadedFlows } from "./offloading.ts";
import { askDaemon, gently, lookupParameters, playOffloaded, request, theMitigation } from "./play-offloaded.ts";

const { camera } = labAddresses;

describe("with software flow offloading", { timeout: suiteLimit }, () => {
  const kinds: readonly (AttackOptions & { readonly family: 4 | 6; readonly protocol: "udp" | "tcp" })[] = [{ family: 4, protocol: "udp" }, {
    family: 6,
    protocol: "tcp",
  }];
  for (const { family, protocol } of kinds)
    it(`an offloaded ${protocol} flood over IPv${family} is traced, cut off and let go; the laptop's offloaded transfer goes on`, () =>
      playOffloaded({ globals: { terminating_period: "0" } }, async (scene) => {
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
    playOffloaded({ globals: { action: "quarantine" } }, async (scene) => {
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
    playOffloaded({ globals: { action: "limit", limit_rate: "10" } }, async (scene) => {
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
    playOffloaded({}, async (scene) => {
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
        await attack.stops(1_000).catch((error: unknown) => {
          throw new Error(`without ${taken.join(" and ")} for a moment it goes on`, { cause: error });
        });
      }
      await attack.end();
    }));
});
