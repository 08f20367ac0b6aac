import type { Device } from "../model/device.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { MitigationId } from "../model/mitigation.ts";
import { isSpecific, renewEvery } from "../enforcer/rules-for.ts";
import type { KnownNow } from "./attribute.ts";
import { followDevices } from "../nat-lookup/follow-devices.ts";
import type { Decision } from "../policy/decide.ts";
import { isEnforced, type MitigationEvent } from "../policy/mitigation-step.ts";
import type { PacketFilter } from "../model/ports.ts";
import type { Store } from "../memory/store.ts";
import { between, type WallClock } from "../model/time.ts";

export interface FollowHeldDevicesDeps {
  readonly clock: WallClock;
  readonly filter: Pick<PacketFilter, "readWitness">;
  readonly store: Store;
  readonly homeNow: () => Promise<KnownNow>;
  readonly decideAbout: (devices: readonly Device[], target: AttackTarget) => Promise<Decision>;
}

type Followed = Extract<MitigationEvent, { readonly is: "followed" }>;

/** Devices that are held take other addresses, and call themselves by other MAC addresses: what is now to be held, where it is another than before. */
export async function followHeldDevices({ clock, filter, store, homeNow, decideAbout }: FollowHeldDevicesDeps): Promise<ReadonlyMap<MitigationId, Followed>> {
  const held = store.all().filter((each) => isEnforced(each) && each.devices.length > 0);
  const events = new Map<MitigationId, Followed>();
  if (held.length === 0) return events;
  const home = await homeNow();
  for (const mitigation of held) {
    const isGoingOn = mitigation.lastDropAt !== null && between(mitigation.lastDropAt, clock.now()) < renewEvery * 1000;
    const witnessed = isGoingOn && isSpecific(mitigation.request) ? await filter.readWitness(mitigation.id).catch(() => []) : [];
    const { devices, changed } = followDevices(mitigation.devices, witnessed, home);
    const decision = changed.length > 0 ? await decideAbout(changed, mitigation.request.target) : undefined;
    // Who approved that this traffic is stopped has been asked.
    const may = decision?.is === "act" || (decision?.is === "ask" && mitigation.decidedBy === "owner");
    const all = [...devices, ...(may ? decision.devices : [])];
    if (textOf(all) !== textOf(mitigation.devices)) events.set(mitigation.id, { is: "followed", devices: all });
  }
  return events;
}

function textOf(devices: readonly Device[]): string {
  return JSON.stringify(devices.map(({ mac, addresses }) => [mac, ...addresses]));
}
