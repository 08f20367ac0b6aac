import assert from "node:assert/strict";
import { test } from "node:test";
import { createObservers, type Observers } from "../../../src/callhome-server/dots/observers.ts";
import { fakeClock, start, type FakeClock } from "../../fake-clock.ts";
import { bytes, hex } from "../wire.ts";
import { between } from "../../../src/model/time.ts";

interface Watched {
  readonly observers: Observers;
  readonly clock: FakeClock;
  /** Notifications since last asked: seconds since the beginning, token, code, Observe, Max-Age (here: the state). */
  readonly told: () => string[];
  /** What a resource is now: a number, `final`, or gone. */
  readonly state: Map<string, { readonly value: number; readonly final?: boolean } | undefined>;
  readonly watch: (token: string, resource: string) => number | undefined;
}

function watched(): Watched {
  const clock = fakeClock();
  const state: Watched["state"] = new Map();
  let log: string[] = [];
  const observers = createObservers(clock.steady, ({ token }, { code, observe, maxAge }) => {
    log.push(`${(between(start, clock.now())) / 1000} ${hex(token)} ${code} ${observe ?? "-"} ${maxAge ?? "-"}`);
  }, () => 16);
  return {
    observers,
    clock,
    state,
    told() {
      const told = log;
      log = [];
      return told;
    },
    watch: (token, resource) =>
      observers.add({
        token: bytes(token),
        resource,
        path: [],
        query: [],
        represent() {
          const now = state.get(resource);
          return now && { response: { code: "2.05", maxAge: now.value }, final: now.final ?? false };
        },
      }),
  };
}

const everything = (): boolean => true;

test("a change is told at once, with the state of that moment", () => {
  const { observers, state, watch, told } = watched();
  state.set("a", { value: 1 });
  assert.equal(watch("01", "a"), 1);
  state.set("a", { value: 2 });
  observers.changed((resource) => resource === "a");
  assert.deepEqual(told(), ["0 01 2.05 2 2"]);
});

test("what does not concern an observer is not told", () => {
  const { observers, state, watch, told } = watched();
  state.set("a", { value: 1 });
  watch("01", "a");
  observers.changed((resource) => resource === "b");
  assert.deepEqual(told(), []);
});

test("3 seconds between notifications; changes in the gap become one, with the last state", () => {
  const { observers, clock, state, watch, told } = watched();
  watch("01", "a");
  for (const value of [1, 2, 3, 4]) {
    state.set("a", { value });
    observers.changed(everything);
    clock.skip(500);
  }
  clock.skip(10_000);
  assert.deepEqual(told(), ["0 01 2.05 2 1", "3 01 2.05 3 4"]);
  assert.equal(clock.waiting(), 0);
});

test("3 seconds between any two notifications of a session, and each observer has its turn (§4.4.2.1)", () => {
  const { observers, clock, state, watch, told } = watched();
  state.set("a", { value: 1 });
  for (const token of ["01", "02", "03"]) watch(token, "a");
  observers.changed(everything);
  clock.skip(1_000);
  observers.changed(everything);
  clock.skip(20_000);
  assert.deepEqual(told(), ["0 01 2.05 2 1", "3 02 2.05 2 1", "6 03 2.05 2 1", "9 01 2.05 3 1"]);
});

test("a final state is told, and then nothing more", () => {
  const { observers, clock, state, watch, told } = watched();
  watch("01", "a");
  state.set("a", { value: 6, final: true });
  observers.changed(everything);
  clock.skip(10_000);
  observers.changed(everything);
  assert.deepEqual(told(), ["0 01 2.05 2 6"]);
});

test("what is gone is told by a 4.04 without Observe, once (RFC 7641 §4.2)", () => {
  const { observers, clock, watch, told } = watched();
  watch("01", "a");
  observers.changed(everything);
  clock.skip(10_000);
  observers.changed(everything);
  assert.deepEqual(told(), ["0 01 4.04 - -"]);
});

test("a repetition tells everybody, in turn", () => {
  const { observers, clock, state, watch, told } = watched();
  state.set("a", { value: 1 });
  state.set("b", { value: 2 });
  watch("01", "a");
  watch("02", "b");
  observers.repeat();
  clock.skip(10_000);
  assert.deepEqual(told(), ["0 01 2.05 2 1", "3 02 2.05 2 2"]);
});

test("the same token again replaces its registration, and its sequence goes on", () => {
  const { observers, state, watch, told } = watched();
  state.set("a", { value: 1 });
  state.set("b", { value: 2 });
  assert.deepEqual([watch("01", "a"), watch("01", "b")], [1, 2]);
  observers.changed((resource) => resource === "a");
  observers.changed((resource) => resource === "b");
  assert.deepEqual(told(), ["0 01 2.05 3 2"]);
});

test("a re-registration in the gap does not shorten it", () => {
  const { observers, clock, state, watch, told } = watched();
  state.set("a", { value: 1 });
  watch("01", "a");
  observers.changed(everything);
  clock.skip(1_000);
  watch("01", "a");
  observers.changed(everything);
  clock.skip(10_000);
  assert.deepEqual(told().map((line) => line.split(" ")[0]), ["0", "3"]);
});

test("who is removed while a notification waits gets none", () => {
  const { observers, clock, state, watch, told } = watched();
  state.set("a", { value: 1 });
  watch("01", "a");
  watch("02", "a");
  observers.changed(everything);
  observers.remove(bytes("02"));
  observers.remove(bytes("99"));
  clock.skip(10_000);
  assert.deepEqual(told(), ["0 01 2.05 2 1"]);
});

test("changes come before repetitions: with 16 observers the one that changed waits for no other", () => {
  const { observers, clock, state, watch, told } = watched();
  for (let token = 1; token <= 16; token++) {
    state.set(`r${token}`, { value: token });
    watch(token.toString(16).padStart(2, "0"), `r${token}`);
  }
  observers.repeat();
  clock.skip(1_000);
  observers.changed((resource) => resource === "r16");
  clock.skip(5_000);
  assert.deepEqual(told(), ["0 01 2.05 2 1", "3 10 2.05 2 16", "6 02 2.05 2 2"]);
  observers.repeat();
  clock.skip(60_000);
  assert.equal(told().length, 16, "each of the others has its turn");
});

test("what has changed and is repeated meanwhile is told once", () => {
  const { observers, clock, state, watch, told } = watched();
  state.set("a", { value: 1 });
  watch("01", "a");
  observers.changed(everything);
  observers.repeat();
  observers.changed(everything);
  observers.repeat();
  clock.skip(10_000);
  assert.deepEqual(told(), ["0 01 2.05 2 1", "3 01 2.05 3 1"]);
});

test("a query that is longer than any that means something is not kept", () => {
  const { observers } = watched();
  const add = (token: string, query: string): number | undefined =>
    observers.add({ token: bytes(token), query: [query], resource: "a", path: [], represent: () => undefined });
  assert.deepEqual([add("01", "c=n"), add("02", "x".repeat(255))], [1, undefined]);
});

test("as many observers as it may have, and no more; a known one can always come again", () => {
  const { watch, observers } = watched();
  for (let token = 1; token <= 16; token++) assert.equal(watch(token.toString(16).padStart(2, "0"), "a"), 1);
  assert.equal(watch("11", "a"), undefined);
  assert.equal(watch("01", "a"), 2);
  observers.remove(bytes("02"));
  assert.equal(watch("11", "a"), 1);
});

test("a flood of changes leaves one timer", () => {
  const { observers, clock, state, watch, told } = watched();
  state.set("a", { value: 1 });
  for (let token = 1; token <= 16; token++) watch(token.toString(16).padStart(2, "0"), "a");
  for (let change = 0; change < 10_000; change++) observers.changed(everything);
  assert.deepEqual([told().length, clock.waiting()], [1, 1]);
});

test("close() tells nobody any more", () => {
  const { observers, clock, state, watch, told } = watched();
  state.set("a", { value: 1 });
  watch("01", "a");
  watch("02", "a");
  observers.changed(everything);
  observers.close();
  clock.skip(10_000);
  observers.changed(everything);
  assert.deepEqual([told().length, clock.waiting()], [1, 0]);
});
