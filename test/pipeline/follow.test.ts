import assert from "node:assert/strict";
import { test } from "node:test";
import { attack, cameraAddress, cameraMac, drops, fakeHome, laptopAddress, type FakeHome } from "./fake-home.ts";

const renewal = 240_000;
const other = "02:00:00:00:0b:99";
const reported = { fromPorts: "40000-40010" };
const heldMacs = (home: FakeHome): (string | null)[] => home.rules().map(({ mac }) => mac);

/** Blocked, dropping, and everything a few minutes later. */
async function blocked(witnessed: FakeHome["witnessed"], policy: Parameters<typeof fakeHome>[0] = {}): Promise<FakeHome> {
  const home = fakeHome(policy);
  await home.ask(reported);
  if (policy.consent === "ask") await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
  await home.prove();
  home.counts.set(1, drops(100));
  await home.clock.advance(renewal - 60_000);
  home.counts.set(1, drops(200));
  home.witnessed = witnessed;
  return home;
}
const seen = (mac: string, address: string): FakeHome["witnessed"][number] => ({ mac, address, packets: 5, bytes: 300 });

test("the addresses of a device are those of now: what has gone to another is let go at the next renewal", async () => {
  const home = await blocked([]);
  home.neighbours.set("192.168.1.77", cameraMac).set("2001:db8:1::77", cameraMac).set("fe80::77", cameraMac).set(cameraAddress, other);
  await home.clock.advance(60_000);
  assert.deepEqual(home.rules().map(({ mac, addresses }) => [mac, ...addresses]), [[cameraMac, "192.168.1.77", "2001:db8:1::77"]]);
});

test("the device that sends the same flows from its own address under another MAC address is blocked under that one too", async () => {
  const home = await blocked([seen(cameraMac, cameraAddress), seen(other, cameraAddress)]);
  await home.clock.advance(60_000);
  assert.deepEqual(heldMacs(home), [cameraMac, other]);
  assert.ok(home.cuts.length >= 2, "its flows are ended");
  assert.equal(home.store.devices().find(({ mac }) => mac === other)?.requests, 1);
  assert.ok(home.log.some((line) => line.includes(other)));
});

test("another device that NAT has given a reported port since keeps the target", async () => {
  const home = await blocked([seen("02:00:00:00:0a:02", laptopAddress)]);
  await home.clock.advance(60_000);
  assert.deepEqual(heldMacs(home), [cameraMac]);
});

test("a MAC address that is never to be touched is not followed; approved by the owner, one that would be asked about is", async () => {
  const witnessed = [seen(other, cameraAddress)];
  const spared = await blocked(witnessed, { neverBlock: [{ is: "mac", mac: other }] });
  await spared.clock.advance(60_000);
  assert.deepEqual(heldMacs(spared), [cameraMac]);
  const approved = await blocked(witnessed, { consent: "ask" });
  await approved.clock.advance(60_000);
  assert.deepEqual(heldMacs(approved), [cameraMac, other]);
});

test("what was not named exactly by the report follows nobody", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress)] });
  await home.ask();
  home.counts.set(1, drops(100));
  home.witnessed = [seen(other, cameraAddress)];
  await home.clock.advance(renewal);
  assert.deepEqual(heldMacs(home), [cameraMac]);
});

test("a neighbour table that cannot be read keeps what is known, and rules are renewed", async () => {
  const home = await blocked([]);
  const before = home.transactions.length;
  home.broken.network = "no ip";
  await home.clock.advance(60_000);
  assert.deepEqual(heldMacs(home), [cameraMac]);
  assert.ok(home.transactions.length > before);
});
