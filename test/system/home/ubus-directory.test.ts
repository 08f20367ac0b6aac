import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { formatIpPrefix } from "../../../src/model/ip-prefix.ts";
import { checkScope } from "../../../src/policy/check-scope.ts";
import { openHomeDirectory } from "../../../src/system/home/home-directory.ts";
import { openHomeNetwork } from "../../../src/system/home/home-network.ts";
import { openUbusDirectory, type UbusDirectory } from "../../../src/system/home/ubus-directory.ts";
import { openUbus, type Ubus, type UbusTable } from "ubus-ts";
import { asking, type Words } from "../../nat-lookup/asking.ts";
import { autoPolicy } from "../../policy/samples.ts";
import { socketPath, startUbusd } from "../../../packages/ubus-ts/test/start-ubusd.ts";
import type { TestUbusd } from "../../../packages/ubus-ts/test/ubusd.ts";
import { until } from "../../until.ts";
import { playTables } from "../played-tools.ts";
import { steadyInstant } from "../../../src/model/time.ts";

const camera = "02:00:00:00:0a:01"; // on lan1, by the recorded bridge
const phone = "02:00:00:00:0a:07";
const silent = (): void => undefined;
const place = socketPath();
let ubusd: TestUbusd;
let services: Ubus;
let client: Ubus;
let now = 0;
const calls: string[] = [];

/** Publishes an object that answers the same each time; a method without an answer never answers. */
async function serve(path: string, methods: Readonly<Record<string, UbusTable | undefined>>): Promise<() => void> {
  const publication = services.publish({
    path,
    methods: Object.fromEntries(Object.entries(methods).map(([method, answer]) => [method, {
      signature: {},
      answer: () => {
        calls.push(`${path} ${method}`);
        return answer ?? new Promise<UbusTable>(silent);
      },
    }])),
  });
  await until(`${path} is there`, () => publication.isPublished);
  return () => {
    publication.remove();
  };
}

const hostapd = (ssid: string, ...macs: string[]): Record<string, UbusTable> => ({
  get_clients: { freq: 2412, clients: Object.fromEntries(macs.map((mac) => [mac, { authorized: true }])) },
  get_status: { status: "ENABLED", ssid },
});
const dump = {
  interface: [
    { interface: "lan", up: true, proto: "static", l3_device: "br-lan", device: "br-lan", route: [] },
    { interface: "wan", up: true, proto: "pppoe", l3_device: "pppoe-wan", device: "eth1", route: [{ target: "0.0.0.0", mask: 0 }] },
  ],
};
const open = (): UbusDirectory => openUbusDirectory(() => client, { now: () => steadyInstant(now) });

suite("the home by the services of OpenWrt", () => {
  before(async () => {
    ubusd = await startUbusd(place.path);
    services = openUbus({ path: place.path });
    client = openUbus({ path: place.path });
    await until("connected", () => client.isConnected && services.isConnected);
  });
  after(async () => {
    client.close();
    services.close();
    await ubusd.stop();
    place.remove();
  });

  test("says nothing where they are not, nor without ubus", async () => {
    for (const directory of [open(), openUbusDirectory(() => undefined, { now: () => steadyInstant(now) })]) {
      await directory.refresh();
      assert.deepEqual([[...directory.names()], directory.wifi(camera), directory.devices()], [[], null, { wan: [], lan: [], tunnels: [], isFresh: false }]);
    }
  });

  test("names, Wi-Fi and devices; asked again after some seconds only, and nobody waits", async () => {
    const stops = await Promise.all([
      serve("luci-rpc", { getHostHints: { "02:00:00:00:0A:07": { name: "phone" } } }),
      serve("hostapd.wlan0", hostapd("home", phone)),
      serve("hostapd.wlan1", hostapd("guests", "02:00:00:00:0a:09")),
      serve("network.interface", { dump }),
    ]);
    const directory = open();
    assert.deepEqual([[...directory.names()], directory.wifi(phone)], [[], null], "the first question does not wait");
    await directory.refresh();
    assert.deepEqual([[...directory.names()], directory.wifi(phone), directory.wifi("02:00:00:00:0a:09"), directory.wifi(camera)], [[[phone, "phone"]],
      'Wi-Fi "home"', 'Wi-Fi "guests"', null]);
    const devices = { wan: ["pppoe-wan"], lan: ["br-lan"], tunnels: [] };
    assert.deepEqual(directory.devices(), { ...devices, isFresh: true });
    assert.equal(calls.length, 6, calls.join());

    for (const stop of stops) stop();
    now += 31_000;
    assert.deepEqual(directory.devices(), { ...devices, isFresh: false }, "old");
    await directory.refresh();
    assert.equal(directory.wifi(phone), null, "Wi-Fi was switched off");
    assert.equal(calls.length, 6);
  });

  test("an address that homes share, as netifd's map protocol describes it: ours, with our ports", async () => {
    const nat = ["1024-1039", "2048-2063"].map((ports) => ({
      type: "nat",
      target: "SNAT",
      family: "inet",
      proto: "udp",
      connlimit_ports: true,
      snat_ip: "203.0.113.64",
      snat_port: ports,
    }));
    const stop = await serve("network.interface", {
      dump: {
        interface: [{
          interface: "wan6_4",
          up: true,
          proto: "map",
          l3_device: "map-wan6_4",
          device: "map-wan6_4",
          route: [],
          data: { zone: "wan", firewall: nat },
        }],
      },
    });
    const directory = open();
    await directory.refresh();
    const home = await openHomeNetwork({
      tables: playTables(),
      configured: () => ({ wan: ["wan"], lan: ["br-lan"] }),
      sourceScope: () => [],
      shared: () => directory.shared(),
    }).addresses();
    assert.ok(home.outside.map(formatIpPrefix).includes("203.0.113.64/32"), "MAP-T leaves it on no device");
    const verdict = (words: Words): unknown => checkScope(asking({ from: "203.0.113.64", ...words }), home, autoPolicy);
    assert.equal(verdict({ fromPorts: "2050" }), undefined);
    for (const words of [{}, { fromPorts: "3000" }]) assert.ok(verdict(words), JSON.stringify(words));
    stop();
  });

  test("a service that never answers holds up neither the question nor the others", async () => {
    const stops = await Promise.all([serve("luci-rpc", { getHostHints: undefined }), serve("hostapd.wlan0", { get_clients: undefined, get_status: undefined }),
      serve("hostapd.wlan1", hostapd("home", phone))]);
    const directory = open();
    const began = performance.now();
    await directory.refresh();
    const took = performance.now() - began;
    assert.ok(took > 400 && took < 10_000, `${took} ms`);
    assert.equal(directory.wifi(phone), 'Wi-Fi "home"');
    for (const stop of stops) stop();
  });

  test("hints count after leases, a Wi-Fi before the bridge port", async () => {
    const hints = { names: () => new Map([[phone, "phone"]]), wifi: (mac: string) => (mac === phone ? 'Wi-Fi "home"' : null) };
    const directory = openHomeDirectory({ tables: playTables(), log: silent, leaseFiles: [], hints });
    assert.deepEqual([...await directory.names()], [[phone, "phone"]]);
    assert.deepEqual([await directory.port(phone.toUpperCase()), await directory.port(camera)], ['Wi-Fi "home"', "lan1"]);
    const host = { mac: phone, duidMac: null, addresses: [], name: "anna" };
    const leased = openHomeDirectory({ tables: playTables(), log: silent, leaseFiles: [], dhcp: () => ({ hosts: [host], leaseFiles: [] }), hints });
    assert.deepEqual([...await leased.names()], [[phone, "anna"]]);
  });
});
