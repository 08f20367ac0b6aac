import assert from "node:assert/strict";
import { test } from "node:test";
import { attack, cameraAddress, cameraMac, fakeHome, laptopAddress, laptopMac, type FakeHome } from "./fake-home.ts";
import { milliseconds } from "../../src/model/time.ts";

const refused = { is: "refused", refusal: { code: "4.09", conflict: { cause: 4 } } };
const hour = 3_600_000;

/** A camera whose block the owner has released. */
async function released(policy: Parameters<typeof fakeHome>[0] = {}): Promise<FakeHome> {
  const home = fakeHome(policy);
  await home.ask({ fromPorts: "40000-40100" });
  if (policy.consent === "ask") await home.pipeline.decideByOwner(1, { is: "denied" });
  else await home.pipeline.decideByOwner(1, { is: "released" });
  await home.pipeline.policyChanged();
  assert.deepEqual(home.held(), []);
  return home;
}

/** What was ever dropped, or would have been, of traffic to be looked for where it leaves the home. */
function dropping(home: FakeHome): (number | undefined)[] {
  return (home.reported()?.flows ?? []).filter(({ action }) => action !== "watch").map(({ mitigation }) => mitigation);
}

const repeats: readonly (readonly [string, Parameters<FakeHome["ask"]>[0]])[] = [
  ["the same", {}],
  ["another mid", { mid: 99 }],
  ["another cuid", { cuid: "else" }],
  ["another upstream", { upstream: "other", cuid: "else", mid: 1 }],
  ["narrower source ports", { mid: 99, fromPorts: "40000" }],
  ["wider source ports", { mid: 99, fromPorts: "1-65535" }],
  ["the target twice", { mid: 99, to: "198.51.100.9 198.51.100.9" }],
  ["its network", { mid: 99, to: "198.51.100.0/24" }],
  ["one port of it", { mid: 99, toPorts: "443" }],
  ["another target besides", { cuid: "else", to: "192.0.2.1 198.51.100.9" }],
];
for (const consent of ["auto", "ask"] as const)
  test(`consent '${consent}': the owner's no binds whoever asks, and however`, async () => {
    for (const [what, words] of repeats) {
      const home = await released({ consent });
      const transactions = home.transactions.length;
      assert.deepEqual(await home.ask(words), refused, what);
      await home.clock.advance(hour / 2);
      assert.deepEqual(await home.ask(words), refused, what);
      const since = home.transactions.slice(transactions);
      assert.deepEqual([since.flat(), dropping(home), home.only().id, home.owner.length], [[], [], 1, 2], `${what}: nothing is dropped, nobody is asked`);
      assert.ok(since.length <= 4, `${what}: half a minute of watching who sends, for each time that it was asked`);
    }
  });

test("not for a moment: while some device is left alone at a target, nothing is dropped there before it is known who sends", async () => {
  for (const [address, mac, outcome] of [[cameraAddress, cameraMac, "rejected"], [laptopAddress, laptopMac, null]] as const) {
    const home = await released();
    home.flows.length = 0;
    assert.equal((await home.ask({ cuid: "else", fromPorts: "50000" })).is, "created");
    assert.deepEqual([home.held(), dropping(home)], [[], []], "watched for only");
    assert.equal(home.reported()?.flows[0]?.action, "watch");
    home.flows.push(attack(address, 50_000));
    await home.clock.advance(5_000);
    await home.prove();
    assert.deepEqual([home.store.get(2)?.outcome, home.held()], [outcome, outcome === null ? [`2 block ${mac} 1`] : []]);
    assert.deepEqual(home.reported()?.flows.flatMap(({ senders }) => senders) ?? [], outcome === null ? [mac] : [], "nor later, from anybody else");
  }
});

test("a no that comes while others block the same ends that, too; and what has no device yet lets everybody through", async () => {
  const home = fakeHome();
  await home.ask({ fromPorts: "40000" });
  await home.ask({ upstream: "other", cuid: "else" });
  home.flows.length = 0;
  await home.ask({ cuid: "third", fromPorts: "50000" });
  assert.deepEqual([home.held().length, dropping(home).includes(3)], [2, true]);
  home.told();
  await home.pipeline.decideByOwner(1, { is: "released" });
  await home.pipeline.policyChanged();
  assert.deepEqual([home.held(), dropping(home)], [[], []]);
  assert.deepEqual(home.store.all().map(({ id, outcome }) => [id, outcome]).sort(), [[1, "released"], [2, "rejected"], [3, null]]);
});

for (const onTimeout of ["deny", "block"] as const)
  test(`on_timeout '${onTimeout}': requests that come and go do not flush it out`, async () => {
    const home = await released({ consent: "ask", onTimeout });
    for (let junk = 0; junk < 200; junk++) {
      home.flows.splice(0);
      await home.ask({ cuid: `junk${junk % 3}`, mid: 100 + junk, to: `192.0.2.${junk}`, fromPorts: "1" });
      home.pipeline.withdraw("isp", `junk${junk % 3}`, 100 + junk);
      await home.clock.advance(10);
    }
    home.flows.push(attack(cameraAddress));
    assert.equal(home.store.get(1)?.outcome, "denied", "nor what the owner reads of it");
    assert.ok(home.store.all().length <= 128);
    for (const [what, words] of repeats) assert.deepEqual(await home.ask(words), refused, what);
    await home.clock.advance(1_000_000);
    assert.deepEqual(home.held(), []);
  });

test("a request of a second: the no holds for an hour", async () => {
  const home = fakeHome();
  await home.ask({}, false, 1);
  await home.pipeline.decideByOwner(1, { is: "released" });
  await home.clock.advance(hour - 1_000);
  assert.deepEqual(await home.ask({ mid: 57 }), refused);
  await home.clock.advance(1_000);
  assert.equal((await home.ask({ mid: 58 })).is, "created");
});

test("taken back, it is a question again; allowed after all, the device is blocked at once", async () => {
  const home = await released({ consent: "ask" });
  await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
  assert.deepEqual([home.held(), home.only().outcome], [[], "denied"], "of two people who answer at once, no is not overruled by chance");
  await home.pipeline.decideByOwner(1, { is: "released" });
  assert.deepEqual(home.store.nos(), []);
  home.told();
  const after = await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
  assert.deepEqual([after?.state, after?.status, after?.outcome, home.held()], ["active", 2, null, [`1 block ${cameraMac} 1`]]);
  assert.ok(home.told().includes("56 2 - -"));
  assert.equal((await home.ask({ fromPorts: "40000-40100" })).is, "refreshed");
  home.pipeline.withdraw("isp", after?.request.cuid ?? "", 56);
  await home.clock.advance(121_000);
  assert.deepEqual([home.only().outcome, home.held()], ["withdrawn", []]);
});

test("nobody answered: allowed after all while the upstream still asks, and not after it has withdrawn or its time is over", async () => {
  const late = async (): Promise<FakeHome> => {
    const home = fakeHome({ consent: "ask" });
    await home.ask();
    await home.clock.advance(900_000);
    assert.equal(home.only().outcome, "denied");
    return home;
  };
  const approve = (home: FakeHome): ReturnType<FakeHome["pipeline"]["decideByOwner"]> =>
    home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
  const home = await late();
  assert.equal((await approve(home))?.state, "active");
  const withdrawn = await late();
  withdrawn.pipeline.withdraw("isp", withdrawn.only().request.cuid, 56);
  await withdrawn.clock.advance(0);
  assert.equal((await approve(withdrawn))?.state, "ended");
  const over = await late();
  await over.clock.advance(hour);
  assert.equal((await approve(over))?.state, "ended");
});

test("while a device is left alone at one target, it is not quarantined unasked for another: that would keep it from the first", async () => {
  const home = fakeHome({ action: "quarantine" }, { flows: [attack(cameraAddress), attack(cameraAddress, 40_001, "192.0.2.1")] });
  await home.ask();
  assert.deepEqual(home.held(), [`1 quarantine ${cameraMac} 1`]);
  await home.pipeline.decideByOwner(1, { is: "released" });
  await home.ask({ mid: 57, to: "192.0.2.1", fromPorts: "40001" });
  assert.deepEqual(home.held(), [`2 block ${cameraMac} 1`]);
});

test("a clock that was put forward leaves the no what remained of it", async () => {
  const home = await released();
  home.clock.jump(20 * hour);
  home.pipeline.clockJumped(milliseconds(20 * hour));
  assert.deepEqual(await home.ask({ cuid: "else" }), refused);
});
