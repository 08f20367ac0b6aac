import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { QuarantinedDevice } from "../../../src/model/enforcement.ts";
import { openHostapdClients, type HostapdClients } from "../../../src/system/filter/hostapd-clients.ts";
import { type Ubus, UbusError, ubusStatus } from "ubus-ts";
import { fakeClock, settle, type FakeClock } from "../../fake-clock.ts";
import { playHostapd, type PlayedHostapd } from "./played-hostapd.ts";
import { between, later, milliseconds, seconds, sinceEpoch } from "../../../src/model/time.ts";

const camera = "02:00:00:00:0a:01";
const lamp = "02:00:00:00:0a:02";
const off = (mac: string | null, timeout = 600): QuarantinedDevice => ({ mac, addresses: ["192.168.1.23"], timeout: seconds(timeout) });

interface FakeWifi {
  readonly clients: HostapdClients;
  readonly clock: FakeClock;
  readonly log: string[];
  /** hostapd's networks on a bus in memory; a second time the same path is a network made anew. */
  add(path: string): PlayedHostapd;
  remove(path: string): void;
  isConnected: boolean;
  lookups: number;
  /** Of the lookup. */
  fault: Error | undefined;
}

function fakeWifi({ unban = [], clock = fakeClock() }: { unban?: string[]; clock?: FakeClock } = {}): FakeWifi {
  const objects = new Map<string, { id: number; hostapd: PlayedHostapd }>();
  const ears = new Set<(id: string, data: { path: string }) => void>();
  const log: string[] = [];
  let nextId = 1;
  const bus: Pick<Ubus, "isConnected" | "lookup" | "invoke" | "listen"> = {
    get isConnected() {
      return wifi.isConnected;
    },
    lookup: () => {
      wifi.lookups++;
      return wifi.fault
        ? Promise.reject(wifi.fault)
        : Promise.resolve(
          [...objects].map(([path, { id, hostapd }]) => ({ path, id, methods: Object.fromEntries(Object.keys(hostapd.methods).map((name) => [name, {}])) })),
        );
    },
    async invoke(path, method, args = {}) {
      await Promise.resolve();
      const known = objects.get(path)?.hostapd.methods[method];
      if (!known) throw new UbusError(ubusStatus.notFound);
      return known.answer(args, { user: "dots-callhome", group: "dots-callhome" });
    },
    listen(pattern, heard) {
      assert.equal(pattern, "ubus.object.add");
      ears.add(heard);
      return () => {
        ears.delete(heard);
      };
    },
  };
  const wifi: FakeWifi = {
    clock,
    log,
    isConnected: true,
    lookups: 0,
    fault: undefined,
    clients: openHostapdClients(() => bus, {
      clock: clock.steady,
      log: (level, message) => {
        log.push(`${level} ${message}`);
      },
      unban: () => new Set(unban),
    }),
    add(path) {
      const hostapd = playHostapd(() => sinceEpoch(clock.now()));
      objects.set(path, { id: nextId++, hostapd });
      for (const ear of ears) ear("ubus.object.add", { path });
      return hostapd;
    },
    remove(path) {
      objects.delete(path);
    },
  };
  return wifi;
}

/** All that hangs on promises only. */
const settled = async (): Promise<void> => {
  for (let round = 0; round < 5; round++) await settle();
};

describe("Wi-Fi clients that are cut off", () => {
  it("are put off every network, whether they are there or not, for as long as the kernel holds them", async () => {
    const wifi = fakeWifi();
    const [home, guests] = [wifi.add("hostapd.phy0-ap0"), wifi.add("hostapd.phy1-ap0")];
    assert.ok(home.join(camera) && home.join(lamp));
    wifi.clients.ban([off(camera, 300)]);
    await settled();
    assert.deepEqual([home.calls, guests.calls], [[`${camera} 300000`], [`${camera} 300000`]]);
    assert.deepEqual([[...home.clients], home.join(camera), guests.join(camera)], [[lamp], false, false]);
    await wifi.clock.advance(299_999);
    assert.equal(home.join(camera), false);
    await wifi.clock.advance(1);
    assert.equal(home.join(camera), true, "it ends by itself");
    assert.deepEqual([wifi.clients.warnings(), wifi.log], [[], []]);
  });

  it("stay off by renewals, which are few; a storm of decisions is none", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    for (let round = 0; round < 20; round++) {
      for (let decision = 0; decision < 10; decision++) wifi.clients.ban([off(camera)]);
      await settled();
      assert.equal(home.join(camera), false, `in minute ${round * 4}`);
      await wifi.clock.advance(240_000);
      assert.equal(home.join(camera), false, `in minute ${round * 4 + 4}`);
    }
    assert.deepEqual(new Set(home.calls), new Set([`${camera} 600000`]));
    assert.equal(home.calls.length, 20);
  });

  it("whose time is extended by a little stay off without a gap", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    // Ends after 610 s: at the first renewal ten seconds are gained only.
    const ends = later(wifi.clock.now(), milliseconds(610_000));
    while (wifi.clock.now() < ends) {
      const left = (between(wifi.clock.now(), ends)) / 1000;
      wifi.clients.ban([off(camera, Math.min(600, left))]);
      await settled();
      await wifi.clock.advance(Math.min(240, left) * 1000 - 1);
      assert.equal(home.join(camera), false, `${left} s before its end`);
      await wifi.clock.advance(1);
    }
    assert.equal(home.join(camera), true);
    assert.equal(home.calls.length, 2);
  });

  it("are let in again at once when they are released; others stay off", async () => {
    const wifi = fakeWifi();
    const [home, guests] = [wifi.add("hostapd.phy0-ap0"), wifi.add("hostapd.phy1-ap0")];
    wifi.clients.ban([off(camera), off(lamp)]);
    await settled();
    wifi.clients.ban([off(lamp)]);
    await settled();
    assert.deepEqual([home, guests].map((ap) => [ap.join(camera), ap.join(lamp)]), [[true, false], [true, false]]);
    wifi.clients.ban([]);
    await settled();
    assert.deepEqual([home.join(lamp), home.calls.slice(2)], [true, [`${camera} 0`, `${lamp} 0`]]);
    assert.ok(home.clients.has(camera), "who was let in before is not sent away again");
    const { lookups } = wifi;
    wifi.clients.ban([]);
    await settled();
    assert.equal(wifi.lookups, lookups, "with nothing to do hostapd is not asked");
  });

  it("whose ban has run out are not sent away by being let go", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    wifi.clients.ban([off(camera, 60)]);
    await settled();
    await wifi.clock.advance(60_000);
    assert.ok(home.join(camera));
    wifi.clients.ban([]);
    await settled();
    assert.ok(home.clients.has(camera));
  });

  it("are put off networks that appear later, and those that Wi-Fi's restart has made anew", async () => {
    const wifi = fakeWifi();
    wifi.clients.ban([off(camera)]);
    await settled();
    const late = wifi.add("hostapd.phy0-ap0");
    await wifi.clock.advance(1_000);
    assert.equal(late.join(camera), false);
    await wifi.clock.advance(100_000);
    const anew = wifi.add("hostapd.phy0-ap0");
    await wifi.clock.advance(1_000);
    assert.deepEqual(anew.calls, [`${camera} ${600_000 - 102_000}`], "for what remains");
    wifi.clients.ban([]);
    await settled();
    assert.equal(anew.join(camera), true);
    const after = wifi.add("hostapd.phy1-ap0");
    await wifi.clock.advance(10_000);
    assert.deepEqual(after.calls, [], "nobody listens any more");
  });

  it("are released on a network that has gone and come back meanwhile", async () => {
    const wifi = fakeWifi();
    wifi.add("hostapd.phy0-ap0");
    wifi.clients.ban([off(camera)]);
    await settled();
    wifi.remove("hostapd.phy0-ap0");
    wifi.clients.ban([]);
    await settled();
    assert.deepEqual([wifi.log, wifi.clock.waiting()], [[], 0]);
  });

  it("wait for ubus, and are put off as soon as it is there", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    wifi.isConnected = false;
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.deepEqual([home.calls, wifi.lookups], [[], 0]);
    wifi.isConnected = true;
    wifi.clients.connected();
    await settled();
    assert.equal(home.join(camera), false);
  });

  it("without a MAC address cannot be told from others; more than 64 are too many", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    const crowd = Array.from({ length: 100 }, (_, at) => `02:00:00:00:0b:${at.toString(16).padStart(2, "0")}`);
    wifi.clients.ban([off(null), ...crowd.map((mac) => off(mac))]);
    await settle();
    for (let round = 0; round < 100; round++) await settle();
    assert.equal(home.bans().size, 64);
    assert.match(wifi.clients.warnings().join(), /only 64 devices/);
  });
});

describe("a daemon that starts again", () => {
  it("arms the bans of its earlier run anew, lifts those that it had let go, and leaves those of others", async () => {
    const clock = fakeClock();
    const wifi = fakeWifi({ unban: [lamp, "02:00:00:00:0a:07"], clock });
    const home = wifi.add("hostapd.phy0-ap0");
    const call = (addr: string): unknown =>
      home.methods["del_client"]?.answer({ addr, reason: 5, deauth: true, ban_time: 500_000 }, { user: null, group: null });
    for (const mac of [camera, lamp, "02:00:00:00:0a:08"]) call(mac);
    assert.ok(home.join("02:00:00:00:0a:07"));
    await clock.advance(100_000);
    home.calls.length = 0;
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.deepEqual(home.calls, [`${camera} 600000`, `${lamp} 0`]);
    assert.deepEqual([home.join(camera), home.join(lamp), home.join("02:00:00:00:0a:08")], [false, true, false]);
    assert.ok(home.clients.has("02:00:00:00:0a:07"), "one that is back already is not disturbed");
  });

  it("does so too when nobody is to be put off", async () => {
    const wifi = fakeWifi({ unban: [lamp] });
    const home = wifi.add("hostapd.phy0-ap0");
    void home.methods["del_client"]?.answer({ addr: lamp, reason: 5, deauth: true, ban_time: 500_000 }, { user: null, group: null });
    wifi.clients.ban([]);
    await settled();
    assert.equal(home.join(lamp), true);
  });
});

describe("a hostapd that does not do it", () => {
  it("may not be asked: said once, and not tried before the next renewal", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    home.fault = () => Promise.reject(new UbusError(ubusStatus.permissionDenied));
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.deepEqual(wifi.clients.warnings(), ["could not disconnect quarantined clients from hostapd.phy0-ap0: permission denied"]);
    const { lookups } = wifi;
    await wifi.clock.advance(200_000);
    assert.equal(wifi.lookups, lookups);
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.equal(wifi.log.length, 1);
    assert.match(wifi.log[0] ?? "", /^warn .*: permission denied; not tried again before the next renewal$/);
    home.fault = undefined;
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.deepEqual([wifi.clients.warnings(), home.join(camera)], [[], false]);
  });

  it("does not answer: others are told all the same, and it is asked again, ever more seldom", async () => {
    const wifi = fakeWifi();
    const [deaf, home] = [wifi.add("hostapd.phy0-ap0"), wifi.add("hostapd.phy1-ap0")];
    let attempts = 0;
    deaf.fault = () => {
      attempts++;
      return Promise.reject(new UbusError(ubusStatus.timeout));
    };
    wifi.clients.ban([off(camera), off(lamp)]);
    await settled();
    assert.deepEqual([home.join(camera), home.join(lamp), attempts], [false, false, 1], "one call that times out is enough");
    await wifi.clock.advance(70_000);
    assert.equal(attempts, 4, "after 10, 20 and 40 s");
    deaf.fault = undefined;
    await wifi.clock.advance(80_000);
    assert.deepEqual([deaf.join(camera), deaf.join(lamp), wifi.clients.warnings()], [false, false, []]);
    assert.equal(wifi.log.length, 1);
    assert.match(wifi.log[0] ?? "", /^warn .*; next attempt in 10 s$/);
  });

  it("cannot be looked for, as ubusd does not answer: it is looked for again, and until then it is a warning", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    wifi.fault = new UbusError(ubusStatus.timeout);
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.deepEqual([wifi.lookups, wifi.clients.warnings().length], [1, 1]);
    assert.match(wifi.log.join("\n"), /^warn .*any network: .*; next attempt in 10 s$/);
    await wifi.clock.advance(10_000);
    assert.equal(wifi.lookups, 2);
    wifi.fault = undefined;
    await wifi.clock.advance(20_000);
    assert.deepEqual([home.join(camera), wifi.clients.warnings()], [false, []]);
  });

  it("did not say that a ban was lifted: it is lifted later, or armed again where it is wanted again", async () => {
    const wifi = fakeWifi();
    const home = wifi.add("hostapd.phy0-ap0");
    wifi.clients.ban([off(camera), off(lamp)]);
    await settled();
    home.fault = () => Promise.reject(new UbusError(ubusStatus.timeout));
    wifi.clients.ban([]);
    await settled();
    home.fault = undefined;
    home.calls.length = 0;
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.deepEqual(home.calls, [`${camera} 600000`, `${lamp} 0`]);
  });

  it("is another kind of program: it is left alone", async () => {
    const wifi = fakeWifi();
    const other = wifi.add("hostapd.odd");
    Reflect.deleteProperty(other.methods, "del_client");
    wifi.clients.ban([off(camera)]);
    await settled();
    assert.deepEqual([wifi.clients.warnings(), wifi.log], [[], []]);
  });
});
