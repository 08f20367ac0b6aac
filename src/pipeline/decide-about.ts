import type { Device } from "../model/device.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { Policy } from "../model/policy.ts";
import { decide, type Decision } from "../policy/decide.ts";
import { sparingInfrastructure } from "../policy/spare-bystanders.ts";
import type { SaidOfTarget } from "../policy/owners-nos.ts";
import type { PipelinePorts } from "./pipeline-ports.ts";

/** What may be done now to these devices, so that they do not send to this target. */
export type DecideAbout = (devices: readonly Device[], target: AttackTarget) => Promise<Decision>;

export interface DecideAboutDeps {
  readonly ports: Pick<PipelinePorts, "network" | "managing">;
  readonly policy: () => Policy;
  readonly saidOf: (target: AttackTarget) => SaidOfTarget;
}

/** Asks who must be spared now, the router, its gateways and whoever manages it among them, and has the policy decide. */
export function createDecideAbout({ ports, policy, saidOf }: DecideAboutDeps): DecideAbout {
  return async (devices, target) => {
    const spared = sparingInfrastructure(policy(), await ports.network.infrastructure());
    const decideWith = (managing?: ReadonlySet<string>): Decision => decide(devices, spared, managing, saidOf(target));
    const decision = decideWith();
    // Who manages the router is spared a quarantine alone, and takes milliseconds to find out.
    const isQuarantine = "action" in decision && decision.action === "quarantine";
    return isQuarantine && ports.managing ? decideWith(await ports.managing()) : decision;
  };
}
