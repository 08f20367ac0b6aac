import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { createLab, labAddresses, labMissing, type Lab } from "./lab.ts";
import { addRules, brief, ip, rawPackets, send, sendOnly, watchRouter, type WitnessScene } from "./scene-witnesses.ts";
import { startTraffic } from "./start-traffic.ts";
import { sinceEpoch } from "../../src/model/time.ts";

const { target, wan, lan, camera, laptop } = labAddresses;
const missing = labMissing();

describe("who it was, on a real kernel", { timeout: suiteLimit, skip: missing.length > 0 && `needs ${missing.join(", ")}` }, () => {
  let lab: Lab;
  let scene: WitnessScene;
  before(async () => {
    lab = await createLab();
    scene = await watchRouter(lab);
  });
  after(async () => {
    scene.stop();
    await lab.destroy();
  });

  it("names a device whose flows have ended, with what it sent and when", async () => {
    const before = Date.now();
    const { ports } = await send(lab, lab.camera, { sourcePorts: "40000-40009" });
    await lab.router.run("conntrack", ["-D", "-s", camera.v4]);
    assert.deepEqual(brief(await scene.byTable({ fromPorts: ports })), []);
    const { devices: [device, ...others], why } = await scene.byJournal({ fromPorts: ports, toPorts: "4444", protocols: [17] });
    assert.deepEqual([device?.mac, device?.name, device?.certainty, others.length], [camera.mac, camera.name, "likely", 0]);
    const { flows = 0, packets = 0, bytes = 0, firstSeen = null, lastSeen = null } = device?.evidence ?? {};
    assert.ok(flows === 10 && packets >= 20 && bytes > 2000, JSON.stringify(device));
    assert.ok(
      firstSeen !== null && lastSeen !== null && sinceEpoch(firstSeen) >= before - 200 && lastSeen >= firstSeen && sinceEpoch(lastSeen) <= Date.now() + 200,
      JSON.stringify(device),
    );
    assert.match(why.join("\n"), /journal: 10 flows, all ended since,/);
  });

  it("names who sent an answered SYN flood, a new outside port for each SYN", async () => {
    const server = startTraffic(lab.target, "stream-server", { port: 8443, seconds: 20 });
    await server.ready();
    const { ports } = await send(lab, lab.camera, { protocol: "tcp-syn", port: 8443, sourcePorts: "41000-41003", rate: 400, seconds: 0.5 });
    await server.stop();
    assert.ok(ports.split(" ").length > 20, ports);
    await lab.router.run("conntrack", ["-D", "-p", "tcp"]);
    const { devices } = await scene.byJournal({ fromPorts: ports, toPorts: "8443", protocols: [6] });
    assert.deepEqual([devices.map(({ mac }) => mac), devices[0]?.certainty], [[camera.mac], "likely"]);
    assert.ok((devices[0]?.evidence.flows ?? 0) > 50, JSON.stringify(devices));
  });

  it("ranks several devices behind one reported range", async () => {
    const few = await send(lab, lab.laptop, { port: 4450, sourcePorts: "40000-40001", rate: 50 });
    const many = await send(lab, lab.camera, { port: 4450, sourcePorts: "40000-40009", rate: 1000 });
    const words = { fromPorts: `${few.ports} ${many.ports}`, toPorts: "4450", protocols: [17] };
    await scene.bothSay(words, "Kitchen-camera likely", "Annas-laptop likely");
    assert.deepEqual(brief(await scene.byAll(words)), ["Kitchen-camera likely", "Annas-laptop likely"], "most packets first");
  });

  it("without source ports: likely if one device matches, ambiguous if two do", async () => {
    await sendOnly(lab.camera, { port: 4451, sourcePorts: "40000-40001" });
    await scene.bothSay({ toPorts: "4451", protocols: [17] }, "Kitchen-camera likely");
    await sendOnly(lab.laptop, { port: 4451, sourcePorts: "40000-40001" });
    await scene.bothSay({ toPorts: "4451", protocols: [17] }, "Kitchen-camera ambiguous", "Annas-laptop ambiguous");
  });

  it("takes several prefixes and ranges, of both families, in one request", async () => {
    const four = await send(lab, lab.camera, { port: 4452, sourcePorts: "40000-40003" });
    const six = await send(lab, lab.camera, { port: 4453, to: target.v6, sourcePorts: "40010-40011" });
    const words = {
      from: `${wan.v4} ${camera.v6}`,
      fromPorts: `${four.ports} ${six.ports}`,
      to: `198.51.100.8/29 ${target.v6} 192.0.2.0/24`,
      toPorts: "4452-4453 9999",
      protocols: [6, 17],
    };
    await scene.bothSay(words, "Kitchen-camera likely");
    const { devices: [device] } = await scene.byJournal(words);
    assert.equal(device?.evidence.flows, 6);
  });

  for (const [protocol, number] of [["sctp", 132], ["gre", 47], ["esp", 50]] as const)
    it(`names who sends ${protocol.toUpperCase()}`, async () => {
      const to = "198.51.100.9";
      const sent = await lab.camera.run(rawPackets, ["--protocol", protocol, "--to", to, "--from", camera.v4, "--sport", "5001", "--port", "5002"]);
      assert.match(sent.stdout, /"sent":5/, sent.stderr);
      // The source port of SCTP is kept where it is free; the others have none, so nothing tells devices apart.
      const words = protocol === "sctp" ? { fromPorts: "5001", toPorts: "5002", protocols: [number] } : { protocols: [number] };
      await scene.bothSay(words, protocol === "sctp" ? "Kitchen-camera likely" : "Kitchen-camera likely");
    });

  it("joins the addresses of a device whose IPv6 privacy address changes under way", async () => {
    const [first, second] = ["2001:db8:1::aaaa:1", "2001:db8:1::bbbb:2"];
    await ip(lab.camera, `addr add ${first}/64 dev eth0 nodad`);
    await sendOnly(lab.camera, { to: target.v6, from: first, port: 4460, sourcePorts: "40000-40003" });
    await scene.remembersWhose({ from: first, to: target.v6 });
    await ip(lab.camera, `addr add ${second}/64 dev eth0 nodad`);
    await sendOnly(lab.camera, { to: target.v6, from: second, port: 4460, sourcePorts: "40000-40003" });
    const words = { from: `${first} ${second}`, to: target.v6, toPorts: "4460", protocols: [17] };
    await scene.remembersWhose(words);
    await scene.bothSay(words, "Kitchen-camera likely");

    // The old one is gone, and so are its flows and its neighbour: only the journal remembers.
    await ip(lab.camera, `addr del ${first}/64 dev eth0`);
    await ip(lab.router, "neigh flush dev br-lan");
    await lab.router.run("conntrack", ["-D", "-f", "ipv6", "-s", first]);
    assert.deepEqual(brief(await scene.byJournal({ ...words, from: first })), ["Kitchen-camera likely"]);
  });

  it("follows NPTv6: the public address is the prefix's, one to one", async () => {
    await addRules(lab, `insert rule inet fw4 srcnat_wan snat ip6 prefix to ip6 saddr map { fd00:1::/64 : 2001:db8:2::/64 }`);
    await ip(lab.router, "addr add fd00:1::1/64 dev br-lan nodad");
    await ip(lab.isp, `route add 2001:db8:2::/64 via ${wan.v6}`);
    for (const [host, number] of [[lab.camera, 23], [lab.laptop, 42]] as const) await ip(host, `addr add fd00:1::${number}/64 dev eth0 nodad`);
    const seen = await send(lab, lab.camera, { to: target.v6, from: "fd00:1::23", port: 4461, sourcePorts: "40000-40001" });
    await sendOnly(lab.laptop, { to: target.v6, from: "fd00:1::42", port: 4461, sourcePorts: "40000-40001" });
    assert.equal(seen.address, "2001:db8:2::23");
    await scene.remembersWhose({ from: "2001:db8:2::/64", to: target.v6, toPorts: "4461" });
    await scene.bothSay({ from: seen.address, to: target.v6, toPorts: "4461" }, "Kitchen-camera likely");
    await scene.bothSay({ from: "2001:db8:2::/64", to: target.v6, toPorts: "4461" }, "Kitchen-camera ambiguous", "Annas-laptop ambiguous");
  });

  it("tells devices apart by the ports of a MAP-E port set, on an address that the router does not have", async () => {
    await addRules(lab, `insert rule inet fw4 srcnat_wan ip saddr ${lan.prefix4} udp dport 4462 snat ip to 192.0.2.77:5120-5135`);
    const mine = await send(lab, lab.camera, { port: 4462, sourcePorts: "40000-40003" });
    const other = await send(lab, lab.laptop, { port: 4462, sourcePorts: "40000-40003" });
    assert.equal(mine.address, "192.0.2.77");
    await scene.bothSay({ from: "192.0.2.77", fromPorts: mine.ports, toPorts: "4462" }, "Kitchen-camera likely");
    await scene.bothSay({ from: "192.0.2.77", fromPorts: other.ports, toPorts: "4462" }, "Annas-laptop likely");
    await scene.bothSay({ from: "192.0.2.77", toPorts: "4462" }, "Kitchen-camera ambiguous", "Annas-laptop ambiguous");
  });

  it("goes by the inner source that a DS-Lite ISP gives, for it is translated there", async () => {
    await addRules(lab, `insert rule inet fw4 srcnat_wan udp dport 4463 accept`);
    await ip(lab.isp, `route add ${lan.prefix4} via ${wan.v4}`);
    const seen = await send(lab, lab.camera, { port: 4463, sourcePorts: "40000-40001" });
    await sendOnly(lab.laptop, { port: 4463, sourcePorts: "40000-40001" });
    assert.equal(seen.address, camera.v4);
    await scene.bothSay({ from: camera.v4, fromPorts: "40000-40001", toPorts: "4463", protocols: [17] }, "Kitchen-camera likely");
    await scene.bothSay({ from: camera.v4, toPorts: "4463" }, "Kitchen-camera likely");
  });

  it("keeps two WANs apart, and knows a WAN address that has been renumbered since", async () => {
    await ip(lab.router, `link add wanb type veth peer name customerb netns ${lab.isp.name}`, "addr add 192.0.2.7/24 dev wanb", "link set wanb up",
      `rule add from ${laptop.v4} lookup 100`, `route add ${lan.prefix4} dev br-lan table 100`);
    await ip(lab.isp, "addr add 192.0.2.1/24 dev customerb", "link set customerb up");
    await ip(lab.router, "route add default via 192.0.2.1 table 100");
    await addRules(lab, `
      add rule inet fw4 srcnat oifname "wanb" meta nfproto ipv4 masquerade
      insert rule inet fw4 forward oifname "wanb" accept`);
    const one = await send(lab, lab.camera, { port: 4464, sourcePorts: "40000-40003" });
    const two = await send(lab, lab.laptop, { port: 4464, sourcePorts: "40000-40003" });
    assert.deepEqual([one.address, two.address], [wan.v4, "192.0.2.7"]);
    await scene.bothSay({ from: "192.0.2.7", toPorts: "4464" }, "Annas-laptop likely");
    await scene.bothSay({ from: wan.v4, toPorts: "4464" }, "Kitchen-camera likely");
    await scene.bothSay({ from: `192.0.2.7 ${wan.v4}`, fromPorts: `${one.ports} ${two.ports}`, toPorts: "4464" }, "Kitchen-camera likely",
      "Annas-laptop likely");

    // The kernel forgets masqueraded flows with the address that they left from.
    await ip(lab.router, `addr del ${wan.v4}/24 dev wan`, "addr add 203.0.113.99/24 dev wan", "route replace default via 203.0.113.1");
    await until("the kernel has forgotten", async () => (await scene.byTable({ from: wan.v4, toPorts: "4464" })).devices.length === 0);
    assert.deepEqual(brief(await scene.byJournal({ from: wan.v4, fromPorts: one.ports, toPorts: "4464" })), ["Kitchen-camera likely"]);
    const now = await send(lab, lab.camera, { port: 4464, sourcePorts: "40004-40005" });
    assert.equal(now.address, "203.0.113.99");
    await scene.bothSay({ from: "203.0.113.99", fromPorts: now.ports, toPorts: "4464" }, "Kitchen-camera likely");
  });

  it("says of a spoofed source only that no device is known to have it", async () => {
    const sent = await lab.camera.run(rawPackets, ["--protocol", "udp", "--to", target.v4, "--from", "10.9.9.9", "--sport", "5003", "--port", "4465"]);
    assert.match(sent.stdout, /"sent":5/, sent.stderr);
    const { devices, why } = await scene.byAll({ from: "203.0.113.99", toPorts: "4465" });
    assert.deepEqual(devices.map(({ mac, addresses, certainty }) => [mac, addresses, certainty]), [[null, ["10.9.9.9"], "likely"]]);
    assert.match(why.join("\n"), /no entry for 10\.9\.9\.9: its MAC address is not known/);
  });

  it("names who had the address then, after the leases have changed", async () => {
    const { address, ports } = await send(lab, lab.camera, { port: 4466, sourcePorts: "40000-40003" });
    await scene.remembersWhose({ from: address, fromPorts: ports, toPorts: "4466" });
    await lab.router.run("conntrack", ["-D", "-s", camera.v4]);
    await ip(lab.camera, `addr del ${camera.v4}/24 dev eth0`);
    await ip(lab.laptop, `addr del ${laptop.v4}/24 dev eth0`, `addr add ${camera.v4}/24 dev eth0`, `route add default via ${lan.v4}`);
    await ip(lab.router, `neigh replace ${camera.v4} lladdr ${laptop.mac} dev br-lan nud reachable`);
    await lab.laptop.run("ping", ["-c1", "-W1", lan.v4]);
    const { devices, why } = await scene.byJournal({ from: address, fromPorts: ports, toPorts: "4466" });
    assert.deepEqual(devices.map(({ mac, certainty }) => [mac, certainty]), [[camera.mac, "likely"]]);
    assert.equal(devices[0]?.addresses.includes(camera.v4), false, "it is the laptop's now");
    assert.match(why.join("\n"), new RegExp(`by now the address is that of ${laptop.mac}`));
  });
});
