import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseIpPrefix, type IpPrefix } from "../../../src/model/ip-prefix.ts";
import { chooseDevices, deviceWarnings, guessDevices, type NetifdDevices } from "../../../src/system/home/home-devices.ts";
import type { DefaultRoute, IpState, Link } from "../../../src/system/home/ip-output.ts";

const prefix = (text: string): IpPrefix => parseIpPrefix(text) ?? assert.fail(text);
const link = (name: string, addresses: string, more: Partial<Link> = {}): Link => ({
  name,
  mac: null,
  kind: null,
  master: null,
  below: null,
  filtersVlans: false,
  ...more,
  addresses: addresses.split(" ").filter((text) => text !== "").map((text) => ({ address: prefix(text.replace(/\/.*/, "")), network: prefix(text) })),
});
const lan = link("br-lan", "192.168.1.1/24", { kind: "bridge" });
const via = (...devices: readonly string[]): DefaultRoute[] => devices.map((device) => ({ device, gateway: "192.0.2.1", from: null }));
const home = (defaults: readonly string[], ...links: readonly Link[]): IpState => ({
  links: [lan, ...links],
  defaultRoutes: via(...defaults),
  delegations: [],
});
const netifd = (wan: readonly string[], tunnels: readonly string[] = []): NetifdDevices => ({ wan, lan: ["br-lan"], tunnels, isFresh: true });

describe("guessDevices", () => {
  const cases: readonly (readonly [string, IpState, readonly string[], readonly string[]])[] = [
    ["a WAN and a bridge", home(["wan"], link("wan", "203.0.113.7/24")), ["wan"], ["br-lan"]],
    ["a VLAN on the bridge", home(["wan"], link("wan", "203.0.113.7/24"), link("br-lan.10", "192.168.10.1/24", { kind: "vlan", below: "br-lan" })), ["wan"], [
      "br-lan",
      "br-lan.10",
    ]],
    ["a VLAN on a network card, where the WAN is", home(["eth0.2"], link("eth0.2", "203.0.113.7/24", { kind: "vlan", below: "eth0" })), ["eth0.2"], ["br-lan"]],
    ["a LAN with a gateway by mistake", home(["wan", "br-lan"], link("wan", "203.0.113.7/24")), ["wan"], ["br-lan"]],
    ["an access point, whose LAN is its way out", home(["br-lan"]), ["br-lan"], []],
    ["a WAN on a bridge of its own, beside another",
      home(["br-wan", "wwan0"], link("br-wan", "203.0.113.7/24", { kind: "bridge" }), link("wwan0", "198.51.100.7/24")), ["br-wan", "wwan0"], ["br-lan"]],
    ["no way out", home([]), [], ["br-lan"]],
  ];
  for (const [what, ip, wan, inside] of cases)
    it(what, () => {
      assert.deepEqual(guessDevices(ip), { wan, lan: inside });
    });
});

describe("chooseDevices and deviceWarnings", () => {
  const wan = link("wan", "203.0.113.7/24");
  const pppoe = link("pppoe-wan", "203.0.113.7/32");
  interface Case {
    readonly what: string;
    readonly ip: IpState;
    readonly configured: readonly string[];
    readonly lan?: readonly string[];
    readonly netifd?: NetifdDevices;
    readonly expected: readonly string[];
    readonly expectedLan?: readonly string[];
    readonly warnings?: readonly RegExp[];
  }
  const cases: readonly Case[] = [
    { what: "as configured", ip: home(["wan"], wan), configured: ["wan"], expected: ["wan"] },
    { what: "nothing configured: as netifd says", ip: home(["wan"], wan), configured: [], netifd: netifd(["pppoe-wan"]), expected: ["pppoe-wan"] },
    {
      what: "nothing configured, and netifd was silent for long",
      ip: home(["wan"], wan),
      configured: [],
      netifd: { ...netifd(["pppoe-wan"]), isFresh: false },
      expected: ["pppoe-wan", "wan"],
    },
    {
      what: "a name of before the update",
      ip: home(["wan"], wan),
      configured: ["eth1"],
      expected: ["eth1", "wan"],
      warnings: [/^wan_device 'eth1' does not exist: wan is used instead/],
    },
    {
      what: "a name that is nowhere, and no way out",
      ip: home([]),
      configured: ["eth1"],
      expected: ["eth1"],
      warnings: [/^wan_device 'eth1' does not exist: no other WAN device was found/],
    },
    {
      what: "DHCP has become PPPoE",
      ip: home(["pppoe-wan"], link("wan", ""), pppoe),
      configured: ["wan"],
      expected: ["wan", "pppoe-wan"],
      warnings: [/^wan_device 'wan' does not lead to the internet: pppoe-wan is used instead/],
    },
    {
      what: "the same, with a modem's own network on it",
      ip: home(["pppoe-wan"], link("wan", "192.168.100.2/24"), pppoe),
      configured: ["wan"],
      expected: ["wan", "pppoe-wan"],
      warnings: [/does not lead/],
    },
    { what: "a WAN that is down for a while", ip: home([], link("wan", "")), configured: ["wan"], expected: ["wan"] },
    {
      what: "one of two WANs without a default route of its own",
      ip: home(["wan"], wan, link("wwan0", "198.51.100.7/24")),
      configured: ["wan", "wwan0"],
      expected: ["wan", "wwan0"],
    },
    {
      what: "one of two WANs is gone",
      ip: home(["wan"], wan),
      configured: ["wan", "wwan0"],
      expected: ["wan", "wwan0"],
      warnings: [/^wan_device 'wwan0' does not exist: the others are used/],
    },
    {
      what: "a DS-Lite tunnel beside the WAN that it runs over",
      ip: home(["wan", "ds-wan"], wan, link("ds-wan", "192.0.0.2/32")),
      configured: ["wan"],
      netifd: netifd(["wan", "ds-wan"], ["ds-wan"]),
      expected: ["wan", "ds-wan"],
    },
    {
      what: "a LAN device that is not there",
      ip: home(["wan"], wan),
      configured: ["wan"],
      lan: ["br0"],
      expected: ["wan"],
      expectedLan: ["br-lan"],
      warnings: [/^lan_device 'br0' does not exist: br-lan is used instead/],
    },
  ];
  for (const { what, ip, configured, lan: inside = ["br-lan"], netifd: heard, expected, expectedLan = ["br-lan"], warnings = [] } of cases)
    it(what, () => {
      const chosen = chooseDevices(ip, { wan: configured, lan: inside }, heard);
      assert.deepEqual([chosen.wan, chosen.lan], [expected, expectedLan]);
      const found = deviceWarnings(ip, { wan: configured, lan: inside }, heard);
      assert.equal(found.length, warnings.length, found.join("\n"));
      for (const [at, pattern] of warnings.entries()) assert.match(found[at] ?? "", pattern);
    });
});
