import assert from "node:assert/strict";
import { test } from "node:test";
import { attack, cameraAddress, cameraMac, drops, fakeHome, laptopAddress, laptopMac } from "./fake-home.ts";
import { seconds, wallInstant } from "../../src/model/time.ts";

const rule = `1 block ${cameraMac} 1`;
const refused = { is: "refused", refusal: { code: "4.09", conflict: { cause: 4 } } };

test("consent: 2.01 and status 1, nothing is touched, the owner is asked once", async () => {
  const home = fakeHome({ consent: "ask" });
  const admission = await home.ask();
  assert.ok(admission.is === "created" && admission.mitigation.status === 1);
  await home.clock.advance(60_000);
  assert.deepEqual([home.held(), home.cuts, home.owner, home.only().state], [[], [], ["1 found pending"], "pending"]);
});

test("approved: enforced, status 2 at once", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask();
  home.told();
  const after = await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
  assert.deepEqual([after?.status, home.held()], [2, [rule]]);
  assert.ok(home.told().includes("56 2 - -"));
});

test("approved for a minute: released then, status 7 with conflict-cause 4", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask();
  await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: seconds(60) });
  home.counts.set(1, drops(5));
  await home.clock.advance(59_000);
  assert.deepEqual(home.held(), [rule]);
  home.told();
  await home.clock.advance(1_000);
  assert.deepEqual([home.held(), home.told()], [[], ["56 7 released 4"]]);
});

test("denied: status 7 with conflict-cause 4, and 4.09 for its next PUTs, whatever their mid", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask();
  home.told();
  await home.pipeline.decideByOwner(1, { is: "denied" });
  assert.deepEqual([home.told(), home.held()], [["56 7 denied 4"], []]);
  assert.deepEqual([await home.ask(), await home.ask({ mid: 99 })], [refused, refused]);
  assert.equal(home.only().id, 1);
  await home.clock.advance(3_600_000);
  assert.equal((await home.ask({ mid: 100 })).is, "created", "when that request would be over, it is a question again");
});

test("a denial does not use up the mid: with another target and device it is a request of its own (§4.4.1.1: unique among active ones)", async () => {
  const home = fakeHome({ consent: "ask" }, { flows: [attack(cameraAddress), attack(laptopAddress, 41_000, "198.51.100.77")] });
  await home.ask({ fromPorts: "40000" });
  await home.pipeline.decideByOwner(1, { is: "denied" });
  assert.equal((await home.ask({ to: "198.51.100.77", fromPorts: "41000" })).is, "created");
  assert.deepEqual([home.store.get(2)?.state, home.store.get(2)?.devices.map(({ mac }) => mac)], ["pending", [laptopMac]]);
  assert.deepEqual(await home.ask({ fromPorts: "40000", mid: 57 }), refused, "what was denied stays so");
});

test("denied by mistake, or in silence, and taken back: for the upstream it has ended, but its next request is a question again", async () => {
  for (const late of [false, true]) {
    const home = fakeHome({ consent: "ask" });
    await home.ask();
    if (late) await home.clock.advance(900_000);
    else await home.pipeline.decideByOwner(1, { is: "denied" });
    assert.deepEqual(await home.ask(), refused);
    home.told();
    const after = await home.pipeline.decideByOwner(1, { is: "released" });
    assert.deepEqual([after?.state, after?.outcome, home.told()], ["ended", "denied", []]);
    assert.equal((await home.ask({ mid: 99 })).is, "created");
    assert.deepEqual(home.store.all().map(({ id, state }) => [id, state]), [[1, "ended"], [2, "pending"]]);
    // Of a block that was released there is nothing to take back.
    await home.pipeline.decideByOwner(2, { is: "approved", action: null, seconds: null });
    await home.pipeline.decideByOwner(2, { is: "released" });
    await home.pipeline.decideByOwner(2, { is: "released" });
    assert.deepEqual(await home.ask({ mid: 100 }), refused);
  }
});

test("nobody answers, on_timeout 'deny': as if denied", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask();
  home.told();
  await home.clock.advance(899_999);
  assert.equal(home.only().state, "pending");
  await home.clock.advance(1);
  assert.deepEqual([home.told(), home.only().decidedBy], [["56 7 denied 4"], "policy"]);
});

test("nobody answers, on_timeout 'block': enforced, and status 2 with the first drop", async () => {
  const home = fakeHome({ consent: "ask", onTimeout: "block", consentTimeoutSeconds: seconds(60) });
  await home.ask();
  await home.clock.advance(60_000);
  assert.deepEqual([home.held(), home.only().status], [[rule], 1]);
  home.counts.set(1, drops(3));
  await home.clock.advance(1_000);
  assert.equal(home.only().status, 2);
});

test("while_pending 'limit': a gentle limit until the owner answers", async () => {
  const home = fakeHome({ consent: "ask", whilePending: "limit" });
  await home.ask();
  assert.deepEqual(home.held(), [`1 limit ${cameraMac} 1`]);
  assert.ok(home.rules().every(({ timeout }) => timeout <= 600));
  await home.clock.advance(700_000);
  assert.deepEqual(home.held(), [`1 limit ${cameraMac} 1`]);
  await home.pipeline.decideByOwner(1, { is: "denied" });
  assert.deepEqual(home.held(), []);
});

test("an answer that comes too late, or twice, changes nothing", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask();
  await home.pipeline.decideByOwner(1, { is: "denied" });
  const transactions = home.transactions.length;
  for (const is of ["approved", "denied", "released"] as const)
    await home.pipeline.decideByOwner(1, is === "approved" ? { is, action: null, seconds: null } : { is });
  assert.deepEqual([home.only().outcome, home.transactions.length, await home.pipeline.decideByOwner(99, { is: "denied" })], ["denied", transactions,
    undefined]);
});

test("'never', said while the device is blocked or asked about: it is let go at once, status 7 with conflict-cause 4", async () => {
  for (const policy of [{}, { consent: "ask" }] as const) {
    const home = fakeHome(policy);
    await home.ask();
    home.told();
    const [device] = home.only().devices;
    home.store.rememberDevice({ mac: device?.mac ?? "", name: null, addresses: [], port: null, requests: 1, lastRequestAt: wallInstant(0), policy: "never" });
    await home.pipeline.policyChanged();
    assert.deepEqual([home.held(), home.told(), home.only().outcome], [[], ["56 7 rejected 4"], "rejected"]);
    assert.deepEqual(await home.ask(), refused);
  }
});

test("never_block of a new configuration lets go one device of two; the other stays blocked", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress), attack(laptopAddress, 40_001)] });
  await home.ask({ fromPorts: "40000-40001" });
  assert.equal(home.held().length, 2);
  const { policy, ownerNames } = home.pipeline.settings();
  await home.pipeline.reload({ ownerNames, policy: { ...policy, neverBlock: [{ is: "mac", mac: laptopMac }] } });
  assert.deepEqual([home.held(), home.only().state], [[rule], "active"]);
});

test("'never' frees nobody who is only observed: the upstream goes on to hear of it", async () => {
  const home = fakeHome({ consent: "observe" });
  await home.ask();
  const { policy, ownerNames } = home.pipeline.settings();
  await home.pipeline.reload({ ownerNames, policy: { ...policy, neverBlock: [{ is: "mac", mac: cameraMac }] } });
  assert.deepEqual([home.only().state, home.only().action], ["active", "observe"]);
});
