import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../fake-clock.ts";
import { attack, cameraAddress, cameraMac, fakeHome, laptopAddress, laptopMac } from "./fake-home.ts";

const client = "dz6pHjaADkaFTbjr0JGBpw";

test("a higher mid that overlaps replaces the lower one without a gap: the camera is cut off at every moment", async () => {
  const home = fakeHome();
  await home.ask({ mid: 1 });
  const before = home.transactions.length;
  await home.ask({ mid: 2, to: "198.51.100.0/24" });
  const meanwhile = home.transactions.slice(before - 1);
  assert.ok(meanwhile.every((rules) => rules.some(({ mac }) => mac === cameraMac)),
    JSON.stringify(meanwhile.map((rules) => rules.map(({ mitigation }) => mitigation))));
  assert.ok(meanwhile.some((rules) => rules.length === 2), "both are held for a moment");
  assert.deepEqual([1, 2].map((id) => [home.store.get(id)?.state, home.store.get(id)?.outcome]), [["ended", "overridden"], ["active", null]]);
  assert.deepEqual(home.held(), [`2 block ${cameraMac} 1`]);
});

test("the owner is not asked again about the same device and target", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask({ mid: 1, to: "198.51.100.0/24" });
  await home.pipeline.decideByOwner(1, { is: "approved", action: "limit", seconds: null });
  await home.ask({ mid: 2, to: "198.51.100.9" });
  const second = home.store.get(2);
  assert.deepEqual([second?.state, second?.decidedBy, second?.action], ["active", "owner", "limit"]);
});

test("the owner is asked about a wider target", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask({ mid: 1, to: "198.51.100.9", toPorts: "443" });
  await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
  await home.ask({ mid: 2, to: "198.51.100.9" });
  assert.equal(home.store.get(2)?.state, "pending");
});

test("a lower mid is refused, and changes nothing", async () => {
  const home = fakeHome();
  await home.ask({ mid: 2 });
  assert.deepEqual(await home.ask({ mid: 1 }), { is: "refused", refusal: { code: "4.09", conflict: { cause: 1, mid: 2 } } });
  assert.equal(home.store.all().length, 1);
});

test("a refused request leaves what runs untouched: it replaces only once it is accepted (§4.4.1.3)", async () => {
  const home = fakeHome({ devices: [{ mac: laptopMac, policy: "never", action: null }] }, { flows: [attack(cameraAddress), attack(laptopAddress, 41_000)] });
  await home.ask({ mid: 1, fromPorts: "40000-41000" });
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
  const told = home.told();
  assert.deepEqual(await home.ask({ mid: 2, fromPorts: "41000" }), { is: "refused", refusal: { code: "4.09", conflict: { cause: 4 } } });
  assert.deepEqual([home.held(), home.store.get(1)?.state, told.length], [[`1 block ${cameraMac} 1`], "active", 0]);
});

test("behind NAT the source is the ports: two devices that attack one target are two mitigations", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress), attack(laptopAddress, 41_000)] });
  await home.ask({ mid: 1, fromPorts: "40000" });
  await home.ask({ mid: 2, fromPorts: "41000" });
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`, `2 block ${laptopMac} 1`]);
});

test("after the mids have rolled over, a withdrawn higher one makes way, and the owner is not asked again", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask({ mid: 3_221_225_471 });
  await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
  home.pipeline.withdraw("isp", client, 3_221_225_471);
  await settle();
  assert.equal(home.store.get(1)?.state, "terminating");
  assert.equal((await home.ask({ mid: 0 })).is, "created");
  assert.deepEqual([home.store.get(1)?.outcome, home.store.get(2)?.decidedBy, home.held()], ["overridden", "owner", [`2 block ${cameraMac} 1`]]);
});

test("the mid of a withdrawn request is free: a DELETE then means the new one", async () => {
  const home = fakeHome();
  await home.ask({ mid: 7, to: "198.51.100.9" });
  home.pipeline.withdraw("isp", client, 7);
  await settle();
  assert.equal((await home.ask({ mid: 7, to: "198.51.100.0/28" })).is, "created");
  home.pipeline.withdraw("isp", client, 7);
  await settle();
  assert.deepEqual([1, 2].map((id) => [home.store.get(id)?.state, home.store.get(id)?.outcome]), [["ended", "overridden"], ["terminating", null]]);
});

test("requests of two upstreams live side by side", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress)] });
  await home.ask({ upstream: "isp", mid: 2 });
  await home.ask({ upstream: "other", cuid: "else", mid: 1 });
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`, `2 block ${cameraMac} 1`]);
  assert.deepEqual(home.pipeline.mitigationsOf("other", "else").map(({ id }) => id), [2]);
});

test("no room: 5.03, and the home's other mitigations stay", async () => {
  const home = fakeHome({ maxMitigations: 2 });
  await home.ask({ mid: 1, to: "192.0.2.1" });
  await home.ask({ mid: 2, to: "192.0.2.2" });
  const refused = await home.ask({ mid: 3, to: "192.0.2.3" });
  assert.ok(refused.is === "refused" && refused.refusal.code === "5.03");
  assert.equal((await home.ask({ mid: 3, to: "192.0.2.2" })).is, "created", "but for one that replaces another");
});
