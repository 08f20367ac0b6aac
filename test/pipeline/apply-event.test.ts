import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createStore, nothingRemembered } from "../../src/memory/store.ts";
import type { FilterCount } from "../../src/model/enforcement.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { createSchedule } from "../../src/model/schedule.ts";
import { shiftMitigation } from "../../src/model/shift-mitigation.ts";
import { between, milliseconds, type WallInstant } from "../../src/model/time.ts";
import { createApplyEvent, type EventApplier } from "../../src/pipeline/apply-event.ts";
import { noteConflicts } from "../../src/pipeline/conflicts.ts";
import { fakeClock, type FakeClock } from "../fake-clock.ts";
import { active, autoPolicy, camera, dropping, ended, pending, terminating } from "../policy/samples.ts";

interface Played extends EventApplier {
  readonly clock: FakeClock;
  readonly happened: string[];
  readonly state: () => Mitigation | undefined;
}

/** One mitigation; what the kernel holds of it is counted as it says. */
function play(mitigation: Mitigation,
  { isHolding = true, counts = [] }: { isHolding?: boolean; counts?: readonly (readonly [number, FilterCount])[] } = {}): Played {
  const fake = fakeClock();
  const store = createStore({ ...nothingRemembered, mitigations: [mitigation] });
  const happened: string[] = [];
  // As the system's clock: a jump is told when the time is asked for, before it is answered.
  let known: WallInstant | undefined;
  const clock: FakeClock = {
    ...fake,
    now() {
      const now = fake.now();
      const by = known === undefined ? milliseconds(0) : between(known, now);
      known = now;
      if (by > 3_600_000) { for (const each of store.all()) store.put(shiftMitigation(each, by)); }
      return now;
    },
  };
  const note = (what: string) => (): void => {
    happened.push(what);
  };
  const applier = createApplyEvent({
    clock,
    store,
    log: () => undefined,
    schedule: createSchedule(clock, (error) => {
      throw error;
    }),
    policy: () => autoPolicy,
    isStopped: () => false,
    cutFlows: note("cut flows"),
    events: {
      notifyUpstream: ({ status }) => {
        happened.push(`tell upstream ${status}`);
      },
      tellOwner: (_mitigation, event) => {
        happened.push(`tell owner ${event}`);
      },
      remember: note("remember"),
    },
    rules: () => ({
      isHolding: () => isHolding,
      enforce: () => Promise.resolve().then(note("enforce")),
      counts: () => {
        happened.push("count");
        return Promise.resolve(new Map(counts));
      },
    }),
  });
  return { ...applier, clock, happened, state: () => store.get(mitigation.id) };
}

describe("apply", () => {
  it("notices that the clock has jumped before it looks at what is left of a lifetime", async () => {
    const { apply, clock, state } = play(dropping);
    clock.now();
    clock.jump(12 * 365 * 86_400_000);
    await apply(dropping.id, { is: "counted", dropped: { packets: 300, bytes: 18_000 } });
    assert.equal(state()?.state, "active");
    await apply(dropping.id, { is: "time" });
    assert.equal(state()?.state, "active");
  });

  it("performs the effects one after the other, as the state machine says", async () => {
    const { apply, happened } = play(pending);
    const after = await apply(pending.id, { is: "approved", action: null, seconds: null });
    assert.equal(after?.state, "active");
    assert.deepEqual(happened.slice(-5), ["enforce", "cut flows", "tell upstream 1", "tell owner approved", "remember"]);
  });

  it("reads what was dropped before an end, while the kernel still has it", async () => {
    const { apply, happened, state } = play(dropping, { counts: [[dropping.id, { packets: 250, bytes: 15_000 }]] });
    await apply(dropping.id, { is: "released" });
    assert.equal(happened[0], "count");
    assert.deepEqual([state()?.state, state()?.dropped.packets], ["ended", 250]);
    const nothingHeld = play(dropping, { isHolding: false });
    await nothingHeld.apply(dropping.id, { is: "released" });
    assert.ok(!nothingHeld.happened.includes("count"));
  });

  it("has time do its work: the terminating period ends by itself", async () => {
    const { scheduleDeadline, clock, state } = play(terminating);
    scheduleDeadline(terminating.id);
    await clock.advance(119_000);
    assert.equal(state()?.state, "terminating");
    await clock.advance(1_000);
    assert.deepEqual([state()?.state, clock.waiting()], ["ended", 0]);
  });

  it("does nothing about a mitigation that is not there", async () => {
    const { apply, happened } = play(active);
    assert.equal(await apply(active.id + 1, { is: "denied" }), undefined);
    assert.deepEqual(happened.filter((what) => what !== "count"), []);
  });
});

describe("noteConflicts", () => {
  it("tells both upstreams of one conflict once, and of its end", () => {
    const of = (id: number, upstream: string, more: Partial<Mitigation> = {}): Mitigation => ({
      ...active,
      ...more,
      id,
      devices: [camera],
      request: { ...active.request, upstream },
    });
    const store = createStore({ ...nothingRemembered, mitigations: [of(1, "isp"), of(2, "other")] });
    const told: string[] = [];
    const note = (): void => {
      noteConflicts(store, ({ id, conflict }) => {
        told.push(`${id} ${conflict?.cause ?? "none"}`);
      });
    };
    note();
    note();
    assert.equal(told.length, 2);
    assert.ok(told.every((line) => !line.endsWith("none")), told.join());
    store.put({ ...of(1, "isp"), ...{ state: "ended", outcome: ended.outcome } });
    note();
    assert.deepEqual(told.slice(2), ["2 none"]);
  });
});
