import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cleanName } from "../../src/nat-lookup/identity/clean-name.ts";
import { findDevices } from "../../src/nat-lookup/find-devices.ts";
import type { Finding, KnownHome } from "../../src/nat-lookup/find-devices.ts";
import type { Flow } from "../../src/model/flow.ts";
import { asking, flow, macs, recordedBorders, recordedFlows, recordedNeighbours } from "./asking.ts";
import type { Words } from "./asking.ts";

const recorded = [...recordedFlows("list-ipv4.txt"), ...recordedFlows("list-ipv6.txt")];
const home: KnownHome = { borders: recordedBorders, neighbours: recordedNeighbours, names: new Map([[macs.camera, "camera"]]), ownerNames: new Map() };

function find(words: Words, flows: readonly Flow[] = recorded, known: Partial<KnownHome> = {}): Finding {
  return findDevices(asking(words), flows, { ...home, ...known });
}

/** `camera likely 3 packets in 1 flow`, by device. */
function brief({ devices }: Finding): string[] {
  return devices.map(({ mac, addresses, certainty, evidence }) => {
    const name = mac === macs.camera ? "camera" : mac === macs.laptop ? "laptop" : addresses.join(" ");
    return `${name} ${certainty} ${evidence.packets} packets in ${evidence.flows}`;
  });
}

const flood = { toPorts: "443", protocols: [17] };
const from6 = { from: "2001:db8:1::21", to: "2001:db8:99::9" };

describe("findDevices, in a table recorded from a kernel", () => {
  const table: [string, Words, string[]][] = [
    ["one port, one device", { ...flood, fromPorts: "50058" }, ["camera likely 3 packets in 1"]],
    ["a range that two devices used: both, ranked", { ...flood, fromPorts: "50000-50100" }, ["camera likely 3 packets in 1", "laptop likely 2 packets in 1"]],
    ["no ports, two devices: nothing tells them apart", flood, ["camera ambiguous 3 packets in 1", "laptop ambiguous 2 packets in 1"]],
    ["no ports, one device", { toPorts: "443", protocols: [6] }, ["camera likely 6 packets in 1"]],
    ["port-forwards: what the device answered counts", { toPorts: "6000", fromPorts: "8080-8081" }, ["camera likely 4 packets in 2"]],
    ["DNS hijack", { to: "198.51.100.10", toPorts: "53", fromPorts: "5353" }, ["laptop likely 1 packets in 1"]],
    ["ICMP by its type, one device", { types: "8" }, ["camera likely 2 packets in 1"]],
    ["IPv6, no ports needed", from6, ["camera likely 10 packets in 3"]],
    ["IPv6 by its prefix", { ...from6, from: "2001:db8:1::/64" }, ["camera likely 10 packets in 3"]],
    ["GRE", { protocols: [47] }, ["camera likely 2 packets in 1"]],
    ["ESP", { protocols: [50] }, ["camera likely 2 packets in 1"]],
    ["an unknown protocol", { protocols: [200] }, ["camera likely 2 packets in 1"]],
    ["SCTP", { protocols: [132], fromPorts: "5001", toPorts: "5002" }, ["laptop likely 0 packets in 1"]],
    ["IPv4 and IPv6 in one request: one device", {
      from: "203.0.113.7 2001:db8:1::21",
      to: "198.51.100.9 2001:db8:99::9",
      toPorts: "443",
      fromPorts: "40002-40004",
      protocols: [6, 17],
    }, ["camera likely 14 packets in 3"]],
    ["the router's own: no device", { fromPorts: "43000" }, []],
    ["nothing", { to: "198.51.100.77" }, []],
  ];
  for (const [what, words, expected] of table)
    it(what, () => {
      assert.deepEqual(brief(find(words)), expected);
    });

  it("names the router", () => {
    const { routerItself, why } = find({ fromPorts: "43000" });
    assert.equal(routerItself, true);
    assert.ok(why.some((line) => line.includes("1 flow the router itself")), why.join("\n"));
  });
});

describe("findDevices, who it is", () => {
  it("joins the addresses of a MAC address and leaves link-local ones out", () => {
    assert.deepEqual(find({ ...flood, fromPorts: "50058" }).devices[0]?.addresses, ["192.168.1.21", "2001:db8:1::21"]);
  });
  it("prefers the owner's name to the lease's, and cleans both", () => {
    const name = (known: Partial<KnownHome>): unknown => find({ ...flood, fromPorts: "50058" }, recorded, known).devices[0]?.name;
    assert.equal(name({}), "camera");
    assert.equal(name({ ownerNames: new Map([[macs.camera, "Kitchen\u0000 camera\u001b[2J"]]) }), "Kitchen camera[2J");
    assert.equal(name({ names: new Map([[macs.camera, "\n\u202e"]]) }), null);
  });
  it("is likely, by its address, without a neighbour", () => {
    const { devices: [device], why } = find({ ...flood, fromPorts: "50058" }, recorded, { neighbours: [] });
    assert.deepEqual([device?.mac, device?.addresses, device?.certainty], [null, ["192.168.1.21"], "likely"]);
    assert.ok(why.some((line) => line.includes("no entry for 192.168.1.21")));
  });
  it("is likely, by its address, if two MAC addresses claim it", () => {
    const neighbours = [...recordedNeighbours, { address: "192.168.1.21", mac: macs.laptop }];
    const { devices: [device], why } = find({ ...flood, fromPorts: "50058" }, recorded, { neighbours });
    assert.deepEqual([device?.mac, device?.certainty], [null, "likely"]);
    assert.ok(why.some((line) => line.includes("2 MAC addresses answer")));
  });
  it("warns of a MAC address with several IPv4 addresses behind it", () => {
    const neighbours = recordedNeighbours.map(({ address }) => ({ address, mac: macs.camera }));
    const { devices, why } = find({ ...flood, fromPorts: "50000-50100" }, recorded, { neighbours });
    assert.equal(devices.length, 1);
    assert.ok(why.some((line) => line.includes("may be a repeater")));
  });
  it("takes ICMP types for no distinction between two devices that use them", () => {
    const pings = ["21", "22"].map((host) =>
      flow(`icmp 1 9 src=192.168.1.${host} dst=198.51.100.9 type=8 code=0 id=${host} src=198.51.100.9 dst=203.0.113.7 type=0 code=0 id=${host} use=1`)
    );
    assert.deepEqual(brief(find({ types: "8" }, pings)), ["camera ambiguous 0 packets in 1", "laptop ambiguous 0 packets in 1"]);
    assert.deepEqual(brief(find({ fromPorts: "22", protocols: [1] }, pings)), ["laptop likely 0 packets in 1"]);
  });
  it("calls a device likely for its own IPv6 address, and others ambiguous beside it", () => {
    const both = { from: "203.0.113.7 2001:db8:1::21", to: "198.51.100.9 2001:db8:99::9", protocols: [17], toPorts: "443" };
    assert.deepEqual(brief(find(both)), ["camera likely 7 packets in 2", "laptop ambiguous 2 packets in 1"]);
  });
  it("names at most 64 devices", () => {
    const many = Array.from({ length: 100 }, (_, at) =>
      flow(
        `udp 17 9 src=192.168.1.${at + 100} dst=198.51.100.9 sport=1 dport=2 packets=${at} bytes=1 src=198.51.100.9 dst=203.0.113.7 sport=2 dport=${
          at + 1
        } packets=0 bytes=0 use=1`,
      ));
    const { devices, why } = find({}, many);
    assert.equal(devices.length, 64);
    assert.equal(devices[0]?.addresses[0], "192.168.1.199");
    assert.ok(why.some((line) => line.startsWith("36 more devices")));
  });
});

describe("findDevices, when no flow matches", () => {
  it("takes the neighbour that has the reported address: likely", () => {
    const { devices: [device], why } = find({ ...from6, toPorts: "9" });
    assert.deepEqual([device?.mac, device?.certainty, device?.evidence.flows], [macs.camera, "likely", 0]);
    assert.ok(why.some((line) => line.includes("own address of the device")), why.join("\n"));
  });
  it("does so in IPv4 without NAT", () => {
    assert.deepEqual(brief(find({ from: "192.168.1.22" })), ["laptop likely 0 packets in 0"]);
  });
  it("does not for a prefix, the router, a stranger, or the gateway of the ISP", () => {
    const neighbours = [...recordedNeighbours, { address: "2001:db8:1::", mac: macs.laptop }, { address: "2001:db8:1::1", mac: macs.laptop }];
    for (const from of ["2001:db8:1::/64", "2001:db8:1::1", "2001:db8:1::99", "203.0.113.1", "fe80::ff:fe00:a01"]) {
      const { devices } = find({ from, to: "2001:db8:99::9 198.51.100.9", toPorts: "9" }, recorded, { neighbours });
      assert.deepEqual(devices, [], from);
    }
  });
});

describe("findDevices, why", () => {
  const why = (words: Words): string => find(words).why.join("\n");
  it("says what matched, where, and what certainty rests on", () => {
    const text = why({ ...flood, fromPorts: "50058" });
    assert.match(text,
      /connection table: 1 flow of 192\.168\.1\.21 opened from behind NAT \(such as 192\.168\.1\.21, outside 203\.0\.113\.7:50058 to 198\.51\.100\.9:443, protocol 17\)/);
    assert.match(text, /neighbours and leases: 192\.168\.1\.21 is 02:00:00:00:0a:01/);
    assert.match(text, /likely: the source ports agree; that it is this device is certain once/);
  });
  it("says why the others were not it", () => {
    const text = why({ ...flood, fromPorts: "50058" });
    assert.match(text, /2 flows of 2 hosts to the target, but did not use the reported source ports/);
    assert.match(text, /flows of \d hosts? to the target, but not with the reported protocol/);
  });
  it("says so when nothing matched, and why", () => {
    assert.match(why({ fromPorts: "1" }), /no flow of a device of the home from 203\.0\.113\.7\/32 to 198\.51\.100\.9\/32 as reported/);
    assert.match(why({ types: "3" }), /ICMP queries such as echo only/);
    assert.match(why({ from: "2001:db8:1::99", to: "2001:db8:99::9" }), /2001:db8:1::99 lies inside the home, but the neighbour table has no device for it/);
  });
  it("explains a hairpin", () => {
    assert.match(why({ to: "192.168.1.22" }), /hairpin/);
  });
  it("holds no name of a device", () => {
    assert.doesNotMatch(why(flood), /camera/);
  });
});

describe("cleanName", () => {
  const table: [string, string, string | null][] = [
    ["plain", "Kitchen camera", "Kitchen camera"],
    ["control characters", "a\u0000b\u0007c\u009bd\r\ne", "abcde"],
    ["direction and zero-width", "\u202eevil\u200b\ufeff", "evil"],
    ["nothing left", " \t\n ", null],
    ["long", "x".repeat(100), "x".repeat(64)],
    ["characters beyond 16 bits stay whole", "😀".repeat(70), "😀".repeat(64)],
    ["half a character", "a\ud83d", "a"],
    ["markup stays: data, to be escaped where it is shown", "<b>'\"&`$(x)", "<b>'\"&`$(x)"],
  ];
  for (const [what, text, expected] of table)
    it(what, () => {
      assert.equal(cleanName(text), expected);
    });
});
