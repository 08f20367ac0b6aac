import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, start, startPlus } from "../fake-clock.ts";
import { attack, cameraAddress, cameraMac, drops, fakeHome, laptopAddress, laptopMac } from "./fake-home.ts";
import { requested } from "../policy/samples.ts";

test("request, found, rules: 2.01, the camera alone is cut off, its flows are ended", async () => {
  const home = fakeHome();
  const admission = await home.ask();
  assert.equal(admission.is, "created");
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
  assert.deepEqual(home.cuts, [`${cameraAddress} -> 1`]);
  const { state, status, devices, startedAt } = home.only();
  assert.deepEqual([state, status, startedAt, devices[0]?.name, devices[0]?.port], ["active", 1, start, "Kitchen camera", "lan1"]);
  assert.deepEqual(home.owner, ["1 found active"]);
});

test("of a device that is quarantined all flows are ended, not those to the target alone; that is not before it is certain", async () => {
  const home = fakeHome({ action: "quarantine" });
  await home.ask();
  assert.deepEqual(home.cuts, [`${cameraAddress} -> 1`, `${cameraAddress} -> 0`]);
});

test("every device that takes part, and only those", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress), attack(laptopAddress, 41_000), attack("192.168.1.1", 42_000, "192.0.2.77")] });
  await home.ask({ fromPorts: "40000 41000" });
  assert.deepEqual(home.rules().map(({ mac }) => mac).sort((a, b) => (a ?? "").localeCompare(b ?? "")), [cameraMac, laptopMac]);
});

test("status 2 with the first drop, 3 when it is quiet, 2 again, 3 again", async () => {
  const home = fakeHome();
  await home.ask();
  home.told();
  home.counts.set(1, drops(10));
  await home.clock.advance(200);
  assert.deepEqual(home.told(), ["56 2 - -"], "as soon as packets are dropped");
  for (let second = 0; second < 40; second++) {
    home.counts.set(1, drops(11 + second));
    await home.clock.advance(5_000);
  }
  assert.deepEqual(home.told(), []);
  await home.clock.advance(66_000);
  assert.deepEqual(home.told(), ["56 3 - -"]);
  home.counts.set(1, drops(100));
  await home.clock.advance(5_000);
  assert.deepEqual(home.told(), ["56 2 - -"]);
  await home.clock.advance(66_000);
  assert.deepEqual(home.told(), ["56 3 - -"]);
});

test("not found: watched for, found later, then enforced", async () => {
  const home = fakeHome({}, { flows: [] });
  assert.equal((await home.ask()).is, "created");
  assert.deepEqual([home.held(), home.owner], [[], []]);
  await home.clock.advance(34_999);
  home.flows = [attack(cameraAddress)];
  await home.clock.advance(1);
  await home.prove();
  assert.deepEqual([home.held(), home.owner], [[`1 block ${cameraMac} 1`], ["1 found active"]]);
});

test("not found until the lifetime is over: unattributed, status 6", async () => {
  const home = fakeHome({}, { flows: [] });
  await home.ask({}, false, 600);
  home.told();
  await home.clock.advance(600_000);
  assert.deepEqual([home.only().outcome, home.told(), home.transactions.at(-1)], ["unattributed", ["56 6 unattributed -"], []]);
});

test("the packets themselves name the device, though conntrack never does", async () => {
  const home = fakeHome({}, { flows: [] });
  await home.ask();
  home.witnessed = [{ mac: cameraMac, address: "10.66.66.66", packets: 5, bytes: 300 }];
  home.counts.set(1, drops(5));
  await home.clock.advance(1_000);
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
});

test("a wall clock that is put back by a day does not keep the packets from naming the device", async () => {
  const home = fakeHome({}, { flows: [] });
  await home.ask();
  home.counts.set(1, drops(5));
  await home.clock.advance(1_000); // read, and nobody was seen
  home.clock.jump(-86_400_000);
  home.witnessed = [{ mac: cameraMac, address: "10.66.66.66", packets: 5, bytes: 300 }];
  home.counts.set(1, drops(9));
  await home.clock.advance(10_000);
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
});

test("a refresh: 2.04, a new lifetime, the same rules, no second question", async () => {
  const home = fakeHome();
  await home.ask();
  await home.clock.advance(3_000_000);
  const admission = await home.ask({}, false, 7200);
  assert.equal(admission.is, "refreshed");
  assert.deepEqual([home.only().expiresAt, home.held(), home.owner], [startPlus(3_000_000 + 7_200_000), [`1 block ${cameraMac} 1`], ["1 found active"]]);
});

test("a refresh of one that was not found costs no lookup: the watch looks again", async () => {
  const home = fakeHome({}, { flows: [] });
  await home.ask();
  const { lookups } = home;
  for (let at = 0; at < 100; at += 1) assert.equal((await home.ask()).is, "refreshed");
  assert.equal(home.lookups, lookups);
  home.flows = [attack(cameraAddress)];
  await home.clock.advance(5_000);
  await home.prove();
  assert.deepEqual([home.held(), home.lookups], [[`1 block ${cameraMac} 1`], lookups + 1]);
});

const refusals = [
  ["a source that is not ours", { from: "203.0.113.8" }, "4.00"],
  ["a target that is too wide", { to: "198.51.0.0/16" }, "4.00"],
] as const;
for (const [what, words, code] of refusals) {
  test(`${what}: ${code}, nothing is looked up, nothing is remembered`, async () => {
    const home = fakeHome();
    const admission = await home.ask(words);
    assert.ok(admission.is === "refused" && admission.refusal.code === code);
    assert.deepEqual([home.store.all(), home.transactions, home.store.devices()], [[], [], []]);
  });
}

test("an efficacy update of what is not there is passed over", async () => {
  assert.deepEqual(await fakeHome().ask({}, true), { is: "ignored" });
});

test("a device that is never to be touched: 4.09 with conflict-cause 4, nothing enforced", async () => {
  const home = fakeHome({ devices: [{ mac: cameraMac, policy: "never", action: null }] });
  assert.deepEqual(await home.ask(), { is: "refused", refusal: { code: "4.09", conflict: { cause: 4 } } });
  assert.deepEqual(home.held(), []);
});

test("consent 'observe' names the device and touches nothing", async () => {
  const home = fakeHome({ consent: "observe" });
  await home.ask();
  assert.deepEqual([home.only().action, home.only().devices.length, home.held(), home.cuts], ["observe", 1, [], []]);
});

test("enforcement that fails: a warning, tried again until it works, then no warning", async () => {
  const home = fakeHome();
  home.broken.filter = "nft: operation not permitted";
  await home.ask();
  assert.deepEqual(home.pipeline.warnings(), ["blocking does not work: nft: operation not permitted"]);
  assert.equal(home.only().startedAt, null, "what is not enforced has not begun");
  await home.clock.advance(20_000);
  assert.deepEqual(home.log.filter((line) => line.startsWith("error")), ["error blocking does not work: nft: operation not permitted; next attempt in 5 s"],
    "it is said once");
  delete home.broken.filter;
  await home.clock.advance(5_000);
  assert.deepEqual([home.pipeline.warnings(), home.held()], [[], [`1 block ${cameraMac} 1`]]);
  assert.notEqual(home.only().startedAt, null);
});

test("rules are renewed before the kernel would drop them", async () => {
  const home = fakeHome();
  await home.ask();
  const before = home.transactions.length;
  for (let minute = 0; minute < 40; minute++) {
    const longest = Math.min(...home.rules().map(({ timeout }) => timeout));
    assert.ok(longest <= 600);
    await home.clock.advance(60_000);
  }
  assert.ok(home.transactions.length - before >= 2_400 / 240);
});

test("rules that somebody else removed are restored", async () => {
  const home = fakeHome();
  await home.ask();
  const before = home.transactions.length;
  home.disturb();
  await settle();
  assert.equal(home.transactions.length, before + 1);
  assert.match(home.log.join("\n"), /^warn another program changed our nftables rules; restored$/m);
  home.log.length = 0;
  home.disturb("unwatched");
  await settle();
  assert.equal(home.transactions.length, before + 2);
  assert.deepEqual(home.log, ["info nft monitor has been started again; our nftables rules are rewritten, as nobody watched over them meanwhile"],
    "nobody is accused");
});

test("stop() leaves the rules to their timeouts, and no timer", async () => {
  const home = fakeHome();
  await home.ask();
  home.pipeline.stop();
  await home.clock.advance(3_600_000);
  assert.deepEqual([home.clock.waiting(), home.held()], [0, [`1 block ${cameraMac} 1`]]);
});

test("an efficacy update is a refresh, and what it says is in the log (RFC 9132 §4.4.3)", async () => {
  const home = fakeHome();
  await home.ask();
  for (const attackStatus of [1, 2] as const) {
    const admission = await home.pipeline.request({ asked: requested(), lifetime: null, attackStatus }, true);
    assert.equal(admission.is, "refreshed");
  }
  assert.deepEqual(home.log.filter((line) => line.includes("upstream says")), ["info mitigation 1: the upstream says that the target is still under attack",
    "info mitigation 1: the upstream says that the attack is mitigated"]);
});
