import assert from "node:assert/strict";
import { test } from "node:test";
import { createTrafficBook } from "../../src/pipeline/traffic-book.ts";
import { startPlus } from "../fake-clock.ts";
import { cameraMac, fakeHome } from "./fake-home.ts";
import { later, milliseconds, type WallInstant } from "../../src/model/time.ts";

const second = 1_000;
const at = (seconds: number): WallInstant => startPlus(seconds * second);

test("rates come of successive counts: what is sent, what of it leaves; a pause and a new beginning are noticed", () => {
  const book = createTrafficBook();
  book.note(1, { packets: 0, bytes: 0, leaked: { packets: 0, bytes: 0 } }, at(0));
  assert.deepEqual(book.read(1, at(0)), { mitigation: 1, samples: [], now: null, isSending: false, lastSentAt: null, pausedAt: null });
  book.note(1, { packets: 0, bytes: 0, leaked: { packets: 500, bytes: 0 } }, at(5));
  book.note(1, { packets: 400, bytes: 0, leaked: { packets: 600, bytes: 0 } }, at(10));
  assert.deepEqual(book.read(1, at(10))?.samples, [{ at: at(5), sent: 100, passed: 100 }, { at: at(10), sent: 100, passed: 20 }]);
  assert.deepEqual(book.read(1, at(10))?.now, { sent: 100, passed: 20 });
  book.note(1, { packets: 400, bytes: 0, leaked: { packets: 600, bytes: 0 } }, at(25));
  assert.deepEqual([book.read(1, at(25))?.isSending, book.read(1, at(25))?.lastSentAt, book.read(1, at(25))?.pausedAt], [false, at(10), null],
    "it has stopped");
  book.note(1, { packets: 450, bytes: 0, leaked: { packets: 600, bytes: 0 } }, at(30));
  assert.deepEqual([book.read(1, at(30))?.isSending, book.read(1, at(30))?.pausedAt], [true, at(10)], "it sends again");
  assert.equal(book.read(1, at(60))?.now, null, "nobody has counted since");
});

test("five minutes, sixty samples and sixty-four mitigations are all that is kept, however often it is counted; counters that begin anew begin a new page", () => {
  const book = createTrafficBook();
  for (let time = 0; time <= 900; time++) book.note(1, { packets: time * 10, bytes: 0 }, at(time));
  const { samples } = book.read(1, at(900)) ?? { samples: [] };
  assert.ok(samples.length > 50 && samples.length <= 60, String(samples.length));
  assert.ok(samples.every((each) => each.at > at(600) && each.sent === 10));
  book.note(1, { packets: 3, bytes: 0 }, at(901));
  assert.deepEqual(book.read(1, at(901))?.samples, []);
  for (let id = 2; id <= 70; id++) book.note(id, { packets: 0, bytes: 0 }, at(0));
  assert.equal([...Array(71).keys()].filter((id) => book.read(id, at(0))).length, 64);
});

test("what is left alone is counted while somebody looks, and only then", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask();
  await home.pipeline.decideByOwner(1, { is: "denied" });
  assert.deepEqual(home.reported()?.flows ?? [], []);
  assert.deepEqual(await home.pipeline.traffic(), []);
  assert.deepEqual(home.reported()?.flows.map(({ mitigation, action }) => [mitigation, action]), [[1, "watch"]]);
  home.counts.set(1, { packets: 0, bytes: 0, leaked: { packets: 100, bytes: 1 } });
  await home.clock.advance(3 * second);
  await home.pipeline.traffic();
  home.counts.set(1, { packets: 0, bytes: 0, leaked: { packets: 400, bytes: 1 } });
  await home.clock.advance(3 * second);
  const [seen] = await home.pipeline.traffic();
  assert.ok(seen?.isSending && seen.samples.some(({ sent, passed }) => sent > 0 && sent === passed), JSON.stringify(seen));
  assert.equal(home.only().outcome, "denied", "nothing is done to it");
  await home.clock.advance(60 * second);
  assert.deepEqual(home.reported()?.flows, [], "nobody looks any more");
});

test("a provider that asks again for what is left alone is noticed, until it withdraws it", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask({}, false, 60);
  await home.pipeline.decideByOwner(1, { is: "denied" });
  await home.clock.advance(50 * second);
  await home.ask({ mid: 99 }, false, 600);
  await home.clock.advance(60 * second);
  assert.equal(home.only().askedAgainUntil, later(home.clock.now(), milliseconds(540 * second)));
  await home.pipeline.decideByOwner(1, { is: "released" });
  const after = await home.pipeline.decideByOwner(1, { is: "approved", action: "block", seconds: null });
  assert.deepEqual([after?.state, after?.expiresAt], ["active", later(home.clock.now(), milliseconds(540 * second))],
    "blocked after all, for as long as it asks");
});

test("what a rule has turned down can be blocked after all, while its provider asks; after it has withdrawn it, not", async () => {
  const home = fakeHome({ consent: "ask", devices: [{ mac: cameraMac, policy: "never", action: null }] });
  await home.ask();
  const [turnedDown] = home.store.all();
  if (turnedDown?.outcome !== "rejected") assert.fail(JSON.stringify(turnedDown?.outcome));
  home.pipeline.withdraw("isp", turnedDown.request.cuid, turnedDown.request.mid);
  await home.clock.advance(1);
  assert.equal((await home.pipeline.decideByOwner(1, { is: "approved", action: "block", seconds: null }))?.state, "ended");
});
