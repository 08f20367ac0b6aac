import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { findDevices } from "../../src/nat-lookup/find-devices.ts";
import type { Finding } from "../../src/nat-lookup/find-devices.ts";
import type { FlowTable, HomeDirectory, HomeNetwork } from "../../src/model/ports.ts";
import { openConntrack } from "../../src/system/flows/flow-table.ts";
import { followCommand } from "../../src/system/process/follow-command.ts";
import { followHome, type HomeTables } from "../../src/system/home/follow-home.ts";
import { steadyClock } from "../../src/system/process/system-clock.ts";
import { openHomeDirectory } from "../../src/system/home/home-directory.ts";
import { openHomeNetwork } from "../../src/system/home/home-network.ts";
import { runCommand } from "../../src/system/process/run-command.ts";
import type { RunCommand } from "../../src/system/process/run-command.ts";
import { createLab, labAddresses, labMissing, type Lab, type Namespace } from "../lab/lab.ts";
import { conntrackCount } from "../lab/fill-conntrack.ts";
import { startTraffic } from "../lab/start-traffic.ts";
import { suiteLimit } from "../patience.ts";
import { asking, prefixes } from "./asking.ts";
import type { Words } from "./asking.ts";

const { target, wan, lan, camera, laptop } = labAddresses;
const from6 = { from: camera.v6, to: target.v6 };
/** A host that nobody is: packets to it pass the router and end at the ISP. */
const hijacker = "198.51.100.53";

/** Beside firewall4's: a port-forward, its reflection as firewall4 renders it, and a DNS hijack of the laptop's queries. */
const redirections = `
add rule inet fw4 dstnat_wan meta nfproto ipv4 udp dport 8081 dnat ip to ${camera.v4}:81
add rule inet fw4 dstnat iifname "br-lan" ip daddr ${wan.v4} udp dport 8081 dnat ip to ${camera.v4}:81
add rule inet fw4 dstnat iifname "br-lan" ip saddr ${laptop.v4} udp dport 53 ip daddr != ${lan.v4} dnat ip to ${hijacker}
add rule inet fw4 srcnat oifname "br-lan" ip saddr ${lan.prefix4} ip daddr ${camera.v4} udp dport 81 snat ip to ${lan.v4}
`;

const missing = labMissing();
describe("findDevices on a real kernel", { timeout: suiteLimit, skip: missing.length > 0 && `needs ${missing.join(", ")}` }, () => {
  let lab: Lab;
  let flows: FlowTable;
  let tables: HomeTables;
  let directory: HomeDirectory;
  let network: HomeNetwork;
  before(async () => {
    lab = await createLab();
    assert.equal((await lab.router.run("nft", ["-f", "-"], { input: redirections })).code, 0);
    const run = runIn(lab.router);
    const log = (): void => undefined;
    flows = openConntrack({ run, log });
    tables = followHome({
      run,
      follow: (tool, args, listeners) => followCommand("ip", ["netns", "exec", lab.router.name, tool, ...args], listeners),
      clock: steadyClock,
      log,
    });
    directory = openHomeDirectory({ tables, log, leaseFiles: [lab.files.leases] });
    network = openHomeNetwork({ tables, configured: () => ({ wan: ["wan"], lan: ["br-lan"] }), sourceScope: () => [] });
  });
  after(() => {
    tables.stop();
    return lab.destroy();
  });

  async function find(words: Words): Promise<Finding> {
    const asked = asking({ from: wan.v4, to: target.v4, ...words });
    const [found, borders, neighbours, names] = await Promise.all([flows.matching(asked), network.addresses(), directory.neighbours(), directory.names()]);
    return findDevices(asked, found, { borders, neighbours, names, ownerNames: new Map() });
  }
  const brief = ({ devices }: Finding): string[] => devices.map(({ name, certainty }) => `${name ?? "?"} ${certainty}`);

  it("names the camera behind a masquerade that shifts ports, beside a laptop with the same target", async () => {
    const attack = await send(lab, lab.camera, { sourcePorts: "40000-40009" });
    await send(lab, lab.laptop, { sourcePorts: "40000-40004" });
    assert.equal(attack.address, wan.v4);
    assert.doesNotMatch(attack.ports, /\b400/, "shifted");

    const { devices: [device, ...others], why } = await find({ fromPorts: attack.ports, toPorts: "4444", protocols: [17] });
    assert.deepEqual([device?.mac, device?.name, device?.certainty, others.length], [camera.mac, camera.name, "likely", 0]);
    assert.equal(device?.addresses[0], camera.v4);
    const { evidence } = device;
    assert.ok(evidence.flows === 10 && evidence.packets >= 20 && evidence.bytes > 2000, JSON.stringify(evidence));
    assert.equal(await directory.port(camera.mac), camera.port);
    assert.ok(why.some((line) => line.includes("did not use the reported source ports")), why.join("\n"));
  });

  it("finds both where the report cannot tell them apart", async () => {
    assert.deepEqual(brief(await find({ toPorts: "4444", protocols: [17] })).sort(), ["Annas-laptop ambiguous", "Kitchen-camera ambiguous"]);
  });

  it("finds nobody for the ports before the masquerade", async () => {
    assert.deepEqual(brief(await find({ fromPorts: "40000-40009", toPorts: "4444" })), []);
  });

  it("names the camera by its IPv6 address, without NAT", async () => {
    const attack = await send(lab, lab.camera, { to: target.v6, sourcePorts: "40000-40001" });
    assert.equal(attack.address, camera.v6);
    assert.deepEqual(brief(await find(from6)), ["Kitchen-camera likely"]);
  });

  it("names who pings, by ICMP type, by the identifier outside, and by ICMPv6", async () => {
    const attack = await send(lab, lab.camera, { protocol: "icmp", sourcePorts: "700-701" });
    assert.deepEqual(brief(await find({ types: "8" })), ["Kitchen-camera likely"]);
    assert.deepEqual(brief(await find({ fromPorts: attack.ports, protocols: [1] })), ["Kitchen-camera likely"]);
    assert.deepEqual(brief(await find({ types: "13" })), []);
    await send(lab, lab.camera, { to: target.v6, protocol: "icmp", sourcePorts: "700-700" });
    assert.deepEqual(brief(await find({ ...from6, types: "128", protocols: [58] })), ["Kitchen-camera likely"]);
  });

  it("names the server behind a port-forward", async () => {
    await sendOnly(lab.target, { to: wan.v4, port: 8081, sourcePorts: "6000-6000" });
    assert.deepEqual(brief(await find({ fromPorts: "8081", toPorts: "6000", protocols: [17] })), ["Kitchen-camera likely"]);
    assert.deepEqual(brief(await find({ fromPorts: "81", toPorts: "6000", protocols: [17] })), []);
  });

  it("excludes the hairpin", async () => {
    await sendOnly(lab.laptop, { to: wan.v4, port: 8081, sourcePorts: "42000-42000" });
    const { devices, why } = await find({ to: laptop.v4 });
    assert.deepEqual(devices, []);
    assert.ok(why.some((line) => line.includes("hairpin")), why.join("\n"));
  });

  it("goes by the target on the wire where DNS is redirected", async () => {
    await sendOnly(lab.laptop, { to: "192.0.2.53", port: 53, sourcePorts: "5353-5353" });
    assert.deepEqual(brief(await find({ to: hijacker, toPorts: "53" })), ["Annas-laptop likely"]);
    assert.deepEqual(brief(await find({ to: "192.0.2.53", toPorts: "53" })), []);
  });

  it("says that it was the router itself", async () => {
    const attack = await send(lab, lab.router, { port: 4445, sourcePorts: "43000-43000" });
    const { devices, routerItself } = await find({ fromPorts: attack.ports, toPorts: "4445" });
    assert.deepEqual([devices, routerItself], [[], true]);
  });

  it("cuts a device's flows to the target, both ways, and no others", async () => {
    const countAbout = async (...words: string[]): Promise<number> =>
      (await lab.router.run("conntrack", ["-L", ...words])).stdout.trim().split("\n").filter((line) => line !== "").length;
    const laptopBefore = await countAbout("-f", "ipv4", "-s", laptop.v4);
    assert.ok(laptopBefore > 0);
    await flows.cut([camera.v4, camera.v6], prefixes(`${target.v4} ${target.v6}`));
    assert.equal(await countAbout("-f", "ipv4", "-s", camera.v4, "-d", target.v4), 0);
    assert.equal(await countAbout("-f", "ipv4", "-r", camera.v4, "-s", target.v4), 0);
    assert.equal(await countAbout("-f", "ipv6", "-s", camera.v6, "-d", target.v6), 0);
    assert.equal(await countAbout("-f", "ipv4", "-s", laptop.v4), laptopBefore);
    await flows.cut([camera.v4, camera.v6], prefixes(`${target.v4} ${target.v6}`)); // nothing left is no error
  });

  it("cuts what is there among more pairs than are tried blindly", async () => {
    const others = Array.from({ length: 20 }, (_, at) => `198.51.100.${at + 100}`);
    await send(lab, lab.camera, { sourcePorts: "40000-40001" });
    const before = await conntrackCount(lab.router);
    await flows.cut([camera.v4, "192.168.1.99"], prefixes([...others, "198.51.100.0/28"].join(" ")));
    assert.equal(await conntrackCount(lab.router), before - 2);
  });
});

/** The tools as the router would run them. */
function runIn(namespace: Namespace): RunCommand {
  return (tool, args, options) => runCommand("ip", ["netns", "exec", namespace.name, tool, ...args], options);
}

interface Sending {
  readonly to?: string;
  readonly port?: number;
  readonly protocol?: "udp" | "icmp";
  readonly sourcePorts: `${number}-${number}`;
}

/** Sends some packets through each source port (ICMP: identifier), and returns what the target saw. */
async function send(lab: Lab, from: Namespace, sending: Sending): Promise<{ address: string; ports: string }> {
  const { port = 4444, protocol = "udp" } = sending;
  const sink = startTraffic(lab.target, "sink", { port, protocol });
  await sink.ready();
  await sendOnly(from, { to: target.v4, ...sending });
  const [source, ...others] = (await sink.stop()).sources;
  assert.ok(source && others.length === 0);
  return { address: source.address, ports: source.ports.ranges.map(([lower, upper]) => `${lower}-${upper}`).join(" ") };
}

async function sendOnly(from: Namespace, { to, port = 4444, protocol = "udp", sourcePorts }: Sending & { readonly to: string }): Promise<void> {
  await startTraffic(from, "flood", { to, port, protocol, sourcePorts, rate: 500, seconds: 0.1 }).finish();
}
