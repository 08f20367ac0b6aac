import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { addressSet } from "../../../src/nat-lookup/match/address-set.ts";
import { parseIpAddress, prefixContains } from "../../../src/model/ip-prefix.ts";
import { flowMatcher } from "../../../src/nat-lookup/match/match-flows.ts";
import { asking, flow, prefixes, recordedBorders } from "../asking.ts";
import type { Words } from "../asking.ts";

/** Our own words for `conntrack -L`: protocol, then source:port>destination:port of both tuples. */
function entry(protocol: number, original: string, reply: string, more: { original?: string; reply?: string } = {}): string {
  const tuple = (text: string): string => {
    const [, src, sport, dst, dport] = /^(\S+?)(?:#(\d+))? > (\S+?)(?:#(\d+))?$/.exec(text) ?? [];
    return `src=${String(src)} dst=${String(dst)}${sport === undefined ? "" : ` sport=${sport} dport=${String(dport)}`}`;
  };
  return `x ${protocol} 30 ${tuple(original)} ${more.original ?? ""} packets=5 bytes=500 ${tuple(reply)} ${more.reply ?? ""} packets=9 bytes=900 use=1`;
}

const masqueraded = entry(17, "192.168.1.21#55003 > 198.51.100.9#443", "198.51.100.9#443 > 203.0.113.7#14406");
const forwarded = entry(6, "198.51.100.9#6000 > 203.0.113.7#8080", "192.168.1.21#80 > 198.51.100.9#6000");
const hijacked = entry(17, "192.168.1.22#5353 > 192.0.2.53#53", "198.51.100.10#53 > 203.0.113.7#5353");
const ping = entry(1, "192.168.1.21 > 198.51.100.9", "198.51.100.9 > 203.0.113.7", { original: "type=8 code=0 id=11", reply: "type=0 code=0 id=222" });
const pinged = entry(58, "2001:db8:99::9 > 2001:db8:1::21", "2001:db8:1::21 > 2001:db8:99::9", {
  original: "type=128 code=0 id=5",
  reply: "type=129 code=0 id=5",
});
const gre = entry(47, "192.168.1.21 > 198.51.100.9", "198.51.100.9 > 203.0.113.7", { original: "srckey=0x0 dstkey=0x0", reply: "srckey=0x0 dstkey=0x0" });
const routed6 = entry(17, "2001:db8:1::21#40003 > 2001:db8:99::9#443", "2001:db8:99::9#443 > 2001:db8:1::21#40003");
const served6 = entry(6, "2001:db8:99::9#7000 > 2001:db8:1::21#80", "2001:db8:1::21#80 > 2001:db8:99::9#7000");
const nptv6 = entry(17, "fd00:1::21#4000 > 2001:db8:99::9#443", "2001:db8:99::9#443 > 2001:db8:5::21#4000");
const masqueraded6 = entry(17, "fd00:1::21#4000 > 2001:db8:99::9#443", "2001:db8:99::9#443 > 2001:db8:ff::2#4000");
const own = entry(17, "203.0.113.7#43000 > 198.51.100.9#443", "198.51.100.9#443 > 203.0.113.7#43000");
const ownServer = entry(6, "198.51.100.9#6000 > 203.0.113.7#22", "203.0.113.7#22 > 198.51.100.9#6000");
const hairpin = entry(6, "192.168.1.22#42000 > 203.0.113.7#8080", "192.168.1.21#80 > 192.168.1.1#42000");
const hairpinFromOutsideAddress = entry(6, "192.168.1.22#42000 > 203.0.113.7#8080", "192.168.1.21#80 > 203.0.113.7#42000");
const from6 = { from: "2001:db8:1::21", to: "2001:db8:99::9" };
const everything = { from: "0.0.0.0/0 ::/0", to: "0.0.0.0/0 ::/0" };

describe("flowMatcher", () => {
  /** Entry, request, and the verdict: case, device, what told it apart, packets to the target. */
  const table: [string, string, Words, string][] = [
    ["masquerade: the shifted port counts", masqueraded, { fromPorts: "14406" }, "opened 192.168.1.21 source-port 5"],
    ["masquerade: the original port does not", masqueraded, { fromPorts: "55003" }, "other-source-port 192.168.1.21"],
    ["masquerade: nothing restricted", masqueraded, {}, "opened 192.168.1.21  5"],
    ["masquerade: the outside address tells no device from another", masqueraded, { from: "203.0.113.7/32" }, "opened 192.168.1.21  5"],
    ["masquerade: all ports are no restriction", masqueraded, { fromPorts: "0-65535" }, "opened 192.168.1.21  5"],
    ["masquerade: ranges that make up all ports are none either", masqueraded, { fromPorts: "1024-30000 30001-65535" }, "opened 192.168.1.21  5"],
    ["masquerade: several prefixes and ranges", masqueraded, {
      from: "192.0.2.1 203.0.113.0/28",
      fromPorts: "1-2 14400-14410",
      to: "192.0.2.0/24 198.51.100.0/24",
    }, "opened 192.168.1.21 source-port 5"],
    ["masquerade: another WAN address", masqueraded, { from: "203.0.113.8" }, "none"],
    ["masquerade: another target", masqueraded, { to: "198.51.100.10" }, "none"],
    ["masquerade: another target port", masqueraded, { toPorts: "80 8443" }, "other-target-port 192.168.1.21"],
    ["masquerade: another protocol", masqueraded, { protocols: [6] }, "other-protocol 192.168.1.21"],
    ["masquerade: ICMP types alone mean ICMP", masqueraded, { types: "8" }, "other-protocol 192.168.1.21"],
    ["masquerade: ICMP types beside ports mean both", masqueraded, { types: "8", toPorts: "443" }, "opened 192.168.1.21  5"],
    ["masquerade: the address inside is not the wire's", masqueraded, { from: "192.168.1.21" }, "none"],
    ["SCTP has ports", masqueraded.replace("x 17", "x 132"), { fromPorts: "14406", toPorts: "443" }, "opened 192.168.1.21 source-port 5"],

    ["port-forward: the device is the server, and sends the reply", forwarded, { fromPorts: "8080" }, "port-forward 192.168.1.21 source-port 9"],
    ["port-forward: the port behind it does not count", forwarded, { fromPorts: "80" }, "other-source-port 192.168.1.21"],
    ["port-forward: target port", forwarded, { toPorts: "6000" }, "port-forward 192.168.1.21  9"],
    ["port-forward: other target port", forwarded, { toPorts: "80" }, "other-target-port 192.168.1.21"],

    ["DNS hijack: the target on the wire", hijacked, { to: "198.51.100.10", toPorts: "53" }, "opened 192.168.1.22  5"],
    ["DNS hijack: not whom the device meant", hijacked, { to: "192.0.2.53" }, "none"],

    ["ICMP: type", ping, { types: "8" }, "opened 192.168.1.21 icmp-type 5"],
    ["ICMP: type of the answer", ping, { types: "0" }, "other-icmp-type 192.168.1.21"],
    ["ICMP: identifier behind NAT", ping, { fromPorts: "222", protocols: [1] }, "opened 192.168.1.21 icmp-id 5"],
    ["ICMP: identifier before NAT", ping, { fromPorts: "11", protocols: [1] }, "other-source-port 192.168.1.21"],
    ["ICMP: ports mean protocols with ports", ping, { fromPorts: "222" }, "other-protocol 192.168.1.21"],
    ["ICMP: target ports say nothing about it", ping, { toPorts: "443", protocols: [1, 6] }, "opened 192.168.1.21  5"],
    ["ICMP: anything", ping, {}, "opened 192.168.1.21  5"],
    ["ICMPv6: a device that answers", pinged, { ...from6, types: "129" }, "routed 2001:db8:1::21 source-address+icmp-type 9"],
    ["GRE: no ports", gre, { protocols: [47] }, "opened 192.168.1.21  5"],
    ["GRE: ports mean protocols with ports", gre, { fromPorts: "14406" }, "other-protocol 192.168.1.21"],
    ["ESP: asked for with ports of others", gre.replace("x 47", "x 50"), { fromPorts: "14406", protocols: [17, 50] }, "opened 192.168.1.21  5"],

    ["IPv6 without NAT: the address is the device's own", routed6, from6, "routed 2001:db8:1::21 source-address 5"],
    ["IPv6 without NAT: a prefix is not", routed6, { ...from6, from: "2001:db8:1::/64" }, "routed 2001:db8:1::21  5"],
    ["IPv6 without NAT: a prefix with ports is", routed6, { ...from6, from: "2001:db8:1::/64", fromPorts: "40003" }, "routed 2001:db8:1::21 source-port 5"],
    ["IPv6 without NAT: a server", served6, { ...from6, fromPorts: "80" }, "routed 2001:db8:1::21 source-address+source-port 9"],
    ["IPv6: written otherwise", routed6, { from: "2001:DB8:1:0::21", to: "2001:db8:99:0:0::9" }, "routed 2001:db8:1::21 source-address 5"],
    ["NPTv6: one address, one device", nptv6, { from: "2001:db8:5::21", to: "2001:db8:99::9" }, "opened fd00:1::21 source-address 5"],
    ["NAT66: one address, all devices", masqueraded6, { from: "2001:db8:ff::2", to: "2001:db8:99::9" }, "opened fd00:1::21  5"],
    ["IPv4 without NAT", entry(17, "192.168.1.21#1 > 198.51.100.9#2", "198.51.100.9#2 > 192.168.1.21#1"), { from: "192.168.1.21" },
      "routed 192.168.1.21 source-address 5"],

    ["the router opened it", own, { fromPorts: "43000" }, "router-itself 203.0.113.7"],
    ["the router serves it", ownServer, { fromPorts: "22" }, "router-itself 203.0.113.7"],
    ["hairpin", hairpin, { to: "0.0.0.0/0" }, "hairpin 192.168.1.21"],
    ["hairpin by the outside address", hairpinFromOutsideAddress, { to: "0.0.0.0/0" }, "hairpin 192.168.1.22"],
    ["hairpin, asked about a host inside", hairpin, { to: "192.168.1.22" }, "hairpin 192.168.1.21"],

    ["everything: a masqueraded flow is seen from its right end", masqueraded, everything, "opened 192.168.1.21  5"],
    ["everything: so is a forwarded one", forwarded, everything, "port-forward 192.168.1.21  9"],
    ["everything: and one to the router", ownServer, everything, "router-itself 203.0.113.7"],
    ["empty lists restrict nothing", masqueraded, { from: "", to: "" }, "opened 192.168.1.21  5"],
    ["no IPv6 prefix holds an IPv4 flow", masqueraded, { from: "::/0", to: "::/0" }, "none"],
  ];
  for (const [what, line, words, expected] of table) {
    it(what, () => {
      const match = flowMatcher(asking(words), recordedBorders)(flow(line));
      assert.equal(!match ? "none" : "toldApartBy" in match
        ? `${match.is} ${match.view.deviceAddress} ${match.toldApartBy.join("+")} ${match.view.packets}`
        : `${match.is} ${match.view.deviceAddress}`, expected);
    });
  }
});

describe("addressSet", () => {
  it("holds what the prefixes hold, in both families", () => {
    // Without ::1.2.3.4 and its like: parseIpAddress takes them for IPv4, and connection tracking prints none.
    const address = fc.oneof(fc.ipV4(), fc.ipV6().filter((text) => !text.includes(".")));
    const prefix = fc.tuple(address, fc.nat(128)).map(([text, length]) => `${text}/${Math.min(length, text.includes(":") ? 128 : 32)}`);
    fc.assert(fc.property(fc.array(prefix, { maxLength: 5 }), fc.array(address, { maxLength: 10 }), (texts, addresses) => {
      const all = prefixes(texts.join(" "));
      const holds = addressSet(all);
      for (const text of [...addresses, ...texts.map((each) => each.split("/")[0] ?? "")]) {
        const read = parseIpAddress(text);
        if (read?.family === (text.includes(":") ? 6 : 4)) assert.equal(holds(text), all.some((each) => prefixContains(each, read)), text);
      }
    }));
  });
  it("holds nothing that is not an address", () => {
    const holds = addressSet(prefixes("0.0.0.0/0 ::/0"));
    for (const text of ["", ".", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3", "1.2.3.", "a.b.c.d", ":::", "x:y", "1.2.3.4/8"])
      assert.equal(holds(text), false, text);
  });
});
