import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Policy } from "../../src/model/policy.ts";
import { askPolicy, requested } from "../policy/samples.ts";
import { attack, cameraMac, drops, fakeHome, laptopAddress, laptopMac, type FakeHome } from "./fake-home.ts";

/** The camera sends from the laptop's address: connection tracking names the laptop, by its flows and the neighbour table. */
function forging(policy: Partial<Policy> = {}): FakeHome {
  return fakeHome(policy, { flows: [attack(laptopAddress)], proven: false });
}
const seen = (mac: string, address = laptopAddress, packets = 50): FakeHome["witnessed"][number] => ({ mac, address, packets, bytes: packets * 60 });
/** Packets come, and are counted. */
async function packetsOf(home: FakeHome, ...witnessed: FakeHome["witnessed"]): Promise<void> {
  home.witnessed = witnessed;
  const { id, state, dropped } = home.only();
  home.counts.set(id, state === "pending" ? { ...drops(0), leaked: drops(50) } : drops(dropped.packets + 50));
  await home.clock.advance(300);
}
const named = (home: FakeHome): unknown => home.only().devices.map(({ mac, certainty, insteadOf }) => [mac, certainty, insteadOf?.mac ?? null]);
const ports = { fromPorts: "40000-40010" };

for (const [how, words] of [["with source ports", ports], ["without", {}]] as const)
  describe(`an address that another device has forged, reported ${how}`, () => {
    it("names nobody for certain before the packets were seen, and holds them where they leave", async () => {
      const home = forging();
      await home.ask(words);
      assert.deepEqual([named(home), home.held()], [[[laptopMac, "likely", null]], []]);
      assert.deepEqual(home.reported()?.flows.map(({ action, addresses }) => [action, addresses]), [["drop", [laptopAddress]]]);
    });

    it("auto: the laptop is let go, the camera held; the owner hears why", async () => {
      const home = forging();
      await home.ask(words);
      await packetsOf(home, seen(cameraMac));
      assert.deepEqual([named(home), home.held()], [[[cameraMac, "exact", laptopMac]], [`1 block ${cameraMac} 1`]]);
      assert.deepEqual(home.only().devices[0]?.insteadOf, { mac: laptopMac, name: "Laptop", address: laptopAddress });
      assert.ok(home.owner.includes("1 witnessed active"), home.owner.join());
      assert.match(home.log.join("\n"), /the packets carry the address 192\.168\.1\.22 of Laptop \(.*\), but come from Kitchen camera/);
    });

    it("auto, quarantine: nothing but a block until the packets agree, then the sender alone is cut off", async () => {
      const home = forging({ action: "quarantine" });
      await home.ask(words);
      await home.clock.advance(10_000);
      assert.deepEqual([home.held(), home.noticed.filter((each) => each !== "")], [[`1 block ${laptopMac} 1`], []]);
      await packetsOf(home, seen(cameraMac));
      await home.clock.advance(5_000);
      assert.deepEqual(home.held(), [`1 quarantine ${cameraMac} 1`]);
    });

    it("ask: the pending request is watched, and its name corrected before anybody answers", async () => {
      const home = forging(askPolicy);
      await home.ask(words);
      assert.deepEqual(home.reported()?.flows.map(({ action, senders }) => [action, senders]), [["watch", null]]);
      const { deadline } = home.only();
      await packetsOf(home, seen(cameraMac));
      assert.deepEqual([home.only().state, named(home), home.only().deadline], ["pending", [[cameraMac, "exact", laptopMac]], deadline]);
      assert.deepEqual([home.held(), home.owner], [[], ["1 found pending", "1 witnessed pending"]]);
    });

    it("ask, approved before the packets came: the laptop is let go, and a quarantine becomes a block of the one they did not see", async () => {
      const home = forging({ ...askPolicy, action: "quarantine" });
      await home.ask(words);
      await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
      assert.deepEqual(home.held(), [`1 quarantine ${laptopMac} 1`], "they were asked");
      await packetsOf(home, seen(cameraMac));
      assert.deepEqual([home.held(), home.only().action], [[`1 block ${cameraMac} 1`], "block"]);
    });

    it("a camera that is to be asked about, or never to be touched, is", async () => {
      const asks = forging({ devices: [{ mac: cameraMac, policy: "ask", action: null }] });
      await asks.ask(words);
      await packetsOf(asks, seen(cameraMac));
      assert.deepEqual([asks.only().state, asks.held(), named(asks)], ["pending", [], [[cameraMac, "exact", laptopMac]]]);
      const never = forging({ devices: [{ mac: cameraMac, policy: "never", action: null }] });
      await never.ask(words);
      await packetsOf(never, seen(cameraMac));
      assert.deepEqual([never.only().outcome, never.held()], ["rejected", []]);
    });

    it("finished: it stays likely, and a block", async () => {
      const home = forging({ action: "quarantine" });
      await home.ask(words);
      await home.clock.advance(600_000);
      assert.deepEqual([named(home), home.held()], [[[laptopMac, "likely", null]], [`1 block ${laptopMac} 1`]]);
    });
  });

describe("an upstream that is still under attack", () => {
  it("does not bring back the device whose address was forged", async () => {
    const home = forging();
    await home.ask(ports);
    await packetsOf(home, seen(cameraMac));
    home.witnessed = [];
    assert.equal((await home.pipeline.request({ asked: requested(ports), lifetime: null, attackStatus: 1 }, true)).is, "refreshed");
    await home.clock.advance(10_000);
    assert.deepEqual([named(home), home.held()], [[[cameraMac, "exact", laptopMac]], [`1 block ${cameraMac} 1`]]);
  });
});

describe("packets that agree", () => {
  it("make it exact, and a quarantine is one from then on; nobody is told twice of a block", async () => {
    const home = forging({ action: "quarantine" });
    await home.ask(ports);
    await packetsOf(home, seen(laptopMac));
    assert.deepEqual([named(home), home.held()], [[[laptopMac, "exact", null]], [`1 quarantine ${laptopMac} 1`]]);
    const block = forging();
    await block.ask(ports);
    await packetsOf(block, seen(laptopMac));
    assert.ok(!block.owner.includes("1 witnessed active"));
  });

  it("leave what was weighed meanwhile", async () => {
    const home = forging();
    await home.ask(ports);
    const { id, devices } = home.only();
    const exact = devices.map((device) => ({ ...device, certainty: "exact" as const, evidence: { ...device.evidence, packets: 0 } }));
    await home.pipeline.decideByOwner(id, { is: "witnessed", devices: exact, cleared: [], decision: { is: "act", action: "block", devices: exact } });
    assert.deepEqual(home.only().devices.map(({ certainty, evidence }) => [certainty, evidence.packets]), [["exact", devices[0]?.evidence.packets]]);
    assert.ok((devices[0]?.evidence.packets ?? 0) > 0);
  });

  it("of both the owner of the address and a forger: the forger is certain, the owner no more than before", async () => {
    const home = forging({ action: "quarantine" });
    await home.ask(ports);
    await packetsOf(home, seen(laptopMac), seen(cameraMac));
    await home.clock.advance(5_000);
    assert.deepEqual(named(home), [[cameraMac, "exact", laptopMac], [laptopMac, "likely", null]]);
    assert.deepEqual(home.held(), [`1 block ${laptopMac} 1`, `1 quarantine ${cameraMac} 1`]);
  });

  it("are asked for only while they come, and no more once all is certain", async () => {
    const home = forging(askPolicy);
    let readings = 0;
    const witnessed = [seen(laptopMac)];
    Object.defineProperty(home, "witnessed", {
      get: () => {
        readings += 1;
        return witnessed;
      },
    });
    await home.ask(ports);
    await home.clock.advance(60_000);
    assert.equal(readings, 0);
    home.counts.set(1, { ...drops(0), leaked: drops(9) });
    await home.clock.advance(60_000);
    home.counts.set(1, { ...drops(0), leaked: drops(99) });
    await home.clock.advance(60_000);
    assert.deepEqual([readings, named(home)], [1, [[laptopMac, "exact", null]]]);
  });
});

describe("a camera that takes the address of a device that the owner wants left alone", () => {
  const again = (home: FakeHome, words: Parameters<FakeHome["ask"]>[0] = {}): ReturnType<FakeHome["ask"]> => home.ask({ ...ports, ...words });
  /** The owner has said no to the laptop. */
  const denied = async (policy: Partial<Policy>): Promise<FakeHome> => {
    const home = forging(policy);
    await home.ask(ports);
    await home.pipeline.decideByOwner(1, { is: policy.consent === "ask" ? "denied" : "released" });
    home.owner.length = 0;
    home.told();
    return home;
  };
  /** Of what is left alone only what left is counted. */
  const sent = async (home: FakeHome, ...witnessed: FakeHome["witnessed"]): Promise<void> => {
    home.witnessed = witnessed;
    home.counts.set(1, { ...drops(0), leaked: drops(50) });
    await home.clock.advance(5_000);
  };

  it("is not covered by the no: asked for again, the packets are looked at, and the owner is asked about the camera", async () => {
    for (const words of [{}, { mid: 99 }, { upstream: "other", cuid: "else" }]) {
      const home = await denied(askPolicy);
      const answer = await again(home, words);
      assert.ok(answer.is === "refused" && answer.refusal.code === "4.09", "at first it is the laptop's, as far as anybody knows");
      await sent(home, seen(cameraMac));
      assert.deepEqual([home.only().state, named(home), home.held(), home.owner, home.told()], ["pending", [[cameraMac, "exact", laptopMac]], [], [
        "1 witnessed pending",
      ], ["56 1 - -"]]);
      assert.deepEqual(home.store.nos().map(({ mac }) => mac), [laptopMac], "the no stays");
      await home.pipeline.decideByOwner(1, { is: "approved", action: null, seconds: null });
      assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`]);
    }
  });

  it("auto: it is blocked, and the laptop goes on", async () => {
    const home = await denied({});
    await again(home);
    await sent(home, seen(cameraMac), seen(laptopMac));
    assert.deepEqual([home.only().state, home.held(), home.store.nos().length], ["active", [`1 block ${cameraMac} 1`], 1]);
  });

  it("the same where a rule of the owner's has the laptop left alone", async () => {
    const home = forging({ devices: [{ mac: laptopMac, policy: "never", action: null }] });
    await home.ask(ports);
    assert.equal(home.only().outcome, "rejected");
    await again(home);
    await sent(home, seen(cameraMac));
    assert.deepEqual([home.only().state, home.held()], ["active", [`1 block ${cameraMac} 1`]]);
  });

  it("while it is the laptop that sends, nothing happens and nobody is asked; a camera that is left alone as well stays so", async () => {
    const home = await denied(askPolicy);
    await again(home);
    await sent(home, seen(laptopMac));
    assert.deepEqual([home.only().outcome, home.owner, home.told(), home.held()], ["denied", [], [], []]);
    const both = await denied({ devices: [{ mac: cameraMac, policy: "never", action: null }] });
    await again(both);
    await sent(both, seen(cameraMac));
    assert.deepEqual([both.only().outcome, both.owner, both.held()], ["released", [], []]);
  });

  it("costs nothing half a minute after it was last asked for", async () => {
    const home = await denied(askPolicy);
    await again(home);
    await home.clock.advance(0);
    assert.deepEqual(home.reported()?.flows.map(({ action }) => action), ["watch"]);
    await home.clock.advance(31_000);
    assert.deepEqual([home.reported()?.flows, home.rules()], [[], []]);
  });
});
