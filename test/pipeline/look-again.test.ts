import assert from "node:assert/strict";
import { test } from "node:test";
import { attack, cameraAddress, cameraMac, drops, fakeHome, laptopAddress, laptopMac, type FakeHome } from "./fake-home.ts";
import { requested } from "../policy/samples.ts";

/** An efficacy update of the request that is in force (RFC 9132 §4.4.3). */
const fromPorts = "40000 41000";
const update = async (home: FakeHome, attackStatus: 1 | 2 = 1): Promise<void> => {
  assert.equal((await home.pipeline.request({ asked: requested({ fromPorts }), lifetime: null, attackStatus }, true)).is, "refreshed");
};
const both = [attack(cameraAddress), attack(laptopAddress, 41_000)];

test("still under attack: it is looked again, after the answer, and another device that takes part is held too", async () => {
  const home = fakeHome();
  await home.ask({ fromPorts });
  home.flows = both;
  await update(home);
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`], "the answer does not wait for it");
  await home.clock.advance(0);
  await home.prove();
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`, `1 block ${laptopMac} 1`]);
  assert.deepEqual(home.only().devices.map(({ name }) => name), ["Kitchen camera", "Laptop"]);
  assert.equal(home.cuts.at(-1), `${cameraAddress} ${laptopAddress} -> 1`);
});

test("the attack is not seen any more, or a plain refresh: nobody looks", async () => {
  const home = fakeHome();
  await home.ask({ fromPorts });
  home.flows = both;
  await update(home, 2);
  await home.ask({ fromPorts });
  await home.clock.advance(10_000);
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
});

test("a device that the owner must be asked about, that is never to be touched, or whose measure is milder does not join what is in force", async () => {
  for (const laptop of [{ policy: "ask", action: null }, { policy: "never", action: null }, { policy: "auto", action: "limit" }] as const) {
    const home = fakeHome({ devices: [{ mac: laptopMac, ...laptop }] });
    await home.ask({ fromPorts });
    home.flows = both;
    await update(home);
    await home.clock.advance(0);
    assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
    assert.ok(home.log.some((line) => line.includes("Laptop") && line.includes("left alone")), home.log.join("\n"));
  }
});

test("while the owner is being asked, the question takes in the other device", async () => {
  const home = fakeHome({ consent: "ask" });
  await home.ask({ fromPorts });
  const { deadline } = home.only();
  home.flows = both;
  await update(home);
  await home.clock.advance(0);
  assert.deepEqual([home.only().state, home.only().deadline, home.only().devices.length, home.held()], ["pending", deadline, 2, []]);
});

test("drops stand still: flows are ended again and the rules laid again; not while drops grow, and not more often than every half minute", async () => {
  const home = fakeHome();
  await home.ask({ fromPorts });
  home.counts.set(1, { ...drops(10), leaked: drops(0) });
  await home.clock.advance(20_000);
  const cutsBefore = home.cuts.length;
  home.counts.set(1, { ...drops(20), leaked: drops(0) });
  await update(home);
  await home.clock.advance(0);
  assert.equal(home.cuts.length, cutsBefore, "drops grow: it is stopped here");
  await home.clock.advance(20_000);
  for (let second = 0; second < 40; second += 4) {
    await update(home);
    await home.clock.advance(4_000);
  }
  assert.equal(home.cuts.length, cutsBefore + 2);
});

test("drops stand still: the strongest measure that the owner allows for one of the devices takes the place of the mildest", async () => {
  const home = fakeHome({ devices: [{ mac: cameraMac, policy: null, action: "quarantine" }] }, { flows: both });
  await home.ask({ fromPorts });
  assert.equal(home.only().action, "block");
  home.counts.set(1, { ...drops(10), leaked: drops(0) });
  await home.clock.advance(40_000);
  await update(home);
  await home.clock.advance(0);
  assert.equal(home.only().action, "quarantine");
});

test("a thousand updates at once are one look, and after five seconds another", async () => {
  const home = fakeHome();
  await home.ask({ fromPorts });
  let looks = 0;
  Object.defineProperty(home, "flows", {
    get() {
      looks++;
      return both;
    },
  });
  await Promise.all(Array.from({ length: 1_000 }, () => update(home)));
  await home.clock.advance(4_999);
  assert.equal(looks, 1);
  await home.clock.advance(1);
  await update(home);
  await home.clock.advance(0);
  assert.equal(looks, 2);
});

test("a look that fails changes nothing", async () => {
  const home = fakeHome();
  await home.ask({ fromPorts });
  home.broken.flows = "conntrack: no such file";
  await update(home);
  await home.clock.advance(0);
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
  assert.ok(home.log.some((line) => line.startsWith("warn") && line.includes("conntrack")));
});

test("withdrawn meanwhile: nothing comes of it, and no timer stays", async () => {
  const home = fakeHome();
  await home.ask({ fromPorts });
  home.flows = both;
  await update(home);
  home.pipeline.withdraw("isp", "dz6pHjaADkaFTbjr0JGBpw", 56);
  await home.clock.advance(150_000);
  assert.deepEqual([home.held(), home.only().devices.length, home.clock.waiting()], [[], 1, 0]);
});
