import type { Admission, MitigationService } from "../callhome-server/dots/dots-service.ts";
import type { Device, MacAddress } from "../model/device.ts";
import type { AttackFlows, AttackTarget, MitigationRequest } from "../model/mitigation-request.ts";
import { isRequested, type Mitigation, type MitigationId } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { shiftMitigation } from "../model/shift-mitigation.ts";
import { conflictCause, type Refusal } from "../model/refusal.ts";
import { expiresAt, type Clock, type Milliseconds, type Seconds } from "../model/time.ts";
import { isLookedFor, isSpecific, lookedForAtFirst } from "../enforcer/rules-for.ts";
import { createIdentify } from "./identify.ts";
import { keepTrack } from "./follow-held-devices.ts";
import { createLookAgain } from "./look-again.ts";
import { createLookup } from "./attribute.ts";
import type { Finding } from "../nat-lookup/find-devices.ts";
import { admitRequest, grantLifetime, sameScope, scopesOverlap } from "../policy/admit-request.ts";
import { checkScope } from "../policy/check-scope.ts";
import { otherWan, unknownWay, whyOtherWan, type CameOver } from "../policy/other-wan.ts";
import { conflictBetweenUpstreams, isSameConflict } from "../policy/conflict-between-upstreams.ts";
import { decide, isProtected, type Decision } from "../policy/decide.ts";
import { inheritedDecision } from "../policy/inherited-decision.ts";
import { newMitigation, nextDeadline, step, type Effect, type MitigationEvent } from "../policy/mitigation-machine.ts";
import { checkCost } from "../policy/request-cost.ts";
import { nosTo, saidOfTarget, shiftNos, withNos, withoutNosTo, type SaidOfTarget } from "../policy/owners-nos.ts";
import { isLeftAlone, isTurnedDown } from "../policy/refused-by-owner.ts";
import { leakWarning } from "../policy/proof-of-effect.ts";
import { sparingInfrastructure } from "../policy/spare-bystanders.ts";
import type { FlowTable, HomeDirectory, HomeNetwork, Log, NoticePage, PacketFilter, WirelessClients } from "../model/ports.ts";
import { createRefusalNotes } from "./refusal-notes.ts";
import { createRuleKeeper } from "./rule-keeper.ts";
import { createSchedule } from "../model/schedule.ts";
import { effectivePolicy, type Store } from "../memory/store.ts";
import { errorText } from "../text/error-text.ts";
import { createTrafficLook } from "./look-at-traffic.ts";
import type { Traffic } from "../model/traffic.ts";
import { createSenderWatch } from "./watch-senders.ts";

export interface PipelinePorts {
  readonly clock: Clock;
  readonly filter: PacketFilter;
  readonly flows: FlowTable;
  readonly directory: HomeDirectory;
  readonly network: HomeNetwork;
  readonly wireless?: WirelessClients;
  readonly notice?: NoticePage;
  /** Addresses that manage this router now. */
  readonly managing?: () => Promise<ReadonlySet<string>>;
  /** What is known of the session of an upstream. */
  readonly cameOver?: (upstream: string) => CameOver;
  readonly log: Log;
}

/** Those who are told; the pipeline does not know who they are. */
export interface PipelineEvents {
  notifyUpstream(mitigation: Mitigation): void;
  tellOwner(mitigation: Mitigation, event: MitigationEvent["is"]): void;
  /** Something changed that must outlive the daemon. */
  remember(): void;
}

/** What the configuration says, as it is now; a reload changes it. */
export interface PipelineSettings {
  readonly policy: Policy;
  readonly ownerNames: ReadonlyMap<MacAddress, string>;
}

export interface Pipeline extends MitigationService {
  /** A step of the owner's: `approved`, `denied`, `released`; undefined if there is no such mitigation. */
  decideByOwner(id: MitigationId, event: MitigationEvent): Promise<Mitigation | undefined>;
  lookup(asked: AttackFlows): Promise<Finding>;
  /** What devices send, as the kernel counts it: counted now, and in the last minutes while somebody looked. Somebody looks from now on, for half a minute. */
  traffic(): Promise<readonly Traffic[]>;
  /** What may be done now to these devices, so that they do not send to this target. */
  readonly decideAbout: (devices: readonly Device[], target: AttackTarget) => Promise<Decision>;
  /** The owner has said something else about a device: what is not to be touched any more is let go. */
  policyChanged(): Promise<void>;
  /** Takes up what was remembered: makes the kernel hold it again and starts its timers. */
  resume(): Promise<void>;
  /** The settings have changed. */
  reload(settings: PipelineSettings): Promise<void>;
  settings(): PipelineSettings;
  /** The wall clock jumped forward by this many milliseconds: spans that began by the old time keep what remains of them. */
  clockJumped(by: Milliseconds): void;
  /** Lays the rules again, as what they depend on beside the mitigations has changed. */
  relay(): Promise<void>;
  /** Why something that should be in force is not; for `status`. */
  warnings(): readonly string[];
  /** Stops timers; what the kernel holds stays until its timeouts. */
  stop(): void;
}

const mayEnd: ReadonlySet<MitigationEvent["is"]> = new Set(["released", "denied", "spared", "overridden", "time"]);
/** An upstream that missed the last notification can still ask how a mitigation ended; then it is removed (RFC 9132 §4.4.1.1). */
const shownAfterEnd: Milliseconds = 60_000;

/** From a request to its effect; each step in a file of its own, in this order. */
export function createPipeline(initial: PipelineSettings, store: Store, ports: PipelinePorts, events: PipelineEvents): Pipeline {
  const { clock, log } = ports;
  let settings = initial;
  const policy = (): Policy => effectivePolicy(settings.policy, store, clock.now());
  const schedule = createSchedule(clock, (error) => { log("error", `internal: ${errorText(error)}`); });

  const home = createLookup(ports, () => settings.ownerNames, store.devices());

  const refusals = createRefusalNotes({ clock, log });
  /** A request asks for more than it may: the owner hears of it. */
  const refusedAndTold = (upstream: string, refusal: Refusal, why?: string): Admission => {
    refusals.note(upstream, refusal, why);
    return { is: "refused", refusal };
  };

  const request: Pipeline["request"] = async (read, ifMatch) => {
    // First, so that it costs its parsing only.
    const tooMuch = checkCost(read.asked);
    if (tooMuch) return refusedAndTold(read.asked.upstream, tooMuch);
    const addresses = await ports.network.addresses();
    const over = ports.cameOver?.(read.asked.upstream) ?? unknownWay;
    const refusal = checkScope(read.asked, addresses, policy(), over);
    if (refusal) {
      const other = otherWan(read.asked, addresses, over);
      return refusedAndTold(read.asked.upstream, refusal, other === undefined ? undefined : whyOtherWan(other, over));
    }
    if (mayBeRejected(read.asked) && await isRejected(read.asked)) {
      noteAskedAgain(read.asked, read.lifetime);
      return { is: "refused", refusal: { code: "4.09", conflict: { cause: conflictCause.legitimateTraffic } } };
    }
    // From here to its place in the store nothing is awaited: two of the same mid must not both be new.
    const admitted = admitRequest(read.asked, read.lifetime, ifMatch, store.all(), policy(), clock.now());
    switch (admitted.is) {
      case "ignored": return admitted;
      case "refused":
        if (admitted.refusal.code === "4.09") noteAskedAgain(read.asked, read.lifetime);
        return admitted.refusal.code === "5.03" ? refusedAndTold(read.asked.upstream, admitted.refusal) : admitted;
      case "refresh": {
        // RFC 9132 §4.4.3: how the target fares, which nobody here can see.
        if (read.attackStatus !== null) log("info", `mitigation ${admitted.mitigation.id}: the upstream says that ${read.attackStatus === 1 ? "the target is still under attack" : "the attack is mitigated"}`);
        await apply(admitted.mitigation.id, { is: "refreshed", lifetime: admitted.lifetime, report: admitted.report });
        // One that nobody was found for is on watch: it costs no lookup more.
        if (read.attackStatus === 1 && admitted.mitigation.devices.length > 0) lookAgain(admitted.mitigation.id);
        return { is: "refreshed", mitigation: store.get(admitted.mitigation.id) ?? admitted.mitigation };
      }
      case "new": {
        const fresh = newMitigation(store.newId(), { ...read.asked, lifetime: read.lifetime ?? admitted.lifetime }, admitted.lifetime, policy(), clock.now());
        store.put(fresh);
        // What needs no consent is dropped where it leaves the home from the first moment; who sends it is found out meanwhile.
        if (policy().consent === "auto" && isSpecific(fresh.request) && !saidOf(fresh.request.target).any) await apply(fresh.id, { is: "found", devices: [], decision: decide([], policy()) });
        await identify.asked(fresh.id, admitted.overrides);
        const inherited = inheritedDecision(store.get(fresh.id) ?? fresh, admitted.overrides);
        if (inherited) await apply(fresh.id, inherited);
        const decided = store.get(fresh.id) ?? fresh;
        if ((decided.outcome === "rejected" || decided.outcome === "denied") && decided.conflict) return { is: "refused", refusal: { code: "4.09", conflict: decided.conflict } };
        // Only now: what both cover stays blocked throughout, and a request that was refused replaces nothing.
        for (const overridden of admitted.overrides) await apply(overridden.id, { is: "overridden" });
        noteConflicts();
        return { is: "created", mitigation: store.get(fresh.id) ?? fresh };
      }
    }
  };

  /** What the owner let go on is asked for again: the page says so for as long. */
  const noteAskedAgain = (asked: Omit<MitigationRequest, "lifetime">, lifetime: Seconds | null): void => {
    const same = store.all().findLast((each) => each.state === "ended" && each.request.upstream === asked.upstream && isTurnedDown(each) && scopesOverlap(each.request, asked));
    if (same && lifetime !== null) store.put({ ...same, askedAgainUntil: expiresAt(clock.now(), grantLifetime(lifetime, policy())) });
  };

  /** Upstreams hear of others that ask for the same (RFC 9132 §4.4.2.1). */
  const noteConflicts = (): void => {
    for (const mitigation of store.all()) {
      if (mitigation.state === "ended") continue;
      const conflict = conflictBetweenUpstreams(mitigation, store.all());
      if (isSameConflict(conflict, mitigation.conflict)) continue;
      store.put({ ...mitigation, conflict });
      events.notifyUpstream({ ...mitigation, conflict });
    }
  };

  const saidOf = (target: AttackTarget): SaidOfTarget => saidOfTarget(store.nos(), target, clock.now());

  /** Rejected before, for a device that is not to be touched, or the owner wants some device left alone when it sends there ... */
  const mayBeRejected = (asked: AttackFlows): boolean => saidOf(asked.target).any
    || store.all().some((each) => each.outcome === "rejected" && sameScope(each.request, asked));
  /** ... and it is this device: then nobody is asked, or told a second time. */
  const isRejected = async (asked: Omit<MitigationRequest, "lifetime">): Promise<boolean> => {
    // Too busy to look now: it is admitted, watched for only, and turned down when it is known whose it is.
    const { devices } = await home.lookup(asked, { upstream: asked.upstream }).catch(() => ({ devices: [] }));
    return devices.length > 0 && (await decideAbout(devices, asked.target)).is === "reject";
  };

  const decideAbout: Pipeline["decideAbout"] = async (devices, target) => {
    const [infrastructure, managing] = await Promise.all([ports.network.infrastructure(), ports.managing?.()]);
    return decide(devices, sparingInfrastructure(policy(), infrastructure), managing, saidOf(target));
  };

  const followDevices = async (): Promise<void> => {
    for (const [id, event] of await keepTrack({ clock, filter: ports.filter, store, homeNow: home.homeNow, decideAbout })) {
      const changed = event.devices.filter(({ mac }) => !store.get(id)?.devices.some((device) => device.mac === mac));
      identify.remember(changed);
      for (const { mac } of changed) log("info", `mitigation ${id}: the device calls itself ${mac ?? ""} now`);
      await apply(id, event);
    }
  };

  /** Of this one alone: its end does not wait for what others' counts lead to. */
  const countOf = async (id: MitigationId): Promise<void> => {
    const counted = (await rules.counts()).get(id);
    if (!counted) return;
    const { left, ...dropped } = counted;
    await apply(id, { is: "counted", dropped, ...(left ? { left } : {}) });
  };

  /** One step of the state machine, and its effects. */
  const apply = async (id: MitigationId, event: MitigationEvent): Promise<Mitigation | undefined> => {
    // What was dropped until the end is read while the kernel still has it.
    if (mayEnd.has(event.is) && rules.isHolding()) await countOf(id);
    const before = store.get(id);
    if (!before) return undefined;
    const { mitigation, effects } = step(before, event, policy(), clock.now());
    store.put(mitigation);
    if (mitigation.state !== before.state) log("info", `mitigation ${id}: ${before.state} -> ${mitigation.state}${mitigation.outcome ? ` (${mitigation.outcome})` : ""}`);
    if (mitigation.state === "ended" && before.state !== "ended") noteConflicts();
    for (const effect of effects) await perform[effect](mitigation, event);
    scheduleDeadline(id);
    if (event.is === "found" && mitigation.devices.some((device) => isLookedFor(mitigation, device, clock.now()))) {
      schedule.once(`looked for ${id}`, lookedForAtFirst, () => (store.get(id)?.devices.some(({ certainty }) => certainty !== "exact") ? rules.enforce() : undefined));
    }
    return store.get(id);
  };

  const perform: Record<Effect, (mitigation: Mitigation, event: MitigationEvent) => Promise<void> | void> = {
    enforce: () => rules.enforce(),
    // After the drop, and in nobody's way.
    "cut-flows": (mitigation) => { identify.cutFlows(mitigation); },
    "notify-upstream": (mitigation) => { events.notifyUpstream(mitigation); },
    "tell-owner": (mitigation, event) => { events.tellOwner(mitigation, event.is); },
    remember: () => { events.remember(); },
    "keep-no": (mitigation) => { store.keepNos(withNos(store.nos(), nosTo(mitigation, clock.now()), clock.now())); },
    "lift-no": (mitigation) => { store.keepNos(withoutNosTo(store.nos(), mitigation)); },
  };

  const traffic = createTrafficLook({ clock, schedule, store, enforce: () => rules.enforce(), count: () => (rules.isHolding() ? rules.count() : Promise.resolve()) });
  const rules = createRuleKeeper({ clock, log, filter: ports.filter, schedule, store, policy, isWatched: traffic.isWatched }, {
    renewing: followDevices,
    enforced: (id) => apply(id, { is: "enforced" }),
    quarantined(devices) {
      ports.wireless?.putOff(devices);
      ports.notice?.show(devices);
    },
    async counted(id, count) {
      traffic.counted(id, count);
      // Of what is left alone only the traffic is of interest.
      if (store.get(id)?.state === "ended") return;
      const { left, ...dropped } = count;
      await apply(id, { is: "counted", dropped, ...(left ? { left } : {}) });
      await identify.counted(id, dropped.packets + (left?.packets ?? 0));
      await senders.counted(id, dropped.packets + (left?.packets ?? 0));
    },
  });
  const senders = createSenderWatch({ clock, log, filter: ports.filter, directory: ports.directory, store, homeNow: home.homeNow, decideAbout, apply, remember: (devices) => { identify.remember(devices); } });
  const identify = createIdentify({ clock, log, filter: ports.filter, flows: ports.flows, store, schedule, lookup: home, decideAbout, apply, save: () => { events.remember(); } });

  const lookAgain = createLookAgain({
    schedule, store, log, filter: ports.filter, lookup: home.lookup, decideAbout, count: () => rules.count(), apply, joined: (devices) => { identify.remember(devices); },
  });

  const scheduleDeadline = (id: MitigationId): void => {
    const mitigation = store.get(id);
    const due = mitigation ? nextDeadline(mitigation, policy()) : null;
    if (due === null) schedule.cancel(`deadline ${id}`);
    else schedule.once(`deadline ${id}`, Math.max(0, due - clock.now()), () => apply(id, { is: "time" }));
    if (mitigation?.state === "ended") schedule.cancel(`watch ${id}`);
  };

  const policyChanged: Pipeline["policyChanged"] = async () => {
    for (const { id, devices, state, request: { target } } of store.all()) {
      if (state === "ended") continue;
      const { isRefused } = saidOf(target);
      const untouchable = devices.filter((device) => isProtected(device, policy()) || isRefused(device));
      if (untouchable.length > 0) await apply(id, { is: "spared", devices: untouchable });
    }
  };

  return {
    request,
    decideAbout,
    policyChanged,
    lookup: (asked) => home.lookup(asked, { depth: "explain" }),
    traffic: () => traffic.look(),
    settings: () => settings,
    warnings: () => [...rules.warnings(), ...refusals.warnings(), ...store.all().flatMap((each) => leakWarning(each) ?? [])],
    mitigationsOf: (upstream, cuid) => store.all().filter((each) => each.request.upstream === upstream && each.request.cuid === cuid
      && (each.endedAt === undefined || clock.now() - each.endedAt < shownAfterEnd)),
    withdraw(upstream, cuid, mid) {
      const its = store.all().filter(({ request: each }) => each.upstream === upstream && each.cuid === cuid && each.mid === mid);
      const asked = its.find(isRequested) ?? its.findLast((each) => isLeftAlone(each, clock.now()));
      if (asked) apply(asked.id, { is: "withdrawn" }).catch((error: unknown) => { log("error", `internal: ${errorText(error)}`); });
    },
    decideByOwner: apply,
    clockJumped(by) {
      const before = clock.now() - by;
      for (const mitigation of store.all()) {
        // What lies in the old clock's future was saved by a clock that was right.
        if (mitigation.requestedAt <= before) store.put(shiftMitigation(mitigation, by));
        scheduleDeadline(mitigation.id);
      }
      store.keepNos(shiftNos(store.nos(), by, before));
      events.remember();
    },
    async resume() {
      // First what was dropped while nobody looked: it decides the status that the upstream hears.
      await rules.count();
      const living = store.all().filter((each) => each.state !== "ended");
      for (const { id } of living) await apply(id, { is: "time" });
      await policyChanged();
      // Also where nothing is needed: what an earlier run has left behind goes.
      await rules.enforce({ evenIfNothing: true });
      for (const mitigation of store.all()) {
        scheduleDeadline(mitigation.id);
        if (mitigation.state !== "ended") identify.resumed(mitigation);
      }
    },
    async reload(next) {
      settings = next;
      await policyChanged();
      await rules.enforce();
      for (const { id } of store.all()) scheduleDeadline(id);
    },
    relay: () => rules.enforce(),
    stop() {
      rules.stop();
      schedule.stop();
    },
  };
}
