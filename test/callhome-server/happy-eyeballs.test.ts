import assert from "node:assert/strict";
import { test } from "node:test";
import { NothingSent } from "../../src/callhome-server/backoff.ts";
import { attemptDelay, orderCandidates, raceCandidates, waysTo, type Candidate, type LastWinner } from "../../src/callhome-server/happy-eyeballs.ts";
import { fakeClock, settle, steadyStart, type FakeClock } from "../fake-clock.ts";
import { between, later, milliseconds, steadyInstant } from "../../src/model/time.ts";

const addresses = [
  { address: "203.0.113.1", family: 4 },
  { address: "2001:db8::1", family: 6 },
  { address: "203.0.113.2", family: 4 },
] as const;
const port = 4647;
const text = ({ address, transport }: Candidate): string => `${transport} ${address}`;
const inOrder = ["udp 2001:db8::1", "udp 203.0.113.1", "udp 203.0.113.2", "tcp 2001:db8::1", "tcp 203.0.113.1", "tcp 203.0.113.2"];

test("the order of RFC 9132 §4.3: UDP over IPv6, UDP over IPv4, TCP over IPv6, TCP over IPv4", () => {
  assert.deepEqual(orderCandidates(waysTo(addresses, ["udp", "tcp"], port), undefined, steadyStart).map(text), inOrder);
  assert.deepEqual(orderCandidates(waysTo(addresses, ["tcp"], port), undefined, steadyStart).map(text), inOrder.slice(3));
  assert.deepEqual(orderCandidates(waysTo([], ["udp"], port), undefined, steadyStart), []);
});

test("not more than three addresses of a family: a name with hundreds is no flood", () => {
  const many = Array.from({ length: 300 }, (_, at) => ({ address: `2001:db8::${at.toString(16)}`, family: 6 as const }));
  assert.equal(orderCandidates(waysTo([...many, ...addresses], ["udp", "tcp"], port), undefined, steadyStart).length, 2 * (3 + 2));
});

test("what worked within the last 10 minutes comes first, then the usual order; no longer, and not if it is gone", () => {
  const last: LastWinner = { candidate: { address: "203.0.113.1", family: 4, port, transport: "tcp" }, at: steadyStart };
  const ordered = (after: number, from: readonly { address: string; family: 4 | 6 }[] = addresses): string[] =>
    orderCandidates(waysTo(from, ["udp", "tcp"], port), last, later(steadyStart, milliseconds(after))).map(text);
  const preferred = ["tcp 203.0.113.1", ...inOrder.filter((each) => each !== "tcp 203.0.113.1")];
  assert.deepEqual(ordered(0), preferred);
  assert.deepEqual(ordered(599_999), preferred);
  assert.deepEqual(ordered(600_000), inOrder);
  assert.deepEqual(ordered(-5_000), inOrder, "a clock that was set back");
  assert.deepEqual(ordered(0, addresses.slice(1)), inOrder.filter((each) => !each.endsWith("203.0.113.1")));
  assert.deepEqual(orderCandidates(waysTo(addresses, ["udp"], port), last, steadyStart).map(text), inOrder.slice(0, 3),
    "a transport that is not configured any more");
});

interface Dialled {
  readonly candidate: Candidate;
  readonly signal: AbortSignal;
  readonly at: number;
  succeed(): Promise<void>;
  fail(why: string): Promise<void>;
}

interface UnderTest {
  readonly clock: FakeClock;
  readonly dialled: Dialled[];
  readonly discarded: string[];
  readonly abort: AbortController;
  readonly outcome: Promise<string>;
  /** What was dialled so far, with milliseconds since the start. */
  dials(): string[];
  attempt(at: number): Dialled;
}

/** A race of the first `count` candidates; results are called like their candidates. */
function race(count: number, delay: number = attemptDelay.idle, abort = new AbortController()): UnderTest {
  const clock = fakeClock();
  const dialled: Dialled[] = [];
  const discarded: string[] = [];
  const outcome = raceCandidates<string>({
    candidates: orderCandidates(waysTo(addresses, ["udp", "tcp"], port), undefined, steadyStart).slice(0, count),
    delay: milliseconds(delay),
    clock: clock.steady,
    signal: abort.signal,
    discard: (result) => {
      discarded.push(result);
    },
    dial: (candidate, signal) =>
      new Promise((resolve, reject) => {
        dialled.push({
          candidate,
          signal,
          at: between(steadyStart, clock.steady.now()),
          succeed: () => {
            resolve(text(candidate));
            return settle();
          },
          fail: (why) => {
            reject(new Error(why));
            return settle();
          },
        });
      }),
  }).then(({ result, winner }) => {
    assert.equal(result, text(winner));
    return result;
  }, (error: unknown) => `failed: ${error instanceof Error ? error.message : String(error)}`);
  return {
    clock,
    dialled,
    discarded,
    abort,
    outcome,
    dials: () => dialled.map(({ candidate, at }) => `${at} ${text(candidate)}`),
    attempt(at) {
      const found = dialled[at];
      assert.ok(found);
      return found;
    },
  };
}

test("one after the other, 250 ms apart (RFC 8305 §5), 100 ms during an attack", async () => {
  const idle = race(4);
  await idle.clock.advance(10_000);
  assert.deepEqual(idle.dials(), inOrder.slice(0, 4).map((each, at) => `${250 * at} ${each}`));
  const attacked = race(4, attemptDelay.mitigating);
  await attacked.clock.advance(10_000);
  assert.deepEqual(attacked.dialled.map(({ at }) => at), [0, 100, 200, 300]);
  assert.equal(idle.clock.waiting(), 0);
});

test("the first that succeeds wins; those under way are called off, the others never begin", async () => {
  const it = race(6);
  await it.clock.advance(300);
  await it.attempt(1).succeed();
  assert.equal(await it.outcome, "udp 203.0.113.1");
  assert.deepEqual(it.dialled.map(({ signal }) => signal.aborted), [true, false]);
  await it.clock.advance(10_000);
  assert.equal(it.dialled.length, 2);
  assert.equal(it.clock.waiting(), 0);
});

test("a session that comes too late is discarded", async () => {
  const it = race(2);
  await it.clock.advance(300);
  await it.attempt(1).succeed();
  await it.attempt(0).succeed();
  assert.equal(await it.outcome, "udp 203.0.113.1");
  assert.deepEqual(it.discarded, ["udp 2001:db8::1"]);
});

test("one that fails has the next begin at once", async () => {
  const it = race(3);
  await it.clock.advance(100);
  await it.attempt(0).fail("no route");
  assert.deepEqual(it.dials(), ["0 udp 2001:db8::1", "100 udp 203.0.113.1"]);
  await it.clock.advance(250);
  assert.equal(it.dialled.length, 3, "and the delay counts from there");
  assert.equal(it.attempt(2).at, 350);
});

test("all have failed: an error with the reason of each", async () => {
  const it = race(2);
  await it.attempt(0).fail("no answer");
  await it.attempt(1).fail("wrong key");
  assert.equal(await it.outcome, "failed: 2001:db8::1 over udp: no answer; 203.0.113.1 over udp: wrong key");
});

test("the last to begin is not the last to fail: the others are waited for", async () => {
  const it = race(2);
  await it.clock.advance(300);
  await it.attempt(1).fail("refused");
  await it.clock.advance(20_000);
  await it.attempt(0).succeed();
  assert.equal(await it.outcome, "udp 2001:db8::1");
});

test("called off: before and in the middle; nobody to dial", async () => {
  const before = new AbortController();
  before.abort();
  const never = race(2, 250, before);
  assert.equal(await never.outcome, "failed: aborted");
  assert.equal(never.dialled.length, 0);
  const middle = race(3);
  await middle.clock.advance(300);
  middle.abort.abort();
  assert.equal(await middle.outcome, "failed: aborted");
  assert.ok(middle.dialled.every(({ signal }) => signal.aborted));
  await middle.attempt(0).succeed();
  assert.deepEqual(middle.discarded, ["udp 2001:db8::1"]);
  assert.equal(await race(0).outcome, "failed: there is no address to dial");
});

test("what failed within ten minutes is tried last, and then in its old place again", () => {
  const addresses = [{ address: "2001:db8::1", family: 6 as const }, { address: "203.0.113.1", family: 4 as const }];
  const failed = new Map([["udp 2001:db8::1 4647", steadyInstant(1_000)]]);
  const order = (now: number): string[] =>
    orderCandidates(waysTo(addresses, ["udp", "tcp"], port), undefined, steadyInstant(now), failed).map(({ transport, family }) => `${transport}${family}`);
  assert.deepEqual(order(2_000), ["udp4", "tcp6", "tcp4", "udp6"]);
  assert.deepEqual(order(601_000), ["udp6", "udp4", "tcp6", "tcp4"]);
});

test("all that were dialled sent nothing: that is what is said; one that did is enough", async () => {
  const verdict = (second: Error): Promise<unknown> =>
    raceCandidates<string>({
      candidates: orderCandidates(waysTo(addresses, ["udp", "tcp"], port), undefined, steadyStart).slice(0, 2),
      delay: milliseconds(250),
      clock: fakeClock().steady,
      signal: new AbortController().signal,
      dial: ({ family }) => Promise.reject(family === 6 ? new NothingSent("no route") : second),
      discard: () => undefined,
    }).catch((error: unknown) => error);
  assert.ok(await verdict(new NothingSent("no address")) instanceof NothingSent);
  assert.equal(await verdict(new Error("no answer")) instanceof NothingSent, false);
});
