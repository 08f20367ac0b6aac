import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, startPlus } from "../fake-clock.ts";
import { requested } from "../policy/samples.ts";
import { cameraMac, drops, fakeHome } from "./fake-home.ts";
import { seconds } from "../../src/model/time.ts";

const rule = `1 block ${cameraMac} 1`;
const client = "dz6pHjaADkaFTbjr0JGBpw";

test("withdrawn: goes on for the terminating period with status 5, then ends with 6 and without rules", async () => {
  const home = fakeHome();
  await home.ask();
  home.counts.set(1, drops(5));
  await home.clock.advance(1_000);
  home.told();
  home.pipeline.withdraw("isp", client, 56);
  await settle();
  assert.deepEqual([home.told(), home.held()], [["56 5 - -"], [rule]]);
  assert.ok(home.rules().every(({ timeout }) => timeout <= 120), "the kernel ends them by itself too");
  await home.clock.advance(119_999);
  assert.deepEqual(home.held(), [rule]);
  await home.clock.advance(1);
  assert.deepEqual([home.told(), home.held()], [["56 6 withdrawn -"], []]);
});

test("withdrawn and asked for again within the period: it is active again, the next period is twice as long", async () => {
  const home = fakeHome();
  await home.ask();
  await home.clock.advance(1_000);
  home.pipeline.withdraw("isp", client, 56);
  await home.clock.advance(60_000);
  assert.equal((await home.ask()).is, "refreshed");
  await home.clock.advance(60_000);
  assert.deepEqual([home.only().state, home.held()], ["active", [rule]]);
  home.pipeline.withdraw("isp", client, 56);
  await home.clock.advance(239_000);
  assert.deepEqual(home.held(), [rule]);
  await home.clock.advance(1_000);
  assert.deepEqual(home.held(), []);
});

test("an efficacy update that arrives after the DELETE is passed over: the withdrawal stands (§4.4.3)", async () => {
  const home = fakeHome();
  await home.ask({}, false, -1);
  await home.clock.advance(1_000);
  home.pipeline.withdraw("isp", client, 56);
  await settle();
  assert.deepEqual(await home.pipeline.request({ asked: requested(), lifetime: null, attackStatus: 2 }, true), { is: "ignored" });
  assert.deepEqual([home.only().state, home.only().status], ["terminating", 5]);
  await home.clock.advance(120_000);
  assert.deepEqual([home.only().outcome, home.held()], ["withdrawn", []]);
});

test("what has ended can be asked for during another minute, then it is removed (§4.4.1.1)", async () => {
  const home = fakeHome();
  await home.ask({}, false, 300);
  await home.clock.advance(359_000);
  assert.deepEqual(home.pipeline.mitigationsOf("isp", client).map(({ status }) => status), [6]);
  await home.clock.advance(1_000);
  assert.deepEqual(home.pipeline.mitigationsOf("isp", client), []);
});

test("withdrawn twice, or what is not there: nothing happens", async () => {
  const home = fakeHome();
  home.pipeline.withdraw("isp", client, 56);
  await home.ask();
  for (const [upstream, cuid, mid] of [["isp", client, 57], ["isp", "else", 56], ["other", client, 56]] as const) home.pipeline.withdraw(upstream, cuid, mid);
  await home.clock.advance(1_000);
  assert.equal(home.only().state, "active");
});

test("expired: status 6, the rules go", async () => {
  const home = fakeHome();
  await home.ask({}, false, 300);
  await home.clock.advance(299_000);
  assert.deepEqual(home.held(), [rule]);
  home.told();
  await home.clock.advance(1_000);
  assert.deepEqual([home.told(), home.held(), home.only().outcome], [["56 6 expired -"], [], "expired"]);
});

test("what was dropped until the last moment is counted", async () => {
  const home = fakeHome();
  await home.ask({}, false, 300);
  home.counts.set(1, drops(10));
  await home.clock.advance(298_000);
  home.counts.set(1, drops(999));
  await home.clock.advance(2_000);
  assert.deepEqual([home.only().state, home.only().dropped.packets], ["ended", 999]);
});

test("nothing is left to do for a mitigation that has ended", async () => {
  const home = fakeHome();
  await home.ask({}, false, 300);
  await home.clock.advance(600_000);
  assert.deepEqual([home.clock.waiting(), home.transactions.at(-1)], [0, []]);
});

test("a cap ends a request without end", async () => {
  const home = fakeHome({ maxLifetimeSeconds: seconds(600) });
  const admission = await home.ask({}, false, -1);
  assert.ok(admission.is === "created" && admission.mitigation.expiresAt === startPlus(600_000));
  await home.clock.advance(600_000);
  assert.equal(home.only().outcome, "expired");
});

test("two mitigations of one device: the end of one leaves the other's rules", async () => {
  const home = fakeHome();
  await home.ask({ mid: 1, to: "198.51.100.9" });
  await home.ask({ mid: 2, to: "198.51.100.9", cuid: "another" }, false, 300);
  assert.equal(home.rules().length, 2);
  await home.clock.advance(300_000);
  assert.deepEqual(home.held(), [rule]);
});
