import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore, nothingRemembered } from "../../src/memory/store.ts";
import { fakeClock, settle, startPlus } from "../fake-clock.ts";
import { active, camera, dropping, pending, requested, terminating } from "../policy/samples.ts";
import { attack, cameraAddress, cameraMac, fakeHome } from "./fake-home.ts";

test("after a restart: what was in force is again, with its timers", async () => {
  const home = fakeHome({}, { from: { ...nothingRemembered, nextId: 18, mitigations: [dropping] } });
  await home.pipeline.resume();
  assert.deepEqual(home.held(), [`17 block ${cameraMac} 1`]);
  await home.clock.advance(3_600_000);
  assert.deepEqual([home.only().outcome, home.held()], ["expired", []]);
});

test("after a restart: what expired meanwhile has ended, and the upstream hears of it", async () => {
  const clock = fakeClock(startPlus(7_200_000));
  const home = fakeHome({}, { from: { ...nothingRemembered, nextId: 18, mitigations: [dropping] }, clock });
  await home.pipeline.resume();
  assert.deepEqual([home.only().outcome, home.held(), home.told()], ["expired", [], ["56 6 expired -"]]);
});

test("after a restart: a question goes on, with its deadline; a limit meanwhile too", async () => {
  const home = fakeHome({ consent: "ask", whilePending: "limit" }, { from: { ...nothingRemembered, nextId: 18, mitigations: [pending] } });
  await home.pipeline.resume();
  assert.deepEqual(home.held(), [`17 limit ${cameraMac} 1`]);
  await home.clock.advance(900_000);
  assert.deepEqual([home.only().outcome, home.held()], ["denied", []]);
});

test("after a restart: the terminating period goes on; one that was not found is looked for", async () => {
  const unfound = { ...active, id: 18, devices: [], request: requested({ mid: 60 }) };
  const home = fakeHome({}, { from: { ...nothingRemembered, nextId: 19, mitigations: [terminating, unfound] } });
  await home.pipeline.resume();
  await home.clock.advance(0);
  await home.prove();
  assert.deepEqual(home.held(), [`17 block ${cameraMac} 1`, `18 block ${cameraMac} 1`]);
  await home.clock.advance(120_000);
  assert.deepEqual([home.store.get(17)?.outcome, home.held()], ["withdrawn", [`18 block ${cameraMac} 1`]]);
});

test("after a restart: a kill came before the flows were ended, or what they had sent was saved: both are done now", async () => {
  const unweighed = [{ ...camera, evidence: { ...camera.evidence, packets: 0, bytes: 0 } }];
  const cases = [{ ...active, devices: unweighed }, { ...pending, id: 18, devices: unweighed, request: requested({ mid: 60 }) }, {
    ...dropping,
    id: 19,
    request: requested({ mid: 61 }),
  }];
  const home = fakeHome({ consent: "ask" }, { from: { ...nothingRemembered, nextId: 20, mitigations: cases } });
  await home.pipeline.resume();
  await settle();
  assert.deepEqual(home.cuts, ["192.168.1.21 2001:db8:1::21 -> 1"], "of the one that was not weighed yet");
  assert.deepEqual(home.store.all().map(({ devices }) => devices[0]?.evidence.packets), [0, 900, 1000]);
});

test("after a restart without memory: what an earlier run left in the kernel goes", async () => {
  const home = fakeHome();
  await home.pipeline.resume();
  assert.deepEqual([home.transactions.length, home.held()], [1, []]);
});

test("after a restart: the count starts where the kernel's does, and an id is never used twice", async () => {
  const home = fakeHome({}, { from: { ...nothingRemembered, nextId: 18, mitigations: [dropping] } });
  await home.pipeline.resume();
  await home.ask({ mid: 99, to: "192.0.2.9" });
  assert.deepEqual(home.store.all().map(({ id }) => id), [17, 18]);
});

test("a reload with another policy: what is in force stays, with the new rate", async () => {
  const home = fakeHome({ action: "limit" });
  await home.ask();
  await home.pipeline.reload({ ...home.pipeline.settings(), policy: { ...home.pipeline.settings().policy, limitRate: 3, consent: "ask" } });
  assert.deepEqual(home.rules().map(({ action, packetsPerSecond }) => [action, packetsPerSecond]), [["limit", 3]]);
});

test("the home's addresses cannot be read: the request fails, nothing is left of it", async () => {
  const home = fakeHome();
  home.broken.network = "ip: cannot run";
  await assert.rejects(home.ask(), /cannot run/);
  assert.deepEqual(home.store.all(), []);
});

test("connection tracking cannot be read: the request stays, and is looked at again", async () => {
  const home = fakeHome();
  home.broken.flows = "conntrack: cannot run";
  await home.ask().catch(() => undefined);
  delete home.broken.flows;
  await home.clock.advance(60_000);
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
});

test("connection tracking fails once while a device is watched for: the watch goes on", async () => {
  const home = fakeHome({}, { flows: [] });
  await home.ask();
  home.broken.flows = "conntrack: cannot run";
  await home.clock.advance(6_000);
  delete home.broken.flows;
  home.flows = [attack(cameraAddress)];
  await home.clock.advance(120_000);
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
});

test("a request that nobody could look for ends with its lifetime all the same", async () => {
  const home = fakeHome();
  home.broken.flows = "conntrack: cannot run";
  await home.ask({}, false, 300).catch(() => undefined);
  await home.clock.advance(400_000);
  assert.equal(home.store.all().every(({ state }) => state === "ended"), true);
});

test("an upstream that repeats a request for a device that is never touched fills no memory", async () => {
  const home = fakeHome({ devices: [{ mac: cameraMac, policy: "never", action: null }] });
  for (let time = 0; time < 300; time++) {
    const admission = await home.ask({ mid: 56 });
    assert.ok(admission.is === "refused" && admission.refusal.code === "4.09");
  }
  assert.ok(home.store.all().length <= 64 && home.owner.length < 10, `${home.store.all().length} mitigations, the owner was told ${home.owner.length} times`);
});

test("of 200 that have ended the newest are kept, and one that has just ended is among them", () => {
  const store = createStore(nothingRemembered);
  store.put({ ...dropping, id: 1 });
  for (let id = 2; id <= 200; id++) store.put({ ...dropping, id, state: "ended", outcome: "expired" });
  store.put({ ...dropping, id: 1, state: "ended", outcome: "withdrawn" });
  assert.ok(store.all().length <= 65);
  assert.equal(store.get(1)?.outcome, "withdrawn", "its last notification is still to be sent");
});

test("the device is remembered once, with the number of requests that named it", async () => {
  const home = fakeHome();
  for (const mid of [1, 2, 3]) await home.ask({ mid, to: `192.0.2.${mid}` });
  home.flows = [attack(cameraAddress, 40_000, "192.0.2.9")];
  await home.ask({ mid: 9, to: "192.0.2.9" });
  await settle();
  const [device, ...others] = home.store.devices();
  assert.deepEqual([device?.mac, device?.name, others.length], [camera.mac, "Kitchen camera", 0]);
});
