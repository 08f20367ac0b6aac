import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openHostapdClients } from "../../src/system/filter/hostapd-clients.ts";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { quarantinedDevices, lateQuarantines } from "../../src/enforcer/quarantined-devices.ts";
import { fakeClock, settle, type FakeClock } from "../fake-clock.ts";
import { nothingRemembered } from "../../src/memory/store.ts";
import { rule as sampleRule } from "../enforcer/sample-rules.ts";
import { playHostapd, type PlayedHostapd } from "../system/filter/played-hostapd.ts";
import { attack, cameraAddress, cameraMac, fakeHome, laptopAddress, laptopMac, type FakeHome } from "./fake-home.ts";
import { seconds, sinceEpoch } from "../../src/model/time.ts";

const client = "dz6pHjaADkaFTbjr0JGBpw";
const last = (list: readonly string[]): string | undefined => list.at(-1);

describe("a quarantine beyond the packet filter", () => {
  it("is told to Wi-Fi and notice page once the kernel has it, and at each renewal", async () => {
    const home = fakeHome({ action: "quarantine" });
    home.broken.filter = "no nft";
    await home.ask();
    assert.deepEqual([home.banned, home.noticed], [[], []], "not while the kernel does not hold it");
    delete home.broken.filter;
    await home.clock.advance(5_000);
    assert.deepEqual([last(home.banned), last(home.noticed)], [`${cameraMac} 600`, cameraAddress]);
    const told = home.banned.length;
    await home.clock.advance(960_000);
    assert.equal(home.banned.length, told + 4, "every 240 s");
  });

  it("is nobody's affair where a device is blocked, limited, observed, or asked about", async () => {
    for (
      const policy of [{ action: "block" }, { action: "limit" }, { consent: "observe", action: "quarantine" }, {
        consent: "ask",
        action: "quarantine",
      }] as const
    ) {
      const home = fakeHome(policy);
      await home.ask();
      await home.clock.advance(10_000);
      assert.deepEqual([home.banned, home.noticed].map((told) => told.filter((each) => each !== "")), [[], []], JSON.stringify(policy));
    }
  });

  it("one device of two that is released; the other stays", async () => {
    const home = fakeHome({ action: "quarantine" }, { flows: [attack(cameraAddress)] });
    await home.ask({ mid: 1 });
    home.flows.splice(0, 1, attack(laptopAddress));
    await home.ask({ mid: 2, cuid: "another" });
    assert.deepEqual(last(home.banned)?.split(", ").map((each) => each.split(" ")[0]).sort(), [cameraMac, laptopMac].sort());
    await home.pipeline.decideByOwner(1, { is: "released" });
    assert.equal(last(home.banned), `${laptopMac} 600`);
  });

  it("of several mitigations of one device the one that lasts longest counts", () => {
    const rule = (timeout: number, address: string): EnforcementRule =>
      sampleRule({ action: "quarantine", mac: cameraMac, addresses: [address], timeout: seconds(timeout) });
    assert.deepEqual(
      quarantinedDevices([rule(60, "192.168.1.2"), rule(600, "192.168.1.3"), rule(300, "192.168.1.2"), sampleRule({ action: "block", mac: laptopMac })]),
      [{ mac: cameraMac, addresses: ["192.168.1.2", "192.168.1.3"], timeout: 600 }],
    );
  });
});

const ends: readonly (readonly [string, (home: FakeHome) => unknown])[] = [
  ["released", (home) => home.pipeline.decideByOwner(1, { is: "released" })],
  ["withdrawn, after the terminating period", async (home) => {
    home.pipeline.withdraw("isp", client, 56);
    await home.clock.advance(119_000);
    assert.ok(last(home.banned)?.startsWith(cameraMac), "not before its end");
    await home.clock.advance(1_000);
  }],
  ["expired", (home) => home.clock.advance(3_600_000)],
  ["never to be touched, as the owner says now", (home) => {
    const settings = home.pipeline.settings();
    return home.pipeline.reload({ ...settings, policy: { ...settings.policy, devices: [{ mac: cameraMac, policy: "never", action: null }] } });
  }],
];

/** The real adapter between the pipeline and a played hostapd, on one clock. */
function homeWithWifi(clock: FakeClock, hostapd: PlayedHostapd, from = nothingRemembered): FakeHome {
  const wifi = openHostapdClients(() => ({
    isConnected: true,
    listen: () => () => undefined,
    lookup: () => Promise.resolve([{ path: "hostapd.phy0-ap0", id: 1, methods: { del_client: {}, list_bans: {} } }]),
    invoke: async (_path, method, args = {}) => hostapd.methods[method]?.answer(args, { user: null, group: null }) ?? {},
  }), { clock: clock.steady, log: () => undefined, unban: () => lateQuarantines(home.store.all(), clock.now()) });
  const home = fakeHome({ action: "quarantine" }, { clock, from, wireless: wifi });
  return home;
}

describe("Wi-Fi of a quarantined device, from request to end", () => {
  for (const [how, end] of ends) {
    it(`is off without a gap, and back once it is ${how}`, async () => {
      const clock = fakeClock();
      const hostapd = playHostapd(() => sinceEpoch(clock.now()));
      const home = homeWithWifi(clock, hostapd);
      hostapd.join(cameraMac);
      await home.ask();
      await settle();
      for (let minute = 0; minute < 40; minute++) {
        assert.equal(hostapd.join(cameraMac), false, `minute ${minute}`);
        await clock.advance(60_000);
      }
      await end(home);
      await clock.advance(2_000);
      assert.deepEqual([last(home.banned), hostapd.join(cameraMac)], ["", true]);
      assert.ok(hostapd.calls.every((call) => Number(call.split(" ")[1]) <= 600_000), "far below what hostapd can count");
    });
  }

  it("stays off through a restart of the daemon, and is back where it has ended meanwhile", async () => {
    const clock = fakeClock();
    const hostapd = playHostapd(() => sinceEpoch(clock.now()));
    const first = homeWithWifi(clock, hostapd);
    await first.ask();
    await clock.advance(500_000);
    first.pipeline.stop();
    const second = homeWithWifi(clock, hostapd, first.store.snapshot());
    hostapd.calls.length = 0;
    await second.pipeline.resume();
    await clock.advance(1_000);
    assert.deepEqual([hostapd.calls, hostapd.join(cameraMac)], [[`${cameraMac} 600000`], false]);

    // Killed between the owner's release and what follows from it.
    await second.pipeline.decideByOwner(1, { is: "released" });
    await settle();
    second.pipeline.stop();
    void hostapd.methods["del_client"]?.answer({ addr: cameraMac, reason: 5, deauth: true, ban_time: 500_000 }, { user: null, group: null });
    const third = homeWithWifi(clock, hostapd, second.store.snapshot());
    await third.pipeline.resume();
    await clock.advance(1_000);
    assert.deepEqual([third.only().state, hostapd.join(cameraMac)], ["ended", true]);
  });

  it("is back by itself where the daemon is dead", async () => {
    const clock = fakeClock();
    const hostapd = playHostapd(() => sinceEpoch(clock.now()));
    const home = homeWithWifi(clock, hostapd);
    await home.ask();
    await settle();
    home.pipeline.stop();
    await clock.advance(599_000);
    assert.equal(hostapd.join(cameraMac), false);
    await clock.advance(1_000);
    assert.equal(hostapd.join(cameraMac), true);
  });
});
