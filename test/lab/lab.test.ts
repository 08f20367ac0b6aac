import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { suiteLimit } from "../patience.ts";
import { createLab, labAddresses, type Lab, type Namespace } from "./lab.ts";
import { startTraffic, type SinkReport } from "./start-traffic.ts";

const { target, isp, wan, camera, laptop, lan } = labAddresses;

describe("the lab", { timeout: suiteLimit }, () => {
  let lab: Lab;
  before(async () => {
    lab = await createLab();
  });
  after(() => lab.destroy());

  it("masquerades the camera's IPv4 flood and shifts its ports", async () => {
    const before = Date.now();
    const { sent, arrived } = await attack(lab, { to: target.v4, protocol: "udp", sourcePorts: "40000-40019" });
    assert.ok(sent.packets + sent.skipped > 900 && arrived.packets === sent.packets, `${arrived.packets} of ${sent.packets} arrived`);
    const [source] = arrived.sources;
    assert.equal(arrived.sources.length, 1);
    assert.equal(source?.address, wan.v4);
    assert.equal(source.ports.count, 20);
    assert.ok(source.ports.upper < 32_768, "below the range that devices choose from");
    assert.ok(arrived.first_t !== null && arrived.last_t !== null && before <= arrived.first_t && arrived.first_t < arrived.last_t && arrived.last_t <= sent.t,
      JSON.stringify(arrived));
    await assertShifted(lab.router, "udp", 20);
  });

  it("routes the camera's IPv6 flood without NAT", async () => {
    const { sent, arrived } = await attack(lab, { to: target.v6, protocol: "udp", sourcePorts: "40000-40019" });
    assert.equal(arrived.packets, sent.packets);
    assert.equal(arrived.sources[0]?.address, camera.v6);
    assert.deepEqual(arrived.sources[0].ports.ranges, [[40_000, 40_019]]);
  });

  for (const protocol of ["tcp", "tcp-syn", "icmp"] as const)
    it(`carries a flood of ${protocol}, shifted as well`, async () => {
      const [first, last] = protocol === "tcp-syn" ? [41_000, 41_009] : [42_000, 42_009];
      const { arrived } = await attack(lab, { to: target.v4, protocol, sourcePorts: `${first}-${last}` });
      assert.equal(arrived.sources[0]?.address, wan.v4);
      // The camera resets what the target answers to a bare SYN: the connection is forgotten and the next SYN shifts anew.
      assert.ok(protocol === "tcp-syn" ? arrived.sources[0].ports.count > 10 : arrived.sources[0].ports.count === 10);
      await assertShifted(lab.router, protocol === "icmp" ? "icmp" : "tcp", 10);
      const { arrived: arrived6 } = await attack(lab, { to: target.v6, protocol, sourcePorts: `${first}-${last}` });
      assert.deepEqual(arrived6.sources[0]?.ports.ranges, [[first, last]]);
      assert.equal(arrived6.sources[0].address, camera.v6);
    });

  it("lets a device spoof its source, which the router's connection table shows", async () => {
    const { arrived } = await attack(lab, { to: target.v4, protocol: "udp", sourcePorts: "45000-45000", from: "192.168.1.77" });
    assert.equal(arrived.sources[0]?.address, wan.v4);
    const { stdout } = await lab.router.run("conntrack", ["-L", "-s", "192.168.1.77"]);
    assert.match(stdout, /sport=45000 /);
  });

  it("carries the laptop's transfer to the same target, uninterrupted and apart from the attack", async () => {
    const server = startTraffic(lab.target, "stream-server", { port: 8443 });
    await server.ready();
    const transfer = startTraffic(lab.laptop, "stream-client", { to: target.v4, port: 8443, rate: 500_000, seconds: 1.5 });
    const { arrived } = await attack(lab, { to: target.v4, protocol: "udp", sourcePorts: "46000-46000" });
    const summary = await transfer.finish();
    assert.ok(summary.event === "summary" && summary.broken === null);
    assert.ok(summary.bytes > 100_000 && summary.bytes === summary.sent, `${summary.bytes} of ${summary.sent}`);
    assert.ok(transfer.reports.length >= 2);
    assert.equal(arrived.sources[0]?.ports.count, 1);
    assert.equal((await server.stop()).bytes, summary.bytes);
  });

  it("shows a gap when the transfer is interrupted", async () => {
    const server = startTraffic(lab.target, "stream-server", { port: 8444 });
    await server.ready();
    const transfer = startTraffic(lab.laptop, "stream-client", { to: target.v6, port: 8444, rate: 100_000, seconds: 600 });
    await transfer.until((report) => report.bytes > 0);
    await nft(lab.router, "insert rule inet fw4 forward tcp dport 8444 drop");
    await transfer.until((report) => report.event === "progress" && report.stalled_ms > 1000);
    const summary = await transfer.stop();
    assert.ok(summary.event === "summary" && summary.longest_gap_ms > 1000);
    await server.stop();
  });

  it("has a router that knows its neighbours and their ports", async () => {
    const known = async (args: string[]) => (await lab.router.run(args[0] ?? "", args.slice(1))).stdout;
    await attack(lab, { to: target.v6, protocol: "udp", sourcePorts: "47000-47000" });
    const neighbours = JSON.parse(await known(["ip", "-j", "neigh", "show", "dev", "br-lan"])) as { dst: string; lladdr?: string }[];
    const macOf = (address: string) => neighbours.find(({ dst }) => dst === address)?.lladdr;
    assert.deepEqual([macOf(camera.v4), macOf(camera.v6)], [camera.mac, camera.mac]);
    assert.deepEqual([macOf(laptop.v4), macOf(laptop.v6)], [laptop.mac, laptop.mac]);
    const bridge = JSON.parse(await known(["bridge", "-j", "fdb", "show", "br", "br-lan"])) as { mac: string; ifname: string }[];
    const portOf = (mac: string) => bridge.find((entry) => entry.mac === mac)?.ifname;
    assert.deepEqual([portOf(camera.mac), portOf(laptop.mac)], [camera.port, laptop.port]);
    const leases = readFileSync(lab.files.leases, "utf8").trim().split("\n");
    assert.match(leases[0] ?? "", /^\d+ 02:1d:c0:4f:7a:23 192\.168\.1\.23 Kitchen-camera 01:/);
    assert.equal(leases.length, 2);
  });

  it("lets nothing in from outside", async () => {
    const before = await lab.isp.run("ip", ["route", "get", lan.v4]);
    assert.notEqual(before.code, 0, "the ISP has no route into the home's IPv4");
    const seen = startTraffic(lab.camera, "sink", { port: 5000 });
    await seen.ready();
    await startTraffic(lab.isp, "flood", { to: camera.v6, port: 5000, rate: 100, seconds: 0.3 }).finish();
    assert.equal((await seen.stop()).packets, 0);
  });

  it("loses what it is told to lose, in both directions, at the DOTS port only", async () => {
    await lab.setLoss(30);
    const out = { to: isp.v4, port: 4647, rate: 5000, seconds: 0.6, sourcePorts: "50000-50000" } as const;
    const back = { to: wan.v4, port: 50_000, rate: 5000, seconds: 0.6, sourcePorts: "4647-4647" } as const;
    const [sentOut, sentBack] = await Promise.all([
      startTraffic(lab.router, "flood", out).finish(),
      startTraffic(lab.isp, "flood", back).finish(),
      startTraffic(lab.router, "flood", { ...out, port: 4648, sourcePorts: "50001-50001" }).finish(),
    ]);
    for (const [namespace, sent] of [[lab.isp, sentOut], [lab.router, sentBack]] as const) {
      const { arrived, lost } = await lossCounters(namespace);
      assert.equal(arrived, sent.packets);
      // Six standard deviations.
      assert.ok(Math.abs(lost / arrived - 0.3) < 6 * Math.sqrt(0.3 * 0.7 / arrived), `${lost} of ${arrived} lost`);
    }
    await lab.setLoss(0);
    assert.doesNotMatch((await lab.router.run("nft", ["list", "tables"])).stdout, /lab_loss/);
  });

  it("fills the connection table", async (test) => {
    const count = async () => Number((await lab.router.run("conntrack", ["-C"])).stdout);
    const before = await count();
    await lab.fillConntrack(1000);
    assert.ok((await count()) >= before + 990);
    const began = performance.now();
    await lab.fillConntrack(65_000);
    test.diagnostic(`65,000 entries in ${Math.round(performance.now() - began)} ms`);
    assert.ok((await count()) >= before + 65_000);
    const { stdout } = await lab.router.run("conntrack", ["-L", "--src-nat", "-d", "198.18.0.0"]);
    assert.match(stdout, /src=192\.168\.1\.100 dst=198\.18\.0\.0 .* dst=203\.0\.113\.7 .*\[ASSURED\]/);
    await attack(lab, { to: target.v4, protocol: "udp", sourcePorts: "48000-48099" }); // still forwards
  });
});

describe("two labs", { timeout: suiteLimit }, () => {
  it("run beside each other, one that keeps ports and one that shifts them", async () => {
    const labs = await Promise.all([createLab({ portShift: false }), createLab()]);
    try {
      const [kept, shifted] = await Promise.all(
        labs.map((lab) => attack(lab, { to: target.v4, protocol: "udp", sourcePorts: "40000-40009" })),
      );
      assert.deepEqual(kept?.arrived.sources[0]?.ports.ranges, [[40_000, 40_009]]);
      assert.ok((shifted?.arrived.sources[0]?.ports.upper ?? 0) < 32_768);
    } finally {
      await Promise.all(labs.map((lab) => lab.destroy()));
    }
  });
});

describe("what is left of a lab", { timeout: suiteLimit }, () => {
  it("nothing, once it is destroyed", async () => {
    const lab = await createLab();
    const child = lab.camera.spawn("sleep", ["600"], { stdio: "ignore" });
    const orphan = lab.router.spawn("setsid", ["--fork", "sleep", "601"], { stdio: "ignore" });
    await new Promise((resolve) => orphan.once("exit", resolve));
    const { stdout } = await lab.router.run("ip", ["netns", "pids", lab.router.name]);
    const pids = [child.pid, ...stdout.trim().split("\n").map(Number)];
    assert.ok(pids.length >= 2);
    await lab.destroy();
    await lab.destroy();
    assertGone(lab.name, lab.files.folder);
    for (const pid of pids) assert.ok(pid !== undefined && !isAlive(pid), `${pid} is alive`);
  });

  it("nothing, once its process is terminated", async () => {
    const other = await labInAnotherProcess();
    other.kill("SIGTERM");
    assert.equal(await other.ended, "SIGTERM");
    assertGone(other.name, other.folder);
  });

  it("nothing, once its process was killed and another lab is made", async () => {
    const other = await labInAnotherProcess();
    other.kill("SIGKILL");
    await other.ended;
    assert.ok(existsSync(`/run/netns/${other.name}-router`));
    const lab = await createLab();
    assertGone(other.name, other.folder);
    await lab.destroy();
  });
});

interface Attack {
  to: string;
  protocol: "udp" | "tcp" | "tcp-syn" | "icmp";
  sourcePorts: `${number}-${number}`;
  from?: string;
}

/** Half a second of 2,000 packets a second from the camera, and what came of it at the target. */
async function attack(lab: Lab, { to, protocol, sourcePorts, from }: Attack) {
  const sink = startTraffic(lab.target, "sink", { port: 9999, protocol: protocol === "tcp-syn" ? "tcp" : protocol });
  await sink.ready();
  const shape = { to, port: 9999, protocol, sourcePorts, rate: 2000, seconds: 0.5, ...(from && { from }) };
  const sent = await startTraffic(lab.camera, "flood", shape).finish();
  assert.deepEqual(sent.errors, {});
  const arrived: SinkReport = await sink.stop();
  return { sent, arrived };
}

/** The port that the outside sees is never the device's own. */
async function assertShifted(router: Namespace, protocol: string, atLeast: number): Promise<void> {
  const { stdout } = await router.run("conntrack", ["-L", "-f", "ipv4", "-p", protocol, "-s", camera.v4]);
  const flows = stdout.trim().split("\n");
  assert.ok(flows.length >= atLeast, stdout);
  for (const flow of flows) {
    const own = /\b(?:sport|id)=(\d+)/.exec(flow)?.[1];
    const reported = [...flow.matchAll(/\b(?:dport|id)=(\d+)/g)][1]?.[1];
    assert.ok(own !== undefined && reported !== undefined && own !== reported, flow);
  }
}

async function nft(namespace: Namespace, command: string): Promise<void> {
  const { code, stderr } = await namespace.run("nft", [command]);
  assert.equal(code, 0, stderr);
}

async function lossCounters(namespace: Namespace): Promise<{ arrived: number; lost: number }> {
  const { stdout } = await namespace.run("nft", ["list", "counters", "table", "inet", "lab_loss"]);
  const packets = (name: string) => Number(new RegExp(`counter ${name} \\{\\s+packets (\\d+)`).exec(stdout)?.[1]);
  return { arrived: packets("arrived"), lost: packets("lost") };
}

function assertGone(name: string, folder: string): void {
  assert.deepEqual(readdirSync("/run/netns").filter((entry) => entry.startsWith(name + "-")), []);
  assert.ok(!existsSync(folder));
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

async function labInAnotherProcess() {
  const program = `
    const { createLab } = await import(${JSON.stringify(new URL("lab.ts", import.meta.url).href)});
    const lab = await createLab();
    lab.camera.spawn("sleep", ["602"], { stdio: "ignore" });
    console.log(JSON.stringify([lab.name, lab.files.folder]));
    setInterval(() => {}, 1000);`;
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], { cwd, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) =>
    child.once("exit", (code, signal) => {
      resolve(signal ?? code);
    })
  );
  const line = await new Promise<string>((resolve) => child.stdout.setEncoding("utf8").once("data", resolve));
  const [name = "", folder = ""] = JSON.parse(line) as string[];
  return { name, folder, ended, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}
