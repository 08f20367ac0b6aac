import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { suiteLimit } from "../patience.ts";
import { labAddresses, labMissing, type Lab } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack, type Attack } from "./scene-attack.ts";
import { ip } from "./scene-witnesses.ts";
import { until } from "../until.ts";

const { camera, laptop, lan, isp } = labAddresses;
const missing = labMissing();

/** The camera takes the laptop's addresses as its source; it answers for them to nobody. The router knows both devices. */
async function forge(lab: Lab, family: 4 | 6): Promise<Attack> {
  await lab.camera.run("sysctl", ["-qw", "net.ipv4.conf.all.arp_ignore=1"]);
  for (const host of [lab.camera, lab.laptop]) for (const router of [lan.v4, lan.v6]) await host.run("ping", ["-c1", "-W2", router]);
  await ip(lab.camera, `addr add ${laptop.v4}/32 dev lo`, `addr add ${laptop.v6}/128 dev lo`);
  return startAttack(lab, { family, address: family === 4 ? laptop.v4 : laptop.v6 });
}

async function shown({ daemon }: Scene): Promise<MitigationView> {
  const [only, ...others] = await daemon.json("list") as MitigationView[];
  assert.ok(only && others.length === 0);
  return only;
}

const named = ({ devices }: MitigationView): unknown =>
  devices.map(({ mac, certainty, instead_of: before }) => [mac, certainty, before?.mac ?? null, before?.address ?? null]);

/** The laptop, wherever it wants. */
async function assertLaptopIsFree({ lab }: Scene): Promise<void> {
  for (const to of [isp.v4, isp.v6]) assert.equal((await lab.laptop.run("ping", ["-c1", "-W5", to])).code, 0, `the laptop does not reach ${to}`);
}

describe("a camera that sends from the laptop's address", { timeout: suiteLimit, concurrency: 2, skip: missing.length > 0 && `needs ${missing.join(", ")}` },
  () => {
    for (const family of [4, 6] as const) {
      const address = family === 4 ? laptop.v4 : laptop.v6;
      for (const consent of ["auto", "ask"] as const)
        for (const action of ["block", "quarantine"] as const)
          it(`is named by its packets, IPv${family}, ${consent}, ${action}; the laptop is let go`, () =>
            playScene({ globals: { consent, action } }, async (scene) => {
              const { lab, daemon } = scene;
              const attack = await forge(lab, family);
              assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
              const first = await shown(scene);
              assert.ok(first.devices.every(({ mac, certainty }) => mac === camera.mac || certainty === "likely"), JSON.stringify(first.devices));
              await until("the camera is named", async () => (await shown(scene)).devices[0]?.mac === camera.mac);
              assert.deepEqual(named(await shown(scene)), [[camera.mac, "exact", laptop.mac, address]]);
              assert.ok(daemon.log.some((line) => line.includes(`the packets carry the address ${address} of Annas-laptop`)), daemon.log.join("\n"));
              const said = (await daemon.cli("list")).stdout;
              assert.match(said, /1: The packets carry the address \S+ of Annas-laptop, but come from Kitchen-camera\./);
              if (consent === "ask") {
                assert.equal((await shown(scene)).state, "pending");
                assert.equal((await daemon.cli("approve", "1")).code, 0);
              }
              await attack.stops(700);
              await until("the camera has a rule", async () => (await scene.ruleset()).includes(camera.mac));
              // What the kernel has seen apart: the laptop itself has not sent anything there.
              assert.ok(!(await scene.ruleset()).includes(laptop.mac), "the laptop has none");
              assert.equal((await shown(scene)).action, action);
              await assertLaptopIsFree(scene);
              // From its own address the camera reaches others where it is blocked, and nobody where it is quarantined.
              assert.equal((await lab.camera.run("ping", ["-c1", "-W2", "-I", camera.v4, isp.v4])).code === 0, action === "block");
              await attack.end();
            }));

      for (const consent of ["auto", "ask"] as const)
        it(`is not seen any more once it has finished: the laptop is likely at most, IPv${family}, ${consent}, and not quarantined`, () =>
          playScene({ globals: { consent, action: "quarantine" } }, async (scene) => {
            const attack = await forge(scene.lab, family);
            const scope = await attack.reported();
            await attack.end();
            assert.equal((await scene.put(1, scope)).code, "2.01");
            const only = await shown(scene);
            assert.deepEqual(named(only), [[laptop.mac, "likely", null, null]]);
            assert.match((await scene.daemon.cli("list")).stdout, /Annas-laptop \(probably\)/);
            if (consent === "auto") {
              assert.deepEqual([only.state, only.action, only.acts_as], ["active", "quarantine", "block"]);
              await until("it has a rule", async () => (await scene.ruleset()).includes(laptop.mac));
              assert.match((await scene.daemon.cli("list")).stdout, /block \(quarantine once its packets are seen\)/);
            }
            await assertLaptopIsFree(scene);
          }));
    }
  });
