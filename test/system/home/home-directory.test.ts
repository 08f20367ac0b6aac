import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { openHomeDirectory } from "../../../src/system/home/home-directory.ts";
import { CommandFailure } from "../../../src/system/process/run-command.ts";
import type { RunCommand } from "../../../src/system/process/run-command.ts";
import { oddities, play, playTables } from "../played-tools.ts";

describe("openHomeDirectory", () => {
  const folder = mkdtempSync(join(tmpdir(), "dch-home-"));
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const silent = (): void => undefined;

  it("lists neighbours of both families that have a MAC address", async () => {
    const neighbours = await openHomeDirectory({ tables: playTables(), log: silent }).neighbours();
    assert.deepEqual(neighbours.find((each) => each.address === "192.168.1.21"), { address: "192.168.1.21", mac: "02:00:00:00:0a:01", device: "br-lan" });
    assert.ok(neighbours.some((each) => each.address === "2001:db8:1::21"));
  });
  it("passes over neighbours that failed or never answered", async () => {
    const entries = ["REACHABLE", "STALE", "PERMANENT", "FAILED", "INCOMPLETE", "NOARP"].map((state, at) => ({
      dst: `192.168.1.${at}`,
      dev: "br-lan",
      lladdr: "02:00:00:00:00:01",
      state: [state],
    }));
    const run = play({ "ip -j neigh": JSON.stringify([...entries, { dst: "192.168.1.9", dev: "br-lan", state: ["REACHABLE"] }]) });
    assert.deepEqual((await openHomeDirectory({ tables: playTables(run), log: silent }).neighbours()).map(({ address }) => address), ["192.168.1.0",
      "192.168.1.1", "192.168.1.2"]);
  });
  it("reads nothing out of odd JSON", async () => {
    for (const odd of oddities) {
      const directory = openHomeDirectory({ tables: playTables(play({ "ip -j neigh": odd, "bridge -j fdb show": odd })), log: silent });
      assert.deepEqual([await directory.neighbours(), await directory.port("02:00:00:00:0a:01")], [[], null], odd);
    }
  });
  it("fails if the neighbour table cannot be read", async () => {
    const run: RunCommand = (tool) => Promise.reject(new CommandFailure(tool, "missing", "ip is not installed"));
    await assert.rejects(openHomeDirectory({ tables: playTables(run), log: silent }).neighbours(), /ip is not installed/);
  });

  it("reads a file again only when it has changed, and one whose name is not UTF-8", async () => {
    const hosts = mkdtempSync(join(folder, "hosts-"));
    const lease = (name: string): string => `1795291200 aa:bb:cc:dd:ee:0f 192.168.1.77 ${name} *\n`;
    writeFileSync(Buffer.concat([Buffer.from(`${hosts}/`), Buffer.from([0x74, 0xe9])]), lease("phone"));
    const directory = openHomeDirectory({ tables: playTables(), log: silent, leaseFiles: [`${hosts}/`] });
    const name = async (): Promise<string | undefined> => (await directory.names()).get("aa:bb:cc:dd:ee:0f");
    assert.deepEqual([await name(), await name()], ["phone", "phone"]);
    writeFileSync(Buffer.concat([Buffer.from(`${hosts}/`), Buffer.from([0x74, 0xe9])]), lease("telephone"));
    assert.equal(await name(), "telephone");
  });
  it("names the bridge port that a device was learned on", async () => {
    const directory = openHomeDirectory({ tables: playTables(), log: silent });
    assert.equal(await directory.port("02:00:00:00:0A:01"), "lan1");
    assert.equal(await directory.port("33:33:00:00:00:01"), null, "a multicast address that the router listens to");
    assert.equal(await directory.port("2e:e1:48:3c:59:aa"), null, "the router's own, of a bridge port");
    assert.equal(await directory.port("02:00:00:00:0a:99"), null);
    assert.equal(await directory.port("nonsense"), null);
  });
  it("does without bridge, and complains once", async () => {
    const log: string[] = [];
    const run: RunCommand = (tool) => Promise.reject(new CommandFailure(tool, "missing", "bridge is not installed: install the package ip-bridge"));
    const directory = openHomeDirectory({
      tables: playTables(run),
      log: (_, message) => {
        log.push(message);
      },
    });
    assert.deepEqual([await directory.port("02:00:00:00:0a:01"), await directory.port("02:00:00:00:0a:02")], [null, null]);
    assert.deepEqual(log, ["cannot read bridge ports: bridge is not installed: install the package ip-bridge"]);
  });

  it("gathers names from all lease files that there are", async () => {
    const leaseFiles = [
      file("dhcp.leases", "1795291200 02:00:00:00:0a:01 192.168.1.21 camera *\n"),
      join(folder, "absent"),
      join(folder, "dhcp.leases", "absent"),
      file("odhcpd", "2001:db8:1::21\tcam6\n192.168.1.22\tlaptop.lan\tlaptop\n"),
    ];
    const log: string[] = [];
    const names = await openHomeDirectory({
      tables: playTables(),
      log: (_, message) => {
        log.push(message);
      },
      leaseFiles,
    }).names();
    assert.deepEqual([Object.fromEntries(names), log], [{ "02:00:00:00:0a:01": "camera", "02:00:00:00:0a:02": "laptop" }, []]);
  });
  it("reads all files of a folder but hidden ones, and none that was replaced since the jail was made", async () => {
    mkdirSync(join(folder, "hosts"));
    file("hosts/odhcpd.hosts.br-lan", "192.168.1.22\tlaptop.lan\tlaptop\n");
    file("hosts/.odhcpd.tmp", "192.168.1.22\thalf\n");
    const outdated = openSync(file("outdated", "1795291200 02:00:00:00:0a:01 192.168.1.21 gone *\n"), "r");
    rmSync(join(folder, "outdated"));
    const leaseFiles = [`${folder}/hosts/`, `/proc/self/fd/${outdated}`];
    const names = await openHomeDirectory({ tables: playTables(), log: silent, leaseFiles }).names();
    closeSync(outdated);
    assert.deepEqual(Object.fromEntries(names), { "02:00:00:00:0a:02": "laptop" });
  });
  it("survives lease files that are broken, huge, or none", async () => {
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const leaseFiles = [
      file("binary", Buffer.concat([Buffer.from([0xff, 0xfe, 0, 10]), Buffer.from("1 02:00:00:00:0a:01 192.168.1.21 caf"), Buffer.from([0xe9, 10])])),
      file("huge", "x".repeat(2 * 1024 * 1024)),
      file("empty", ""),
      folder,
      join(folder, "fifo"),
    ];
    const log: string[] = [];
    const directory = openHomeDirectory({
      tables: playTables(),
      log: (_, message) => {
        log.push(message);
      },
      leaseFiles,
    });
    await directory.names();
    assert.deepEqual(Object.fromEntries(await directory.names()), { "02:00:00:00:0a:01": "caf\ufffd" });
    assert.equal(log.length, 2, log.join("\n"));
  });
});
