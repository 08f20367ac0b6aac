import type { Device } from "../model/device.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import { questionAbout } from "../model/question.ts";
import { between, milliseconds, type SteadyClock, type SteadyInstant, type WallClock } from "../model/time.ts";
import type { HomeLookup } from "./attribute.ts";
import type { Decision } from "../policy/decide.ts";
import { isEnforced, type MitigationEvent } from "../policy/mitigation-step.ts";
import { inheritedCertainty } from "../policy/inherited-decision.ts";
import { rememberedDecision } from "../policy/remembered-decision.ts";
import type { Log, PacketFilter } from "../model/ports.ts";
import { isNameless } from "./rule-keeper.ts";
import { isWeighed, type FlowWeighing } from "./weigh-flows.ts";
import type { Schedule } from "../model/schedule.ts";
import type { Store } from "../memory/store.ts";
import { errorText } from "../text/error-text.ts";

export interface IdentifyDeps {
  readonly clock: WallClock;
  readonly steady: SteadyClock;
  readonly log: Log;
  readonly filter: Pick<PacketFilter, "readWitness">;
  readonly store: Store;
  readonly schedule: Schedule;
  readonly lookup: Pick<HomeLookup, "lookup">;
  readonly decideAbout: (devices: readonly Device[], target: AttackTarget) => Promise<Decision>;
  readonly apply: (id: MitigationId, event: MitigationEvent) => Promise<unknown>;
  readonly weighing: FlowWeighing;
}

export interface Identify {
  /** A new request: which devices are it, and what may be done to them. `replaced`: requests whose place it takes. Nobody found: it stays on watch until its lifetime ends. */
  asked(id: MitigationId, replaced?: readonly Mitigation[]): Promise<void>;
  /** One of an earlier run, which may have been killed before it had found the devices, ended their flows, or saved what these had counted. */
  resumed(mitigation: Mitigation): void;
  /** Reported packets were counted in all: where nobody is named yet, the kernel has recorded who sent them. */
  counted(id: MitigationId, packets: number): Promise<void>;
  remember(devices: readonly Device[]): void;
}

/** How soon a request that no device was found for is looked at again. */
const watchAfter = [5_000, 10_000, 20_000, 40_000, 60_000].map(milliseconds);
/** Packets of a sender that nobody can name: how soon the kernel's record is read again. */
const readWitnessEvery = milliseconds(5_000);

/** Finds out which devices a mitigation is about, and keeps looking while none is known or one may be wrong. */
export function createIdentify({ clock, steady, log, filter, store, schedule, lookup, weighing, decideAbout, apply }: IdentifyDeps): Identify {
  const witnessReadAt = new Map<MitigationId, SteadyInstant>();

  const identify = async (id: MitigationId, attempt: number, readsWitness: boolean, replaced: readonly Mitigation[] = []): Promise<void> => {
    const before = store.get(id);
    if (!before) return;
    const asked = before.request;
    const witnessed = readsWitness ? await filter.readWitness(id).catch(() => []) : [];
    const finding = await lookup.lookup(asked, { witnessed, isOnWatch: attempt > 0, upstream: asked.upstream }).catch((error: unknown) => {
      log("warn", `mitigation ${id}: could not look for the device: ${errorText(error)}`);
      return { devices: [] };
    });
    const devices = inheritedCertainty(finding.devices, replaced);
    const mitigation = store.get(id);
    if (!mitigation || mitigation.state === "ended" || mitigation.state === "terminating") return;
    if (devices.length > 0 ? mitigation.devices.length === 0 || attempt === 0 : attempt === 0 && mitigation.state === "pending")
      await found(mitigation, devices, before.devices);
    if (devices.length === 0)
      schedule.once(`watch ${id}`, watchAfter[Math.min(attempt, watchAfter.length - 1)] ?? milliseconds(60_000), () => identify(id, attempt + 1, false));
  };

  const found = async (mitigation: Mitigation, devices: readonly Device[], namedBefore: readonly Device[]): Promise<void> => {
    const { id } = mitigation;
    const decision = await decideAbout(devices, mitigation.request.target);
    const namedNow = store.get(id)?.devices ?? [];
    // Another look has named them meanwhile; where the two differ, the packets decide.
    if (namedNow.length > 0 && namedNow !== namedBefore) return;
    remember(devices);
    log("info", `mitigation ${id}: ${
      devices.length === 0
        ? "no device found yet"
        : devices.map((device) => `${device.name ?? "unnamed device"} (${device.mac ?? device.addresses.join(", ")}), ${device.certainty}`).join("; ")
    }`);
    const [question] = questionAbout(devices, store.all());
    await apply(id, { is: "found", devices, decision, deadline: question?.deadline ?? null });
    const remembered = rememberedDecision(store.get(id) ?? mitigation, store.all(), clock.now());
    if (remembered) await apply(id, remembered);
    // The owner is shown what it sent; the journal knows that of flows that have ended only.
    if (store.get(id)?.state === "pending") weighing.weighLater(id);
  };

  const remember: Identify["remember"] = (devices) => {
    for (const { mac, name, addresses, port } of devices) {
      if (mac === null) continue;
      const before = store.devices().find((each) => each.mac === mac);
      store.rememberDevice({ mac, name, addresses, port, requests: (before?.requests ?? 0) + 1, lastRequestAt: clock.now(), policy: before?.policy ?? null });
    }
  };

  return {
    asked: (id, replaced) => identify(id, 0, false, replaced),
    resumed(mitigation) {
      const { id, devices } = mitigation;
      if (devices.length === 0) schedule.once(`watch ${id}`, milliseconds(0), () => identify(id, 0, false));
      else if (isWeighed(mitigation)) return;
      else if (isEnforced(mitigation)) weighing.cutFlows(mitigation);
      else weighing.weighLater(id);
    },
    async counted(id, packets) {
      const mitigation = store.get(id);
      if (!mitigation || !isNameless(mitigation)) {
        witnessReadAt.delete(id);
        return;
      }
      const readAt = witnessReadAt.get(id);
      if (packets === 0 || (readAt !== undefined && between(readAt, steady.now()) < readWitnessEvery)) return;
      witnessReadAt.set(id, steady.now());
      await identify(id, 1, true);
    },
    remember,
  };
}
