import type { Device } from "../model/device.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import type { WallClock } from "../model/time.ts";
import type { KnownNow } from "./attribute.ts";
import { joinWitness } from "../nat-lookup/join-witness.ts";
import type { Decision } from "../policy/decide.ts";
import type { MitigationEvent } from "../policy/mitigation-step.ts";
import { isLeftAlone } from "../policy/refused-by-owner.ts";
import { rememberedDecision } from "../policy/remembered-decision.ts";
import type { HomeDirectory, Log, PacketFilter } from "../model/ports.ts";
import type { Store } from "../memory/store.ts";

export interface WatchSendersDeps {
  readonly clock: WallClock;
  readonly log: Log;
  readonly filter: Pick<PacketFilter, "readWitness">;
  readonly directory: Pick<HomeDirectory, "port">;
  readonly store: Store;
  readonly homeNow: () => Promise<KnownNow>;
  readonly decideAbout: (devices: readonly Device[], target: AttackTarget) => Promise<Decision>;
  readonly apply: (id: MitigationId, event: MitigationEvent) => Promise<unknown>;
  readonly remember: (devices: readonly Device[]) => void;
}

export interface SenderWatch {
  /**
   * Reported packets were counted in all: the kernel knows whose they are. A device that was named by its address alone is confirmed, or
   * another takes its place. The kernel is asked only where packets have come since the last time, and only while somebody is not
   * certain.
   */
  counted(id: MitigationId, packets: number): Promise<void>;
}

/** Asks the packets themselves who sends them: connection tracking knows addresses only, and those can be forged. */
export function createSenderWatch({ clock, log, filter, directory, store, homeNow, decideAbout, apply, remember }: WatchSendersDeps): SenderWatch {
  const asked = new Map<MitigationId, number>();

  const look = async (before: Mitigation, packets: number): Promise<Extract<MitigationEvent, { readonly is: "witnessed" }> | undefined> => {
    const witnessed = await filter.readWitness(before.id).catch(() => []);
    if (witnessed.length === 0) return undefined;
    asked.set(before.id, packets);
    const isLeft = before.state === "ended";
    // Once that the device which is left alone was the sender, another may use its address now.
    const { devices, cleared } = joinWitness(isLeft ? before.devices.map((device) => ({ ...device, certainty: "likely" })) : before.devices, witnessed,
      await homeNow());
    if (isLeft ? devices.every(({ mac }) => before.devices.some((device) => device.mac === mac)) : textOf(devices) === textOf(before.devices)) return undefined;
    const known = await Promise.all(
      devices.map(async (device) => (device.port !== null || device.mac === null ? device : {
        ...device,
        port: await directory.port(device.mac).catch(() => null),
      })),
    );
    return { is: "witnessed", devices: known, cleared, decision: await decideAbout(known, before.request.target) };
  };

  return {
    async counted(id, packets) {
      const before = store.get(id);
      if (!before || !(isOpen(before) || isLeftAlone(before, clock.now()))) {
        asked.delete(id);
        return;
      }
      const witnessed = packets > (asked.get(id) ?? 0) ? await look(before, packets) : undefined;
      if (!witnessed) return;
      remember(witnessed.devices.filter(({ mac }) => !before.devices.some((device) => device.mac === mac)));
      for (const device of witnessed.devices) log(device.insteadOf ? "warn" : "info", `mitigation ${id}: ${inWords(device)}`);
      await apply(id, witnessed);
      const after = store.get(id);
      const remembered = after && rememberedDecision(after, store.all(), clock.now());
      if (remembered) await apply(id, remembered);
    },
  };
}

/** Acts or asks about a device that is known by its address alone. */
function isOpen({ state, devices }: Mitigation): boolean {
  return (state === "pending" || state === "active") && devices.some(({ certainty }) => certainty !== "exact");
}

function inWords({ name, mac, certainty, insteadOf }: Device): string {
  const who = `${name ?? "unnamed device"} (${mac ?? "?"})`;
  if (!insteadOf) return `${who} is ${certainty} now`;
  return `the packets carry the address ${insteadOf.address} of ${insteadOf.name ?? "an unnamed device"} (${insteadOf.mac ?? "?"}), but come from ${who}`;
}

function textOf(devices: readonly Device[]): string {
  return JSON.stringify(devices.map(({ mac, certainty, addresses }) => [mac, certainty, ...addresses]));
}
