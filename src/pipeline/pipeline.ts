import type { Admission, MitigationService } from "../callhome-server/dots/dots-service.ts";
import type { ReadMitigation } from "../callhome-server/dots/parse-mitigation.ts";
import { isSpecific } from "../enforcer/rules-for.ts";
import { effectivePolicy, type Store } from "../memory/store.ts";
import type { AttackFlows, AttackTarget } from "../model/mitigation-request.ts";
import { isRequested, type Mitigation, type MitigationId } from "../model/mitigation.ts";
import type { Policy } from "../model/policy.ts";
import { createSchedule } from "../model/schedule.ts";
import { between, milliseconds } from "../model/time.ts";
import type { Traffic } from "../model/traffic.ts";
import type { Finding } from "../nat-lookup/find-devices.ts";
import { admitRequest, type AdmitResult } from "../policy/admit-request.ts";
import { decide } from "../policy/decide.ts";
import { inheritedDecision } from "../policy/inherited-decision.ts";
import { newMitigation } from "../policy/mitigation-machine.ts";
import { saidOfTarget, type SaidOfTarget } from "../policy/owners-nos.ts";
import { leakWarning } from "../policy/proof-of-effect.ts";
import { isLeftAlone } from "../policy/refused-by-owner.ts";
import { errorText } from "../text/error-text.ts";
import { createAdaptation, type Adaptation } from "./adapt-to-change.ts";
import { createApplyEvent, type ApplyEvent } from "./apply-event.ts";
import { createLookup } from "./attribute.ts";
import { noteConflicts } from "./conflicts.ts";
import { createDecideAbout, type DecideAbout } from "./decide-about.ts";
import { createIdentify, type Identify } from "./identify.ts";
import { createLookAgain } from "./look-again.ts";
import { createTrafficLook } from "./look-at-traffic.ts";
import type { PipelineEvents, PipelinePorts, PipelineSettings } from "./pipeline-ports.ts";
import { hearKernel } from "./hear-kernel.ts";
import { createRefusalNotes } from "./refusal-notes.ts";
import { createRequestRefusal, type RequestRefusal } from "./refuse-request.ts";
import { createRuleKeeper } from "./rule-keeper.ts";
import { untilStopped } from "./until-stopped.ts";
import { createSenderWatch } from "./watch-senders.ts";
import { createFlowWeighing } from "./weigh-flows.ts";

export interface Pipeline extends MitigationService, Omit<Adaptation, "settingsChanged"> {
  /** A step of the owner's: `approved`, `denied`, `released`; undefined if there is no such mitigation. */
  readonly decideByOwner: ApplyEvent;
  lookup(asked: AttackFlows): Promise<Finding>;
  /** What devices send, as the kernel counts it: counted now, and in the last minutes while somebody looked. Somebody looks from now on, for half a minute. */
  traffic(): Promise<readonly Traffic[]>;
  readonly decideAbout: DecideAbout;
  /** The settings have changed. */
  reload(settings: PipelineSettings): Promise<void>;
  settings(): PipelineSettings;
  /** Lays the rules again, as what they depend on beside the mitigations has changed. */
  relay(): Promise<void>;
  /** Why something that should be in force is not; for `status`. */
  warnings(): readonly string[];
  /** Stops timers. What is under way changes nothing any more; what the kernel holds stays until its timeouts. */
  stop(): void;
}

/** An upstream that missed the last notification can still ask how a mitigation ended; then it is removed (RFC 9132 §4.4.1.1). */
const shownAfterEnd = milliseconds(60_000);

interface RequestSteps {
  readonly store: Store;
  readonly log: PipelinePorts["log"];
  readonly now: PipelinePorts["clock"]["now"];
  readonly policy: () => Policy;
  readonly saidOf: (target: AttackTarget) => SaidOfTarget;
  readonly refusal: RequestRefusal;
  readonly identify: Pick<Identify, "asked">;
  readonly apply: ApplyEvent;
  readonly lookAgain: (id: MitigationId) => void;
  readonly noteConflicts: () => void;
  readonly isStopped: () => boolean;
}

/** From a request to its effect; each step is in a file of its own. */
function takeRequests(
  { store, log, now, policy, saidOf, refusal, identify, apply, lookAgain, noteConflicts: noteAll, isStopped }: RequestSteps,
): MitigationService["request"] {
  const latest = (mitigation: Mitigation): Mitigation => store.get(mitigation.id) ?? mitigation;

  const refresh = async ({ mitigation, lifetime, report }: Extract<AdmitResult, { is: "refresh" }>, { attackStatus }: ReadMitigation): Promise<Admission> => {
    const { id } = mitigation;
    // RFC 9132 §4.4.3: how the target fares, which nobody here can see.
    if (attackStatus !== null)
      log("info", `mitigation ${id}: the upstream says that ${attackStatus === 1 ? "the target is still under attack" : "the attack is mitigated"}`);
    await apply(id, { is: "refreshed", lifetime, report });
    // One that nobody was found for is on watch: it costs no lookup more.
    if (attackStatus === 1 && mitigation.devices.length > 0) lookAgain(id);
    return { is: "refreshed", mitigation: latest(mitigation) };
  };

  const admit = async ({ lifetime, overrides }: Extract<AdmitResult, { is: "new" }>, read: ReadMitigation): Promise<Admission> => {
    const fresh = newMitigation(store.newId(), { ...read.asked, lifetime: read.lifetime ?? lifetime }, lifetime, policy(), now());
    store.put(fresh);
    // What needs no consent is dropped where it leaves the home from the first moment; who sends it is found out meanwhile.
    if (policy().consent === "auto" && isSpecific(fresh.request) && !saidOf(fresh.request.target).any)
      await apply(fresh.id, { is: "found", devices: [], decision: decide([], policy()) });
    await identify.asked(fresh.id, overrides);
    const inherited = inheritedDecision(latest(fresh), overrides);
    if (inherited) await apply(fresh.id, inherited);
    const { outcome, conflict } = latest(fresh);
    if ((outcome === "rejected" || outcome === "denied") && conflict) return { is: "refused", refusal: { code: "4.09", conflict } };
    // Only now: what both cover stays blocked throughout, and a request that was refused replaces nothing.
    for (const overridden of overrides) await apply(overridden.id, { is: "overridden" });
    noteAll();
    return { is: "created", mitigation: latest(fresh) };
  };

  return async (read, ifMatch) => {
    const refused = await refusal.refusalOf(read);
    if (refused) return { is: "refused", refusal: refused };
    if (isStopped()) return { is: "ignored" };
    // From here to its place in the store nothing is awaited: two of the same mid must not both be new.
    const admitted = admitRequest(read.asked, read.lifetime, ifMatch, store.all(), policy(), now());
    switch (admitted.is) {
      case "ignored":
        return admitted;
      case "refused":
        refusal.turnedDown(read, admitted.refusal);
        return admitted;
      case "refresh":
        return refresh(admitted, read);
      case "new":
        return admit(admitted, read);
    }
  };
}

/** Wires the steps: a request becomes a mitigation, events move it on, and what the kernel counts comes back as events. */
export function createPipeline(initial: PipelineSettings, memory: Store, ports: PipelinePorts, heard: PipelineEvents): Pipeline {
  const { clock, steady } = ports;
  const { store, filter, log, events, isStopped, stop } = untilStopped(memory, ports, heard);
  let settings = initial;
  const policy = (): Policy => effectivePolicy(settings.policy, store, clock.now());
  const saidOf = (target: AttackTarget): SaidOfTarget => saidOfTarget(store.nos(), target, clock.now());
  const failed = (error: unknown): void => {
    log("error", `internal: ${errorText(error)}`);
  };
  const schedule = createSchedule(steady, failed);
  const common = { clock, steady, log, store, schedule, filter, policy, saidOf, ports, isStopped };

  const { apply, scheduleDeadline } = createApplyEvent({
    ...common,
    events,
    rules: () => rules,
    cutFlows: (mitigation) => {
      weighing.cutFlows(mitigation);
    },
  });
  const home = createLookup(ports, () => settings.ownerNames, store.devices());
  const decideAbout = createDecideAbout(common);
  const weighing = createFlowWeighing({
    ...common,
    flows: ports.flows,
    lookup: home,
    save: () => {
      events.remember();
    },
  });
  const identify = createIdentify({ ...common, lookup: home, weighing, decideAbout, apply });
  const remember: Identify["remember"] = (devices) => {
    identify.remember(devices);
  };
  const senders = createSenderWatch({ ...common, directory: ports.directory, homeNow: home.homeNow, decideAbout, apply, remember });
  const traffic = createTrafficLook({ ...common, enforce: () => rules.enforce(), count: () => (rules.isHolding() ? rules.count() : Promise.resolve()) });
  const rules = createRuleKeeper({ ...common, isWatched: traffic.isWatched },
    hearKernel({ ...common, homeNow: home.homeNow, decideAbout, apply, identify, senders, traffic }));
  const lookAgain = createLookAgain({ ...common, lookup: home.lookup, decideAbout, count: () => rules.count(), apply, joined: remember });
  const notes = createRefusalNotes(common);
  const refusal = createRequestRefusal({ ...common, lookup: home.lookup, decideAbout, notes, askedAgain: traffic.askedAgain });
  const { settingsChanged, ...adaptation } = createAdaptation({
    ...common,
    rules,
    apply,
    scheduleDeadline,
    remember: () => {
      events.remember();
    },
    resumed: (mitigation) => {
      identify.resumed(mitigation);
    },
  });

  return {
    ...adaptation,
    decideAbout,
    request: takeRequests({
      ...common,
      now: () => clock.now(),
      refusal,
      identify,
      apply,
      lookAgain,
      noteConflicts: () => {
        noteConflicts(store, (each) => {
          events.notifyUpstream(each);
        });
      },
    }),
    async decideByOwner(id, event) {
      const after = await apply(id, event);
      // The owner must not hold it for done.
      if (!after && isStopped()) throw new Error("the daemon is stopping");
      return after;
    },
    lookup: (asked) => home.lookup(asked, { depth: "explain" }),
    traffic: () => traffic.look(),
    settings: () => settings,
    warnings: () => [...rules.warnings(), ...notes.warnings(), ...store.all().flatMap((each) => leakWarning(each) ?? [])],
    mitigationsOf: (upstream, cuid) =>
      store.all().filter((each) =>
        each.request.upstream === upstream && each.request.cuid === cuid
        && (each.endedAt === undefined || Math.abs(between(each.endedAt, clock.now())) < shownAfterEnd)
      ),
    withdraw(upstream, cuid, mid) {
      const its = store.all().filter(({ request: each }) => each.upstream === upstream && each.cuid === cuid && each.mid === mid);
      const asked = its.find(isRequested) ?? its.findLast((each) => isLeftAlone(each, clock.now()));
      if (asked) apply(asked.id, { is: "withdrawn" }).catch(failed);
    },
    async reload(next) {
      settings = next;
      await settingsChanged();
    },
    relay: () => rules.enforce(),
    stop() {
      stop();
      rules.stop();
      schedule.stop();
    },
  };
}
