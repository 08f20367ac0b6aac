import type { NamedUpstream } from "../model/upstream-status.ts";
import type { MacAddress } from "../model/device.ts";
import { formatIpPrefix } from "../model/ip-prefix.ts";
import { isRequested, type Mitigation, type MitigationId } from "../model/mitigation.ts";
import { isAbout, questionAbout } from "../model/question.ts";
import { seconds, type WallClock, type WallInstant } from "../model/time.ts";
import type { Caller } from "../operator/caller.ts";
import { describeDevice, type DeviceView } from "../operator/describe-device.ts";
import { describeHistory } from "../operator/describe-history.ts";
import type { HistoryEntry } from "../model/history.ts";
import { describeLookup } from "../operator/describe-lookup.ts";
import { describeLeftAlone, describeMitigation, type MitigationView } from "../operator/describe-mitigation.ts";
import { describeTraffic } from "../operator/describe-traffic.ts";
import { describeStatus } from "../operator/describe-status.ts";
import { fail, toAttackFlows, type DecidedView, type Failed, type OperatorActions } from "../operator/methods.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { checkScope } from "../policy/check-scope.ts";
import type { Decision } from "../policy/decide.ts";
import type { MitigationEvent } from "../policy/mitigation-step.ts";
import { scopesOverlap } from "../policy/admit-request.ts";
import { saidOfTarget } from "../policy/owners-nos.ts";
import { canBlockAfterAll, canTakeBack } from "../policy/refused-by-owner.ts";
import { ownWan, type CameOver } from "../policy/other-wan.ts";
import { whyLeftAlone } from "../policy/why-left-alone.ts";
import type { HomeNetwork } from "../model/ports.ts";
import { TooManyLookups } from "../pipeline/share-lookups.ts";
import { effectivePolicy, mostPolicies, type RememberedDevice, type Store } from "../memory/store.ts";

export interface OperatorDeps {
  readonly version: string;
  readonly startedAt: WallInstant;
  readonly clock: WallClock;
  readonly network: HomeNetwork;
  /** Who made a device; null if that is not known. */
  vendorOf(mac: MacAddress): string | null;
  /** Also those that are disabled. */
  upstreams(): readonly NamedUpstream[];
  /** The way that an upstream's requests come. */
  wayOf(upstream: string): CameOver;
  /** Names of the upstreams that are dialled again; undefined if there is none of that name. */
  reconnect(upstream: string | undefined): readonly string[] | undefined;
  /** A sample message: undefined if there is no such receiver, else why it was not delivered, or null. */
  sendTest(notify: string): Promise<string | null> | undefined;
  warnings(): readonly string[];
  /** Writes what is remembered before it returns, if it can: a decision is saved before it is acknowledged. */
  rememberNow(): void;
}

type OwnerDecision = Extract<MitigationEvent, { readonly is: "approved" }> | { readonly is: "denied" | "released" };

/** In which states a decision can be made, and what a late or second one hears. Releasing what was denied takes that back. */
const decidable: Readonly<Record<OwnerDecision["is"], { readonly from: readonly Mitigation["state"][]; readonly otherwise: string }>> = {
  approved: {
    from: ["pending"],
    otherwise: "only a pending one can be approved, or one that nobody answered, or whose denial was taken back, while the upstream still asks",
  },
  denied: { from: ["pending"], otherwise: "only a pending one can be denied, an active one is released" },
  released: { from: ["active", "terminating"], otherwise: "there is nothing to release" },
};

/** The control methods, on the running daemon. */
export function operatorActions(pipeline: Pipeline, store: Store, around: OperatorDeps): OperatorActions {
  const policyNow = (): ReturnType<typeof effectivePolicy> => effectivePolicy(pipeline.settings().policy, store, around.clock.now());

  const view = (mitigation: Mitigation): MitigationView => {
    const now = around.clock.now();
    const leftAlone = newerOf(mitigation, store.all())
      ? undefined
      : whyLeftAlone(mitigation, policyNow(), saidOfTarget(store.nos(), mitigation.request.target, now), now);
    return { ...describeMitigation(mitigation), ...(leftAlone ? { left_alone: describeLeftAlone(leftAlone) } : {}) };
  };

  /** A rule of the owner's turns it down, not a no that this approval takes back. */
  const isBarred = async ({ devices, request: { target } }: Mitigation): Promise<boolean> => {
    const { isRefused } = saidOfTarget(store.nos(), target, around.clock.now());
    return (await pipeline.decideAbout(devices, target)).is === "reject" && !devices.some(isRefused);
  };

  /** Resolves when the decision is saved, if it can be. */
  const decideOn = async (id: MitigationId, event: OwnerDecision, caller: Caller): Promise<DecidedView | Failed> => {
    const before = store.get(id);
    if (!before) return fail("not-found", `there is no mitigation ${id}`);
    const { from, otherwise } = decidable[event.is];
    const isTakenBack = (each: Mitigation): boolean => event.is === "released" && canTakeBack(each, around.clock.now());
    const isBlockedAfterAll = (each: Mitigation): boolean =>
      event.is === "approved" && canBlockAfterAll(each, around.clock.now()) && newerOf(each, store.all()) === undefined;
    const canBe = (each: Mitigation): boolean => from.includes(each.state) || isTakenBack(each) || isBlockedAfterAll(each);
    const newer = event.is === "approved" && before.state === "ended" ? newerOf(before, store.all()) : undefined;
    if (event.is === "approved" && before.outcome === "rejected" && await isBarred(before)) {
      return fail("wrong-state",
        `mitigation ${id} was turned down by a rule: change the device's policy first (dots-callhome policy), or never_block in the configuration`);
    }
    if (newer) return fail("wrong-state", `mitigation ${id} is ended, and mitigation ${newer.id} asks for the same now: decide on that one`);
    if (!canBe(before)) return fail("wrong-state", `mitigation ${id} is ${before.state}${before.outcome ? ` (${before.outcome})` : ""}: ${otherwise}`);
    // The answer to a question is one to all requests that ask it. The first of them goes last, so that it stays the question until then.
    const same = before.state === "pending"
      ? questionAbout(before.devices, store.all())
      : isTakenBack(before)
      ? store.all().filter((each) => isTakenBack(each) && isAbout(before.devices, each))
      : [];
    const others = same.filter((each) => each.id !== id);
    const also: MitigationId[] = [];
    const [first = before, ...later] = [...others, before].sort((a, b) => a.id - b.id);
    const decide = async (each: Mitigation): Promise<void> => {
      // Two people at once: while one's decision was carried out the other's may have come.
      if (!canBe(store.get(each.id) ?? each)) return;
      const after = (await pipeline.decideByOwner(each.id, event)) ?? each;
      store.record(historyOf(after, event.is, "owner", around.clock.now(), caller));
      if (each.id !== id) also.push(each.id);
    };
    // At once, so that hundreds of requests that ask the same take a transaction together, and not one each.
    await Promise.all(later.reverse().map(decide));
    await decide(first);
    // The no is about the device and the target: what other requests do to them ends too.
    if (event.is !== "approved") await pipeline.policyChanged();
    around.rememberNow();
    const after = view(store.get(id) ?? before);
    return also.length === 0 ? after : { ...after, also: also.sort((a, b) => a - b) };
  };

  const deviceView = (device: RememberedDevice): DeviceView => {
    const configured = pipeline.settings().policy.devices.find((each) => each.mac === device.mac)?.policy ?? null;
    const consent = pipeline.settings().policy.consent;
    return describeDevice({
      ...device,
      vendor: around.vendorOf(device.mac),
      policy: device.policy ?? configured ?? (consent === "observe" ? "ask" : consent),
      policyFrom: device.policy !== null ? "owner" : configured !== null ? "config" : "default",
      stoppedBy: store.all().filter((each) =>
        (each.state === "active" || each.state === "terminating") && each.action !== "observe"
        && each.devices.some(({ mac }) => mac === device.mac)
      ).map(({ id }) => id),
    });
  };

  return {
    status: async () =>
      describeStatus({
        version: around.version,
        startedAt: around.startedAt,
        now: around.clock.now(),
        upstreams: await upstreamsWithWans(around),
        mitigations: store.all(),
        warnings: [...around.warnings(), ...pipeline.warnings()],
      }),
    list: ({ state }) => ({
      mitigations: store.all().filter((each) => state === undefined || each.state === state).sort((a, b) => b.id - a.id).map(view),
    }),
    approve: ({ id, action, seconds: span }, caller) =>
      decideOn(id, { is: "approved", action: action ?? null, seconds: span === undefined ? null : seconds(span) }, caller),
    deny: ({ id }, caller) => decideOn(id, { is: "denied" }, caller),
    release: ({ id }, caller) => decideOn(id, { is: "released" }, caller),
    devices: () => ({ devices: [...store.devices()].reverse().map(deviceView) }),
    async policy({ mac, policy }, { who, via }) {
      const device = store.devices().find((each) => each.mac === mac);
      if (!device) return fail("not-found", `no request ever named ${mac}; a device can also be given a policy in the configuration`);
      const changed = { ...device, policy };
      if (device.policy === null && store.devices().filter((each) => each.policy !== null).length >= mostPolicies) {
        return fail("wrong-state", `there are policies for ${mostPolicies} devices already; the configuration takes more`);
      }
      store.rememberDevice(changed);
      store.record({
        at: around.clock.now(),
        event: "policy",
        by: "owner",
        who,
        via,
        mitigation: null,
        upstream: null,
        outcome: null,
        action: null,
        devices: [{ mac, name: device.name }],
        target: [],
        dropped: null,
        reason: `from now on: ${policy}`,
      });
      await pipeline.policyChanged();
      around.rememberNow();
      return deviceView(changed);
    },
    history: ({ limit = 50 }) => ({ history: [...store.history()].reverse().slice(0, limit).map(describeHistory) }),
    async lookup(params) {
      const asked = toAttackFlows(params);
      const refusal = checkScope(asked, await around.network.addresses(), policyNow());
      const finding = await pipeline.lookup(asked).catch((error: unknown) => {
        if (error instanceof TooManyLookups) return undefined;
        throw error;
      });
      if (!finding) return fail("busy", "too many lookups are under way: try again in a moment");
      const { devices, routerItself, witnesses, why } = finding;
      const refused = refusal && "diagnostic" in refusal ? [`refuse the request: ${refusal.diagnostic}`] : undefined;
      const targets = asked.target.prefixes.map(formatIpPrefix).join(", ");
      return describeLookup({ devices, routerItself, witnesses, why, would: refused ?? wouldDo(await pipeline.decideAbout(devices, asked.target), targets) });
    },
    async test({ notify }) {
      const sent = around.sendTest(notify);
      if (!sent) return fail("not-found", `there is no receiver '${notify}': the configuration has no section config notify '${notify}'`);
      const problem = await sent;
      return { notify, delivered: problem === null, problem };
    },
    traffic: async () => describeTraffic(await pipeline.traffic(), around.clock.now()),
    reconnect({ upstream }) {
      const upstreams = around.reconnect(upstream);
      return upstreams ? { upstreams } : fail("not-found", `there is no upstream '${upstream ?? ""}' that is dialled`);
    },
  };
}

function wouldDo(decision: Decision, targets: string): string[] {
  if (decision.devices.length === 0) return ["watch for the device until the request ends"];
  return decision.devices.map((device) => {
    const who = device.name ?? device.mac ?? device.addresses.join(", ");
    switch (decision.is) {
      case "observe":
        return `only report ${who} -> ${targets}`;
      case "reject":
        return `tell the upstream that ${who} is not to be touched`;
      case "ask":
        return `${decision.action} ${who} -> ${targets} after asking`;
      case "act":
        return `${decision.action} ${who} -> ${targets} at once`;
    }
  });
}

/** What its client asks for instead now, or again. */
function newerOf({ id, request }: Mitigation, all: readonly Mitigation[]): Mitigation | undefined {
  return all.find((each) =>
    each.id > id && isRequested(each) && each.request.upstream === request.upstream && each.request.cuid === request.cuid
    && (each.request.mid === request.mid || scopesOverlap(each.request, request))
  );
}

/** A line of history about a mitigation; with the caller where it was a person. */
export function historyOf(mitigation: Mitigation, event: HistoryEntry["event"], by: HistoryEntry["by"], at: WallInstant, caller?: Caller): HistoryEntry {
  return {
    at,
    event,
    by,
    who: caller?.who ?? null,
    via: caller?.via ?? null,
    mitigation: mitigation.id,
    upstream: mitigation.request.upstream,
    outcome: mitigation.outcome,
    action: mitigation.action,
    devices: mitigation.devices.map(({ mac, name }) => ({ mac, name })),
    target: mitigation.request.target.prefixes.map(formatIpPrefix),
    dropped: mitigation.state === "ended" ? mitigation.dropped : null,
    reason: reasonOf(mitigation, event, at),
  };
}

function reasonOf(mitigation: Mitigation, event: HistoryEntry["event"], at: WallInstant): string {
  if (event === "approved") return `allowed by the owner: ${mitigation.action}`;
  if (event === "denied") return "the owner says that it is not an attack";
  if (event === "released") return mitigation.isTakenBack === true ? "the owner has taken the refusal back" : "the owner ended it";
  switch (mitigation.outcome) {
    case "withdrawn":
      return "the upstream withdrew its request";
    case "expired":
      return "the time that the upstream asked for is over";
    case "denied":
      return mitigation.decidedBy === "owner" ? "the owner says that it is not an attack" : "nobody answered in time";
    case "released":
      return mitigation.allowedUntil !== null && mitigation.allowedUntil <= at ? "the time that the owner gave it is over" : "ended by the owner";
    case "overridden":
      return "replaced by a newer request of the same upstream";
    case "rejected":
      return "the device is never to be touched";
    case "unattributed":
      return "no device was found";
    case null:
      return "";
  }
}

/** Of several, which is which: the WAN of each, as far as it is known. */
async function upstreamsWithWans(around: OperatorDeps): Promise<(NamedUpstream & { readonly wan?: string })[]> {
  const all = around.upstreams();
  if (all.length < 2) return [...all];
  const { wans } = await around.network.addresses().catch(() => ({ wans: [] }));
  return all.map((upstream) => {
    const wan = ownWan(wans, around.wayOf(upstream.name))?.device;
    return wan === undefined ? upstream : { ...upstream, wan };
  });
}
