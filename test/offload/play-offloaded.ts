import assert from "node:assert/strict";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { callDaemon } from "../../src/system/operator/control-client.ts";
import { systemClock as clock } from "../../src/system/process/system-clock.ts";
import type { Lab } from "../lab/lab.ts";
import { playScene, type Scene, type SceneOptions } from "../lab/scene.ts";
import { patience } from "../patience.ts";
import { switchOffloadingOn } from "./offloading.ts";
import { milliseconds } from "../../src/model/time.ts";

/** A rate that an emulated processor can keep up. */
export const gently = { rate: 200, ports: "40000-40003" } as const;

/** A scene with offloading switched on, for which a daemon may take long to start. `prepare` comes before there is traffic. */
export function playOffloaded(options: SceneOptions, act: (scene: Scene) => Promise<void>,
  prepare: (lab: Lab) => Promise<void> = () => Promise.resolve()): Promise<void> {
  return playScene({ ...options, without: ["daemon"] }, async (scene) => {
    await prepare(scene.lab);
    await switchOffloadingOn(scene.lab);
    await scene.startDaemon().logged(/: session with/);
    await act(scene);
  });
}

export async function request(scene: Scene, scope: object): Promise<void> {
  const { code } = await scene.peer.ask({ do: "put", mid: 1, scope });
  assert.equal(code, "2.01");
}

/** By the control socket: an emulated processor takes seconds to start the command line. */
export async function askDaemon({ lab }: Scene, method: string, params: object = {}): Promise<unknown> {
  const reply = await callDaemon(`${lab.files.folder}/control.sock`, method, params, { clock, timeout: milliseconds(patience) });
  assert.ok("result" in reply, JSON.stringify(reply));
  return reply.result;
}

export async function theMitigation(scene: Scene): Promise<MitigationView> {
  const { mitigations: [mitigation] } = await askDaemon(scene, "list") as { mitigations: MitigationView[] };
  assert.ok(mitigation);
  return mitigation;
}

/** The parameters of `lookup` for a scope that an attack has reported. */
export function lookupParameters(scope: object): object {
  const told = scope as {
    readonly "source-prefix": string[];
    readonly "target-prefix": string[];
    readonly "target-protocol": number[];
    readonly "source-port-range": { readonly "lower-port": number; readonly "upper-port": number }[];
  };
  return {
    source: told["source-prefix"],
    source_port: told["source-port-range"].map((range) => `${range["lower-port"]}-${range["upper-port"]}`),
    target: told["target-prefix"],
    target_port: ["443"],
    protocol: told["target-protocol"].map(String),
  };
}
