import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatIpPrefix } from "../../../src/model/ip-prefix.ts";
import { hintedNames, netifdDevices, sharedAddresses, wifiClients, wifiName } from "../../../src/nat-lookup/identity/ubus-answers.ts";

const odd: readonly unknown[] = [undefined, null, 1, "x", [], [null], {}, { clients: 1, interface: {}, ssid: {} }, {
  clients: [],
  interface: [null, 1, { up: true, route: {} }, { up: true, proto: "static", l3_device: 5 }],
}, { "02:00:00:00:0a:01": null, x: { name: "y" } }];

describe("what services answer over ubus", () => {
  it("names of hints, cleaned", () => {
    const names = hintedNames({
      "02:00:00:00:0A:01": { ipaddrs: ["192.168.1.21"], ip6addrs: [], name: "camera.lan" },
      "02:00:00:00:0a:02": { ipaddrs: [] },
      "02:00:00:00:0a:03": { name: "\u202e\u0007 " },
      "02:00:00:00:0a:04": { name: `a\nb${"x".repeat(10_000)}` },
      "02:00:00:00:0a:05": { name: 7 },
      "not a mac": { name: "z" },
    });
    assert.deepEqual([...names], [["02:00:00:00:0a:01", "camera.lan"], ["02:00:00:00:0a:04", `ab${"x".repeat(62)}`]]);
  });

  it("no name for a client that bears an address of the router's: LuCI gives it the router's", () => {
    const own = new Set(["192.168.1.1", "fd00::1"]);
    const hint = (name: string, ipaddrs: readonly string[], ip6addrs: readonly string[] = []): object => ({ ipaddrs, ip6addrs, name });
    const hints = {
      "02:00:00:00:0a:01": hint("OpenWrt.lan", ["192.168.1.21", "192.168.1.1"]),
      "02:00:00:00:0a:02": hint("OpenWrt.lan", [], ["fd00::1"]),
      "02:00:00:00:0a:03": hint("camera.lan", ["192.168.1.11"], ["fd00::11"]),
    };
    assert.deepEqual([...hintedNames(hints, own)], [["02:00:00:00:0a:03", "camera.lan"]]);
  });

  it("clients of a Wi-Fi, without those that have not proved the key", () => {
    assert.deepEqual(wifiClients({
      freq: 2412,
      clients: {
        "02:00:00:00:0A:01": { auth: true, assoc: true, authorized: true },
        "02:00:00:00:0a:02": { auth: true, authorized: false },
        "02:00:00:00:0a:03": {},
        nonsense: { authorized: true },
      },
    }), ["02:00:00:00:0a:01", "02:00:00:00:0a:03"]);
  });

  for (
    const [ssid, expected] of [["home", 'Wi-Fi "home"'], ["", "Wi-Fi"], ["\u202e", "Wi-Fi"], [5, "Wi-Fi"], ['a"b\u0000c', 'Wi-Fi "a"bc"'], ["😀".repeat(100),
      `Wi-Fi "${"😀".repeat(32)}"`]] as const
  )
    it(`the name of the Wi-Fi ${JSON.stringify(ssid).slice(0, 12)}`, () => {
      assert.equal(wifiName({ status: "ENABLED", ssid }), expected);
    });

  const face = (name: string, proto: string, l3: string, more: object = {}): object => ({
    interface: name,
    up: true,
    proto,
    l3_device: l3,
    device: l3,
    route: [],
    ...more,
  });
  const toWorld = { route: [{ target: "192.0.2.0", mask: 24 }, { target: "0.0.0.0", mask: 0, nexthop: "192.0.2.1", source: "192.0.2.7/32" }] };
  const toWorld6 = { route: [{ target: "::", mask: 0, nexthop: "fe80::1" }] };
  const lan = face("lan", "static", "br-lan");
  const tables: readonly (readonly [string, readonly unknown[], readonly string[], readonly string[]])[] = [
    ["loopback, lan, wan, wan6", [face("loopback", "static", "lo"), lan, face("wan", "dhcp", "eth1", toWorld), face("wan6", "dhcpv6", "eth1", toWorld6)], [
      "eth1",
    ], ["br-lan"]],
    ["PPPoE, its modem, a guest network", [lan, face("guest", "static", "br-guest"), face("wan", "pppoe", "pppoe-wan", { device: "eth1", ...toWorld }),
      face("modem", "static", "eth1")], ["pppoe-wan"], ["br-lan", "br-guest"]],
    ["two WANs, one static", [lan, face("wan", "static", "eth1", toWorld), face("wwan", "qmi", "wwan0", toWorld)], ["eth1", "wwan0"], ["br-lan"]],
    ["a VPN that is no way out, a WAN that is down", [lan, face("vpn", "wireguard", "wg0"), { ...face("wan", "dhcp", "eth1", toWorld), up: false }], [], [
      "br-lan",
    ]],
    ["an access point: its lan is its way out", [face("lan", "static", "br-lan", toWorld)], ["br-lan"], []],
    ["a LAN with a gateway by mistake", [face("lan", "static", "br-lan", { ...toWorld, "ipv4-address": [{ address: "192.168.1.1", mask: 24 }] }),
      face("wan", "dhcp", "eth1", toWorld)], ["eth1"], ["br-lan"]],
    ["a static WAN on a bridge beside another", [face("wan", "static", "br-wan", { ...toWorld, "ipv4-address": [{ address: "203.0.113.7", mask: 24 }] }),
      face("wwan", "qmi", "wwan0", toWorld)], ["br-wan", "wwan0"], []],
    ["names that are none", [face("lan", "static", 'x" }'), face("wan", "dhcp", "a name of more than 15", toWorld)], [], []],
  ];
  for (const [what, dumped, wan, inside] of tables)
    it(`WAN and LAN: ${what}`, () => {
      assert.deepEqual(netifdDevices({ interface: dumped }), { wan, lan: inside, tunnels: [] });
    });

  it("tunnels that carry one family through the other", () => {
    const dumped = [lan, face("wan6", "dhcpv6", "wan", toWorld6), face("wan6_4", "dslite", "ds-wan6_4", toWorld), face("map", "map", "map-wan6_4"),
      face("x", "464xlat", "464-wan6_4"), face("vpn", "wireguard", "wg0")];
    assert.deepEqual(netifdDevices({ interface: dumped }), { wan: ["wan", "ds-wan6_4"], lan: ["br-lan"], tunnels: ["ds-wan6_4", "map-wan6_4", "464-wan6_4"] });
  });

  it("addresses that homes share, with the port sets that MAP-E, MAP-T and lw4o6 give to this one", () => {
    const rule = (snat_port?: string, more: object = {}): object => ({
      type: "nat",
      target: "SNAT",
      family: "inet",
      snat_ip: "203.0.113.64",
      ...(snat_port === undefined ? {} : { snat_port, proto: "tcp", connlimit_ports: true }),
      ...more,
    });
    const shared = (...firewall: readonly unknown[]): unknown[] =>
      sharedAddresses({ interface: [lan, face("wan6_4", "map", "map-wan6_4", { data: { zone: "wan", firewall } })] })
        .map(({ address, ports }) => [formatIpPrefix(address), ...ports.map(({ lower, upper }) => `${lower}-${upper}`)]);
    assert.deepEqual(shared(rule("1024-1039"), rule("1024-1039", { proto: "udp" }), rule("2048-2063"), { type: "rule", family: "inet6", target: "ACCEPT" }), [[
      "203.0.113.64/32",
      "1024-1039",
      "2048-2063",
    ]]);
    assert.deepEqual(shared(rule()), [], "without ports it is not shared");
    assert.deepEqual(shared(null, 1, rule("9-1"), rule("1-99999"), rule("x"), rule("1-2", { snat_ip: "map" }), rule("1-2", { target: "DROP" })), []);
    assert.deepEqual(sharedAddresses({ interface: [{ ...face("x", "map", "map-x", { data: { firewall: [rule("1-2")] } }), up: false }] }), []);
    const many = Array.from({ length: 20_000 }, (_, at) => rule(String(2 * at + 1)));
    assert.equal(sharedAddresses({ interface: [face("x", "map", "map-x", { data: { firewall: many } })] })[0]?.ports.length, 4096, "takes only so much");
  });

  it("reads nothing out of what is odd", () => {
    for (const each of odd)
      assert.deepEqual([[...hintedNames(each)], wifiClients(each), wifiName(each), netifdDevices(each), sharedAddresses(each)], [[], [], "Wi-Fi", {
        wan: [],
        lan: [],
        tunnels: [],
      }, []], JSON.stringify(each));
  });
  it("takes only so much", () => {
    const many = Object.fromEntries(
      Array.from({ length: 20_000 },
        (_, at) => [`02:00:00:00:${(at >> 8).toString(16).padStart(2, "0")}:${(at & 255).toString(16).padStart(2, "0")}`, { name: "x" }]),
    );
    assert.deepEqual([hintedNames(many).size, wifiClients({ clients: many }).length], [2048, 512]);
    assert.equal(netifdDevices({ interface: Array.from({ length: 10_000 }, (_, at) => face("x", "static", `e${at}`)) }).lan.length, 128);
  });
});
