import type { Device } from "../model/device.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import { isRequested, type Mitigation, type MitigationId } from "../model/mitigation.ts";
import { milliseconds } from "../model/time.ts";
import type { Lookup } from "./attribute.ts";
import { mayJoin, type Decision } from "../policy/decide.ts";
import type { MitigationEvent } from "../policy/mitigation-step.ts";
import type { Log, PacketFilter } from "../model/ports.ts";
import type { Schedule } from "../model/schedule.ts";
import type { Store } from "../memory/store.ts";
import { errorText } from "../text/error-text.ts";

export interface LookAgainDeps {
  readonly schedule: Schedule;
  readonly store: Store;
  readonly log: Log;
  readonly filter: Pick<PacketFilter, "readWitness">;
  readonly lookup: Lookup;
  readonly decideAbout: (devices: readonly Device[], target: AttackTarget) => Promise<Decision>;
  /** Reads the drop counters now. Never rejects. */
  readonly count: () => Promise<void>;
  readonly apply: (id: MitigationId, event: MitigationEvent) => Promise<unknown>;
  readonly joined: (devices: readonly Device[]) => void;
}

/** Between two looks for one mitigation: an upstream that repeats itself costs no more than that. */
const pause = milliseconds(5_000);

/**
 * The upstream says that its target is still under attack (RFC 9132 §4.4.3): perhaps another device takes part, or what is in force does
 * not reach the attack. In the background, one look at a time for each mitigation. What is returned asks for a look.
 */
export function createLookAgain({ schedule, store, log, filter, lookup, decideAbout, count, apply, joined }: LookAgainDeps): (id: MitigationId) => void {
  const looking = new Set<MitigationId>();

  const look = async (id: MitigationId): Promise<void> => {
    await count();
    const asked = store.get(id)?.request;
    if (!asked) return;
    const witnessed = await filter.readWitness(id).catch(() => []);
    const { devices } = await lookup(asked, { witnessed, isOnWatch: true, upstream: asked.upstream }).catch((error: unknown) => {
      log("warn", `mitigation ${id}: could not look for the device again: ${errorText(error)}`);
      return { devices: [] };
    });
    const mitigation = store.get(id);
    if (!mitigation || !isRequested(mitigation) || mitigation.devices.length === 0) return;
    const others = devices.filter((device) => !isAmong(device, mitigation.devices));
    if (others.length === 0 || !await join(mitigation, others)) await apply(id, { is: "still-attacked" });
  };

  const join = async (mitigation: Mitigation, others: readonly Device[]): Promise<boolean> => {
    const { id, state, devices } = mitigation;
    if (state === "pending") {
      const all = [...devices, ...others];
      joined(others);
      await apply(id, { is: "found", devices: all, decision: await decideAbout(all, mitigation.request.target) });
      return true;
    }
    const decision = await decideAbout(others, mitigation.request.target);
    const names = others.map((device) => `${device.name ?? "unnamed device"} (${device.mac ?? device.addresses.join(", ")})`).join("; ");
    if (!mayJoin(mitigation, decision)) {
      log("info",
        `mitigation ${id}: ${names} takes part too, and is left alone: the owner's rules want a question or a milder measure, which needs a request of its own`);
      return false;
    }
    log("info", `mitigation ${id}: ${names} takes part too, and is held from now on`);
    joined(decision.devices);
    await apply(id, { is: "followed", devices: [...devices, ...decision.devices] });
    return true;
  };

  return (id) => {
    if (looking.has(id)) return;
    looking.add(id);
    schedule.once(`look again ${id}`, milliseconds(0), () =>
      look(id).finally(() => {
        schedule.once(`look again ${id}`, pause, () => {
          looking.delete(id);
        });
      }));
  };
}

/** Also the one whose address is forged: connection tracking goes on to name it. */
function isAmong({ mac, addresses, certainty }: Device, known: readonly Device[]): boolean {
  if (certainty !== "exact" && known.some(({ insteadOf }) => insteadOf !== undefined && insteadOf.mac === mac)) return true;
  return known.some((each) => (mac === null ? addresses.some((address) => each.addresses.includes(address)) : each.mac === mac));
}
